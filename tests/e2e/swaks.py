#!/usr/bin/env python3
"""swaks and smtptool under its name, the same command lines against the same servers: what they
print, what they exit with, and what arrives must be equal but for dates, ids and the like.

Without swaks the lines run by ours alone are checked for their exit codes. Attacks 48 to 51: no
option's value begins another header or another command.
"""
import base64
import concurrent.futures
import difflib
import hashlib
import hmac
import os
import re
import shlex
import subprocess
import sys

from _check import SMTPTOOL, Report, at_end, folder, free_port, need_program, tool, until, write
from _peers import Postfix
from _server import make_certificate
from _smtp import Sink

SECONDS_MAX = 60
USER, PASSWORD = b"joe", b"secret"
CHALLENGE = b"<1896.697170952@sink.test>"
report = Report()


class PostfixOfMany(Postfix):
    """With TLS, XCLIENT for everybody, a port behind a proxy, and nothing that it stores."""

    def services(self):
        self.proxied, self.wrapped = free_port(), free_port()
        return (super().services() +
                f"127.0.0.1:{self.proxied} inet n - n - 10 smtpd -o smtpd_upstream_proxy_protocol=haproxy\n"
                f"127.0.0.1:{self.wrapped} inet n - n - 10 smtpd -o smtpd_tls_wrappermode=yes\n")

    def settings(self, sink_port):
        return super().settings(sink_port) + f"""default_transport = discard
relay_transport = discard
smtpd_tls_cert_file = {CERTIFICATE}
smtpd_tls_key_file = {KEY}
smtpd_tls_security_level = may
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_error_sleep_time = 0
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ refused@example.net = 550 5.1.1 not here }} }}, permit_mynetworks, reject
smtpd_sender_restrictions = check_sender_access inline:{{ {{ refused@example.com = 550 5.7.1 not you }} }}
"""


# ---- a server of ours ------------------------------------------------------------------------

def log_in(line, session):
    def asked(challenge):
        session.say(b"334 " + base64.b64encode(challenge) + b"\r\n")
        return base64.b64decode(session.file.readline().strip())

    words = line.split()
    kind = words[1].upper()
    given = base64.b64decode(words[2]) if len(words) > 2 else None
    if kind == b"PLAIN":
        good = given == b"\0" + USER + b"\0" + PASSWORD
    elif kind == b"LOGIN":
        user = given if given is not None else asked(b"Username:")
        good = (user, asked(b"Password:")) == (USER, PASSWORD)
    elif kind in (b"CRAM-MD5", b"CRAM-SHA1"):
        digest = hmac.new(PASSWORD, CHALLENGE, hashlib.md5 if kind == b"CRAM-MD5" else hashlib.sha1)
        good = asked(CHALLENGE) == USER + b" " + digest.hexdigest().encode()
    elif kind == b"XOAUTH2":
        good = given == b"user=joe\1auth=Bearer secret\1\1"
    else:
        return "504 5.5.4 unknown"
    return "235 2.7.0 welcome" if good else "535 5.7.8 no"


def answer(verb, line, session):
    if verb == "AUTH":
        return log_in(line, session)
    if verb == "XCLIENT":
        return "550 5.7.0 not you" if b"LOGIN=" in line else "220 again"
    if verb in ("MAIL", "RCPT") and b"refused@" in line:
        return "550 5.1.1 not here"
    if verb == "MAIL" and b"gone@" in line:
        return b""
    return None


OFFERED = ("PIPELINING", "AUTH LOGIN PLAIN CRAM-MD5 CRAM-SHA1 XOAUTH2", "XCLIENT NAME ADDR LOGIN HELO", "8BITMIME")


# ---- running both ----------------------------------------------------------------------------

NORMAL = [
    (r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}", "DATE"),
    (r"(Message-Id: <)[^@>]+@", r"\1ID@"),
    (r"X-Mailer: .*", "X-Mailer: X"),
    (r"(_MIME_BOUNDARY_00\d_)[\w.]+", r"\1B"),
    (r"response in \d+\.\d{3}s", "response in T"),
    (r"IO::Socket::INET: ", ""),  # whose words they are
    (r"(queued as) \w+", r"\1 ID"),
    (r"(TLS startup failed) \(.*", r"\1"),  # ours says why
    (r"Unix socket.*|Process ID.*", ""),
]


def normal(data):
    text = data.decode("latin1").replace("\r", "")
    for pattern, instead in NORMAL:
        text = re.sub(pattern, instead, text)
    return text


def run(program, args, given, more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("SWAKS")}
    env.update({"HOME": NOBODY, "LOGNAME": "tester", "LC_ALL": "C"}, **more)
    done = subprocess.run([program, *args], input=given, capture_output=True, timeout=SECONDS_MAX, env=env, check=False)
    return {"exit": done.returncode, "stdout": normal(done.stdout), "stderr": normal(done.stderr)}


def differences(theirs, ours):
    lines = []
    for part in ("exit", "stdout", "stderr"):
        a, b = str(theirs[part]).split("\n"), str(ours[part]).split("\n")
        lines += difflib.unified_diff(a, b, f"swaks {part}", f"ours {part}", lineterm="", n=0)
    return "\n".join(lines)


class Line:
    """A command line: its words, what stands on stdin, variables, and what swaks exits with."""

    def __init__(self, words, code=0, given=b"", **more):
        self.words, self.code, self.given, self.more = words, code, given, more

    def check(self, base):
        args = shlex.split(base + " " + self.words)
        ours = run(OURS, args, self.given, self.more)
        name = f"swaks {self.words} {' '.join(self.more)}"
        report.equal(f"{name}: exit", ours["exit"], self.code)
        if SWAKS:
            found = differences(run(SWAKS, args, self.given, self.more), ours)
            report.check(f"{name}: as the original", not found, found)


def check_all(base, lines):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(line.check, base) for line in lines]:
            done.result()


# ---- the lines -------------------------------------------------------------------------------

def against_postfix(postfix):
    """Command lines from swaks's manual: its quick start, and each group of its options."""
    server = f"-s 127.0.0.1:{postfix.port} --helo client.test"
    to = f"{server} --to user@example.com --from me@example.com"
    check_all(to, [
        Line(""),
        Line("--header-X-Test 'test email'"),
        Line("--attach - --suppress-data", given=b"X5O!P%@AP not the real one\n"),
        Line("--body 'a line\\nanother'"),
        Line("--to refused@example.net --quit-after RCPT --hide-all", 24),
        Line("--to refused@example.net,user@example.com"),
        Line("--from '<>' -q MAIL"),
        Line("--from refused@example.com", 24),
        Line("--pipeline"),
        Line("--pipeline --to refused@example.net", 24),
        Line("-tls -q TLS"),
        Line("-tls --quit-after HELO"),
        Line("-tls --tls-verify", 29),
        Line(f"-tls --tls-verify --tls-ca-path {CERTIFICATE} -q HELO"),
        Line("-tls --tls-protocol tlsv1_2 -q HELO"),
        Line("-tls --tls-protocol no_tlsv1_3 --tls-cipher ECDHE-ECDSA-AES128-GCM-SHA256 -q HELO"),
        Line("-tls --tls-get-peer-cert --hide-send --hide-receive -nih -q HELO"),
        Line(f"-tls --tls-cert {CERTIFICATE} --tls-key {KEY} -q HELO"),
        Line("-tlso"), Line("-tlsos -n"),
        Line("--protocol ESMTPS -n"), Line("--protocol SMTP"),
        Line("--auth -au me -ap secret", 28), Line("-ao -au me -ap secret -q AUTH"),
        Line("--xclient-name foo.example.com --xclient-addr 192.168.1.1 -q XCLIENT"),
        Line("--xclient-helo 'helo string' --xclient-delim --xclient-name foo.example.com -n"),
        Line("--xclient 'FOO=bar NAME=wind' -q XCLIENT", 33),
        Line("-stl --quit-after BANNER"), Line("-n -nth"), Line("-hr -hi -nsh -q RCPT"),
        Line("--drop-after RCPT"), Line("--drop-after-send DATA"), Line("--prdr", 30),
        Line("-q FIRST-HELO", SWAKS_OPT_from="fred@example.com", SWAKS_OPT_h_From='"Fred" <fred@example.com>'),
        Line("", SWAKS_HOME=HOME),
    ])
    check_all(f"-s 127.0.0.1:{postfix.proxied} --helo client.test -t a@example.com -f b@example.com", [
        Line("--proxy-version 1 --proxy-family TCP4 --proxy-source 192.0.2.1 --proxy-source-port 3 "
             "--proxy-dest 127.0.0.1 --proxy-dest-port 25 -q RCPT", 24),
        Line("--proxy 'TCP4 192.0.2.1 127.0.0.1 3 25' -q CONNECT"),
        Line("--proxy-version 2 --proxy-family AF_INET --proxy-source 127.0.0.1 --proxy-source-port 3 "
             "--proxy-dest 127.0.0.1 --proxy-dest-port 25 -n"),
    ])


    check_all(f"-s 127.0.0.1:{postfix.wrapped} --helo client.test -t a@example.com -f b@example.com", [
        Line("-tlsc --tls-sni mail.example.com -q HELO"), Line("--protocol SSMTP -n"), Line("-tlsc -q TLS"),
        Line("--tls-on-connect --tls-verify", 29), Line("--protocol SMTPS --das FIRST-HELO"),
    ])


def against_sink(sink):
    check_all(f"--server 127.0.0.1:{sink.port} --helo client.test -f a@example.com -t b@example.net", [
        Line("--auth -au joe -ap secret"), Line("-a LOGIN -au joe -ap secret -q AUTH"),
        Line("-a PLAIN,LOGIN -au joe -ap wrong", 28), Line("-aos PLAIN -au joe -ap wrong", 28),
        Line("-ao PLAIN -au joe -ap wrong -q MAIL"), Line("-a CRAM-SHA1 -au joe -ap secret -apt -q AUTH"),
        Line("-a LOGIN -au joe -ap secret -apt -ahp -q AUTH"), Line("-a PLAIN -au joe -ap secret -ahp HIDDEN -q AUTH"),
        Line("-am OTHER=PLAIN -a OTHER -au joe -ap secret", 28), Line("-a FOO -au joe -ap secret", 10),
        Line("-a PLAIN -au -ap -q AUTH", given=b"joe\nsecret\n"),
        Line("--xclient-login joe", 33), Line("--xclient-login joe --xclient-optional -n"),
        Line("--xclient-port 3", 33), Line("--xclient-port 3 --xclient-no-verify -q XCLIENT"),
        Line("-f refused@example.com", 23), Line("-f gone@example.com", 6), Line("--protocol LMTP -q RCPT", 0),
        Line("-raw -q CONNECT"), Line("-S -tls", 29), Line("-S 2 -tls", 29), Line("-S 3 -tls", 29), Line("--bogus", 1),
        Line("extra", 1), Line("--no-data-fixup 1", 1), Line("--timeout 5x", 1), Line("-q NOWHERE", 1), Line("-4 -6", 1),
        Line("--proxy-family TCP4", 35), Line("--data @/no/such/file", 1), Line("--socket /no/such/socket", 1),
        Line("--data 'From: %FROM_ADDRESS%\\nTo: %TO_ADDRESS%\\n\\n.dot%NEWLINE%end\\n.\\n' --add-header 'X-Y: z'"),
        Line("--data 'From me Mon\\nFrom: x\\n\\n%BODY%' --body @@x"), Line("-g", given=b"From: x\n\nbody\n"),
        Line("--header 'Subject: new' --h-X-New new -ah 'X-A: b\\nX-B: c'"),
        Line(f"--attach @{NOTE} --attach-type text/html --attach '<b>'"),
        Line(f"--attach-body one --attach-type text/html --attach-body two --attach-name n --attach @{NOTE}"),
    ])
    check_all("-t b@example.net -f a@example.com", [
        Line(f"-s 127.0.0.1:{free_port()}", 2), Line("--socket /no/such/socket", 2),
        Line(f"--pipe '{sys.executable} {HELPER}' -h client.test -n"), Line("-s -q HELO -h client.test", given=f"127.0.0.1:{sink.port}\n".encode()),
    ])


# ---- ours alone ------------------------------------------------------------------------------

def beyond(sink):
    """What the original of this age does not have, or does not do."""
    base = ["-s", f"127.0.0.1:{sink.port}", "-f", "a@example.com", "-t", "b@example.net", "-h", "client.test"]
    done = run(OURS, [*base, "--auth", "XOAUTH2", "-au", "joe", "-ap", "secret", "-q", "AUTH"], b"", {})
    report.check("XOAUTH2", done["exit"] == 0 and "235 " in done["stdout"], done)
    done = run(OURS, [*base, "--auth", "NTLM", "-au", "joe", "-ap", "secret"], b"", {})
    report.check("NTLM is absent, and says why", done["exit"] == 10 and "MD4" in done["stderr"], done)
    sink.clear()
    done = run(OURS, [*base, "--cc", "c@example.net", "--bcc", "d@example.net", "-n"], b"", {})
    kept = sink.wait(1)
    report.check("--cc and --bcc", done["exit"] == 0 and kept and
                 kept[0].recipients == ["b@example.net", "c@example.net", "d@example.net"] and
                 b"\r\nCc: c@example.net\r\n" in kept[0].data and b"d@example" not in kept[0].data, done)
    done = run(SMTPTOOL, ["swaks", *base, "-q", "HELO"], b"", {})
    report.check("as a subcommand", done["exit"] == 0 and " -> QUIT" in done["stdout"], done)
    done = run(OURS, ["-s", f"127.0.0.1:{sink.port}", "-q", "RCPT"], b"", {})
    report.check("no endless questions", done["exit"] == 1 and "input ended" in done["stderr"], done)


PIPED = b"""import sys
def say(text):
    sys.stdout.write(text + "\\r\\n")
    sys.stdout.flush()
say("220 piped")
data = False
for line in sys.stdin:
    if data:
        data = line.strip() != "."
        if not data:
            say("250 kept")
    elif line.startswith("DATA"):
        data = True
        say("354 go")
    elif line.startswith("QUIT"):
        say("221 bye")
        break
    else:
        say("250 ok")
"""


def injected(sink):
    """Attacks 48 to 51: a value cannot begin a header or a command of its own."""
    base = ["-s", f"127.0.0.1:{sink.port}", "-f", "a@example.com", "-t", "b@example.net"]
    bad = [("48: subject", ["--h-Subject", "a\r\nBcc: x@y"]), ("48: add-header", ["-ah", "X: a\nBcc: x@y"]),
           ("49: recipient", ["-t", "b@example.net>\r\nRCPT TO:<x@y"]), ("49: sender", ["-f", "a@b>\nDATA"]),
           ("50: header with a lone CR", ["--header", "X: a\rBcc: x@y"]),
           ("51: file name", ["--attach-name", 'a"\r\nBcc: x@y', "--attach", "x"]),
           ("51: file name by escape", ["--attach-name", "a\\nBcc: x@y", "--attach", "x"]),
           ("51: type", ["--attach-type", "text/plain\nBcc: x@y", "--attach", "x"]),
           ("helo", ["--helo", "a\r\nMAIL FROM:<>"]), ("xclient", ["--xclient-name", "a\r\nQUIT"])]
    for name, args in bad:
        sink.clear()
        done = run(OURS, [*base, *args], b"", {})
        report.check(f"attack {name}", done["exit"] == 1 and not sink.lines and not sink.kept(), done)
    sink.clear()
    run(OURS, [*base, "-f", "%BODY%%NEWLINE%Bcc: x@y", "--attach-name", 'q".txt', "--attach", "x"], b"", {})
    kept = sink.wait(1)
    report.check("attack 48: a token's value holds tokens", kept and b"\r\nBcc:" not in kept[0].data, kept)
    report.check("attack 51: quotes are escaped", kept and b'filename="q\\".txt"' in kept[0].data, kept)


def passwords():
    """Nobody reads one in the list of processes while swaks waits for a server."""
    slow = Sink(OFFERED, lambda verb, line, session: held.append(1) or until(30, lambda: done) and None
                if verb == "EHLO" else None)
    held, done = [], []
    env = {"HOME": NOBODY, "PATH": os.environ["PATH"], "SWAKS_OPT_ap": "in-a-variable"}
    process = subprocess.Popen([OURS, "-s", f"127.0.0.1:{slow.port}", "-t", "a@b", "-au", "joe", "-ap", "hush-hush",
                                "--auth-password=or-else"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    at_end(process.kill)
    until(30, lambda: held)
    seen = b""
    for name in ("cmdline", "environ"):
        with open(f"/proc/{process.pid}/{name}", "rb") as file:
            seen += file.read()
    done.append(1)
    process.wait(30)
    report.check("no password in argv or the environment", b"joe" in seen and not any(
        word in seen for word in (b"hush-hush", b"or-else", b"in-a-variable")), seen)


need_program()
HOME, NOBODY = folder(), folder()
OURS = os.path.join(HOME, "swaks")
os.symlink(SMTPTOOL, OURS)
SWAKS = tool("swaks")
HELPER = write(os.path.join(HOME, "server.py"), PIPED)
NOTE = write(os.path.join(HOME, "note.txt"), b"a note\n")
write(os.path.join(HOME, ".swaksrc"), b'# always\n--h-From: "Fred Example" <fred@example.com>\nsuppress-data\n')
if not SWAKS:
    report.skip("the original", "swaks is not installed")
if not tool("openssl"):
    report.skip("Postfix with TLS", "openssl is not installed")
else:
    CERTIFICATE, KEY = make_certificate(HOME)
    peer, why = PostfixOfMany.make(free_port())
    if peer:
        against_postfix(peer)
    else:
        report.skip("Postfix", why)
own = Sink(OFFERED, answer)
against_sink(own)
beyond(own)
injected(own)
passwords()
sys.exit(report.finish())
