#!/usr/bin/env python3
"""sendmail, mailq and newaliases: command lines by Postfix's program and by us under its name; what
they exit with, what they say first, and what a server gets in the end must be alike.

Without Postfix the same lines are checked against what is written beside them.
"""
import json
import os
import pwd
import re
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, free_port, need_program, until, write
from _peers import Postfix
from _server import Server, route
from _smtp import CAPABILITIES, Sink, drop_received

SECONDS_MAX = 60
report = Report()
LETTER = b"From: me@example.com\nTo: bob@example.net\nSubject: hi\nDate: Sat, 21 Nov 2026 08:48:16 +0000\n" \
         b"Message-ID: <a@example.com>\n\nHello\n.\nand more\n"
WITH_BCC = LETTER.replace(b"Subject", b"Cc: cc@example.net\nBcc: bcc@example.net\nSubject")
WHO = f"{pwd.getpwuid(os.getuid()).pw_name}({os.getuid()})"
BARE = b"Subject: bare\n\nHello\n"

# words, stdin, exit, how stderr begins, recipients that get it (None: nothing is sent)
LINES = [
    ("-f me@example.com bob@example.net", LETTER, 0, "", ["bob@example.net"]),
    ("-i -f me@example.com bob@example.net", LETTER, 0, "", ["bob@example.net"]),
    ("-oi -r me@example.com bob@example.net", LETTER.replace(b"\n", b"\r\n"), 0, "", ["bob@example.net"]),
    ("-t -f me@example.com", WITH_BCC, 0, "", ["bob@example.net", "cc@example.net", "bcc@example.net"]),
    ("-t -f me@example.com more@example.net", LETTER, 0, "", ["bob@example.net", "more@example.net"]),
    ("-f me@example.com -F 'Me Myself' bob@example.net", BARE, 0, "", ["bob@example.net"]),
    ("-f '' bob@example.net", LETTER, 0, "", ["bob@example.net"]),
    ("-bm -Am -G -h 9 -L label -m -U -o7 -o8 -om -e m -f me@example.com bob@example.net", LETTER, 0, "",
     ["bob@example.net"]),
    ("-B 8BITMIME -O Timeout=1 -ox -f me@example.com -- bob@example.net", LETTER, 0, "", ["bob@example.net"]),
    ("-N success,delay -R hdrs -V QQ314159 -f me@example.com bob@example.net", LETTER, 0, "", ["bob@example.net"]),
    ("-N sometimes -f me@example.com bob@example.net", LETTER, 0, "sendmail: warning: ", ["bob@example.net"]),
    ("-R all -f me@example.com bob@example.net", LETTER, 0, "sendmail: warning: bad -R option value -- ignored",
     ["bob@example.net"]),
    ("-f me@example.com bob@example.net bob@example.net", LETTER, 0, "", ["bob@example.net"]),
    ("", LETTER, 75, f"sendmail: fatal: {WHO}: Recipient addresses must be specified on the command line or via the -t option", None),
    ("-t", b"Subject: nobody\n\nhi\n", 75, f"sendmail: fatal: {WHO}: No recipient addresses found in message header", None),
    ("-bs bob@example.net", b"", 75, "sendmail: fatal: stand-alone mode requires no recipient", None),
    ("-bp bob@example.net", b"", 75, "sendmail: fatal: display queue mode requires no recipient", None),
    ("-bi bob@example.net", b"", 75, "sendmail: fatal: alias initialization mode requires no recipient", None),
    ("-q bob@example.net", b"", 75, "sendmail: fatal: flush queue mode requires no recipient", None),
    ("-bs -t", b"", 75, "sendmail: fatal: -t can be used only in delivery mode", None),
    ("-bv -t", b"", 75, "sendmail: fatal: -t option cannot be used with -bv", None),
    ("-bz bob@example.net", b"", 75, "sendmail: fatal: unsupported: -bz", None),
    ("-qSsite", b"", 75, "sendmail: fatal: -qS is not implemented", None),
    ("-qx", b"", 75, "sendmail: fatal: -qx is not implemented", None),
    ("-oA", b"", 75, "sendmail: fatal: -oA requires pathname", None),
    ("-XV -f me@example.com bob@example.net ann@example.org", LETTER, 0, "", ["bob@example.net", "ann@example.org"]),
    ("-XV=+ -f me@example.com bob@example.net", LETTER, 0, "", ["bob@example.net"]),
    ("-XVxy -f me@example.com bob@example.net", LETTER, 75, "sendmail: fatal: -V requires two characters from", None),
    ("-B foo bob@example.net", b"", 75, "sendmail: fatal: -B option needs 8BITMIME or 7BIT", None),
    ("-q5m", b"", 0, "", None), ("-bh", b"", 0, "", None), ("-bi", b"", 0, "", None), ("-I", b"", 0, "", None),
    ("-q", b"", 0, "", None),
]


def words_of(text):
    return [w.strip("'") for w in re.findall(r"'[^']*'|\S+", text)]


def normal(data):
    """What a message says, without what each program may write its own way."""
    text = drop_received(data)[0].replace(b"\r\n", b"\n")
    head, _, body = text.partition(b"\n\n")
    fields = [re.sub(rb"(?i)^(date|message-id): .*", rb"\1: X", f, flags=re.S).lower()
              for f in re.split(rb"\n(?![ \t])", head)]
    return sorted(fields), body


def run(program, words, given, env=None):
    done = subprocess.run([*program, *words], input=given, capture_output=True, timeout=SECONDS_MAX,
                          env={**os.environ, **(env or {})}, check=False)
    return done.returncode, done.stdout, done.stderr.decode("latin1")


def arrived(sink, rcpts):
    until(30, lambda: sorted({r for m in sink.kept() for r in m.recipients}) == sorted(rcpts))
    kept = sink.kept()
    return sorted({r for m in kept for r in m.recipients}), kept[0].sender if kept else None, \
        normal(kept[0].data) if kept else None


def compare(text, given, code, said, rcpts):
    name = "sendmail " + text
    own_sink.clear()
    got = run([OURS], words_of(text), given, CONFIG)
    report.equal(f"{name}: exit", got[0], code)
    report.check(f"{name}: stderr", got[2].startswith(said) and (said or not got[2]), got[2])
    ours = arrived(own_sink, rcpts) if rcpts else None
    if rcpts:
        report.equal(f"{name}: recipients", ours[0], sorted(rcpts))
    if not postfix:
        return
    peer_sink.clear()
    theirs = run([SENDMAIL], words_of(text), given, {"MAIL_CONFIG": postfix.etc})
    report.equal(f"{name}: exit as the original", got[0], theirs[0])
    report.equal(f"{name}: stderr as the original", got[2].split("\n")[0], theirs[2].split("\n")[0])
    if rcpts:
        report.equal(f"{name}: what arrives", ours, arrived(peer_sink, rcpts))


def our_own():
    code, out, _ = run([OURS], ["-bs"], b"EHLO me\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nQUIT\r\n", CONFIG)
    report.check("-bs", code == 0 and out.startswith(b"220 ") and b"\r\n221 " in out, out)
    code, out, _ = run([OURS], ["-bv", "bob@example.net"], b"", CONFIG)
    report.check("-bv", code == 0 and b"<bob@example.net>: deliverable: 250" in out, out)
    code, out, _ = run([link("mailq")], [], b"", CONFIG)
    own_sink.clear()
    code, _, err = run([OURS], ["-XV", "-f", "me@example.com", "bob@example.net", "ann@example.org"], LETTER, CONFIG)
    arrived(own_sink, ["bob@example.net", "ann@example.org"])
    report.equal("-XV: a return path for each", sorted((m.sender, m.recipients) for m in own_sink.kept()),
                 [("me+ann=example.org@example.com", ["ann@example.org"]), ("me+bob=example.net@example.com", ["bob@example.net"])])
    own_sink.clear()
    code, _, err = run([OURS], ["-v", "-f", "me@example.com", "bob@plain.example"], LETTER, CONFIG)
    until(30, lambda: len(own_sink.kept()) == 2)
    reports = [m for m in own_sink.kept() if m.sender == "" and m.recipients == ["me@example.com"]]
    report.check("-v: a report of the delivery", code == 0 and len(reports) == 1 and b"Action: relayed" in reports[0].data and
                 b"bob@plain.example" in reports[0].data, (code, err, own_sink.kept()))
    report.check("mailq of an empty queue", code == 0 and out == b"Mail queue is empty\n", out)
    code, out, err = run([link("newaliases")], [], b"", CONFIG)
    report.check("newaliases", code == 0 and out.count(b"\n") == 1 and not err, out)
    own_sink.clear()
    code, _, err = run([SMTPTOOL, "sendmail"], ["-f", "a@example.com\r\nRCPT TO:<x@y>", "bob@example.net"], LETTER, CONFIG)
    report.check("attack 49: a sender holds no command", code == 65 and not own_sink.kept(), err)
    code, _, err = run([OURS], ["-F", "Me\r\nBcc: x@example.net", "-f", "a@example.com", "bob@example.net"], BARE, CONFIG)
    report.check("attack 48: a full name holds no field", code == 65 and not own_sink.kept(), err)


def waiting():
    """What cannot be delivered is listed, and tried again when it is asked for."""
    run([OURS], ["-f", "me@example.com", "late@down.example"], LETTER, CONFIG)
    listed = lambda: run([link("mailq")], [], b"", CONFIG)[1]
    report.check("mailq shows what waits", until(30, lambda: b"late@down.example" in listed()), listed())
    lines = listed().decode().split("\n")
    report.check("mailq: its form", lines[0].startswith("-Queue ID-") and "me@example.com" in lines[1] and
                 lines[-2].endswith(" in 1 Request."), lines)
    name = lines[1].split()[0]
    report.equal("-qI", run([OURS], ["-qI" + name], b"", CONFIG)[0], 0)
    report.equal("-qR", run([OURS], ["-qRdown.example"], b"", CONFIG)[0], 0)
    server.stop()
    code, _, err = run([OURS], ["bob@example.net"], LETTER, CONFIG)
    report.check("without a server", code == 75 and err.startswith("sendmail: fatal: "), (code, err))
    report.equal("mailq without a server", run([link("mailq")], [], b"", CONFIG)[0], 69)
    by_account()


def by_account():
    """No server answers on this machine: the account "default" takes the mail."""
    own_sink.clear()
    provider = Server(routes=[route("*", own_sink.port)])
    provider.add_user("me@example.com", "correct-horse-7")
    provider.start()
    config = write(os.path.join(HOME, "default.json"), json.dumps({
        "state": os.path.join(HOME, "state"), "hostname": "laptop.test",
        "listeners": [{"address": f"127.0.0.1:{free_port()}", "role": "relay"}],
        "accounts": {"default": {"servers": [f"smtp://localhost:{provider.submission}"], "user": "me@example.com",
                                 "secret": "env:PASSWORD"}}}))
    code, _, err = run([OURS], ["-f", "me@example.com", "bob@example.net"], LETTER,
                       {"SMTPTOOL_CONFIG": config, "PASSWORD": "correct-horse-7", "SSL_CERT_FILE": provider.certificate})
    kept = own_sink.wait(1)
    report.check("without a server, by the account default", code == 0 and len(kept) == 1 and
                 kept[0].recipients == ["bob@example.net"], (code, err))


def link(name):
    path = os.path.join(HOME, name)
    if not os.path.lexists(path):
        os.symlink(SMTPTOOL, path)
    return path


need_program()
HOME = folder()
OURS, SENDMAIL = link("sendmail"), "/usr/sbin/sendmail"
own_sink, peer_sink = Sink(), Sink()
plain_sink = Sink(CAPABILITIES[:2]) # no DSN there: what is relayed to it is told
plain_sink.messages, plain_sink.lock = own_sink.messages, own_sink.lock
server = Server(routes=[route("down.example", free_port()), route("plain.example", plain_sink.port), route("*", own_sink.port)])
server.start()
CONFIG = {"SMTPTOOL_CONFIG": server.file}
postfix, why = Postfix.make(peer_sink.port)
if not postfix or not os.path.exists(SENDMAIL):
    postfix = None
    report.skip("Postfix's own sendmail", why)
for line in LINES:
    compare(*line)
our_own()
waiting()
sys.exit(report.finish())
