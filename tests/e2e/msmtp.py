#!/usr/bin/env python3
"""msmtp and smtptool under its name: the same command lines against the same server. What they exit
with, and what arrives, must be equal; -P and complaints about options and files word for word.

Without msmtp the lines run by ours alone are checked for their exit codes.
"""
import os
import re
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, free_port, need_program, tool, write
from _smtp import Sink

SECONDS_MAX = 60
report = Report()
LETTER = b"From: me@example.com\nTo: bob@example.net\nBcc: bcc@example.net\nSubject: hi\n\nHello\n.dot\n"
BARE = b"Subject: bare\n\nHello\n"


def answer(verb, line, session):
    return "550 5.1.1 not here" if verb == "RCPT" and b"refused@" in line else None


def normal(data):
    head, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = [re.sub(rb"(?i)^(date|message-id): .*", rb"\1: X", f, flags=re.S).lower() for f in head.split(b"\n")]
    return sorted(fields), body


def run(program, words, given):
    sink.clear()
    env = {k: v for k, v in os.environ.items() if k not in ("XDG_CONFIG_HOME", "EMAIL", "SMTPSERVER")}
    done = subprocess.run([program, *words], input=given, capture_output=True, timeout=SECONDS_MAX,
                          env={**env, "HOME": HOME, "LC_ALL": "C"}, check=False)
    kept = sink.wait(1, 10) if done.returncode == 0 and b" = " not in done.stdout else []
    mail = kept[0] if kept else None
    return {"exit": done.returncode, "stdout": re.sub(r"(?m)^(ignoring|loaded|falling back) .*\n", "", done.stdout.decode()), "stderr": done.stderr.decode().split("\n")[0],
            "mail": mail and (mail.sender, sorted(mail.recipients), normal(mail.data))}


def check(words, code=0, given=LETTER, said=False):
    name = "msmtp " + " ".join(words)
    ours = run(OURS, words, given)
    report.equal(f"{name}: exit", ours["exit"], code)
    if not MSMTP:
        return
    theirs = run(MSMTP, words, given)
    for part in ("exit", "mail", "stdout", *(["stderr"] if said else [])):
        report.equal(f"{name}: {part} as the original", ours[part], theirs[part])


def rc(name, text):
    return write(os.path.join(HOME, name), text.encode(), 0o600)


need_program()
HOME = folder()
OURS, MSMTP = os.path.join(HOME, "msmtp"), tool("msmtp")
os.symlink(SMTPTOOL, OURS)
sink = Sink(answer=answer)
if not MSMTP:
    report.skip("the original", "msmtp is not installed")
rc(".msmtprc", f"""# what the manual shows
defaults
port {sink.port}
timeout 20
account work
host 127.0.0.1
from me@example.com
account second : work
from "second@example.com"
set_from_header on
account made
eval echo host 127.0.0.1
from made@example.com
undisclosed_recipients on
account closed : work
port {free_port()}
account fixed : work
allow_from_override off
account default : work
""")
REFUSED = 65
TO = ["--", "bob@example.net"]
HOST = ["--host=127.0.0.1", f"--port={sink.port}", "--from=me@example.com"]
check(["bob@example.net"])
check(["-a", "work", *TO])
check(["--account=second", *TO])
check(["--account", "second", *TO], given=BARE)
check(["-a", "made", *TO])
check(["-a", "fixed", "-f", "other@example.com", *TO])
check(["-f", "second@example.com", *TO])
check(["--from=unknown@example.com", *TO])
check(["-t"])
check(["-t", "more@example.net"])
check(["--read-recipients", "--read-envelope-from"])
check(["--read-envelope-from", *TO], given=LETTER.replace(b"me@", b"second@"))
check([*HOST, *TO])
check([*HOST, "-FMe Myself", *TO], given=BARE)
check([*HOST, "-N", "success,delay", "-R", "full", *TO])
check([*HOST, "--dsn-notify=never", "--dsn-return=headers", *TO])
check([*HOST, "--set-date-header=off", "--set-from-header=off", *TO], given=BARE)
check([*HOST, "--remove-bcc-headers=off", *TO])
check([*HOST, "--undisclosed-recipients", *TO])
check([*HOST, "-Btype", "-bm", "-G", "-h9", "-i", "-L", "tag", "-m", "-n", "-O", "a=b", "-oi", *TO])
check([*HOST, "--protocol=smtp", "--domain=client.test", "--tls=off", "--auth=off", *TO])
check([*HOST, "--timeout=5", "bob@example.net", "carol@example.net"])
check([*HOST, "bob@example.net", "refused@example.net"], REFUSED, said=True)
check(["-P", *TO])
check(["-P", "-a", "second", *TO])
check(["--pretend", *HOST, "--tls", "--auth=on", "--user=joe", *TO])
check([*HOST], 64, said=True)
check(["--bogus", *TO], 64)
check([*HOST, "-a", "work", *TO], 64, said=True)
check([*HOST, "-N", "foo", *TO], 64, said=True)
check(["-a", "nobody", *TO], 78)
check(["-C", "/nonexistent", *TO], 74, said=True)
check(["-C", rc("bad", "account a\nfoo bar\n"), *TO], 78, said=True)
check(["-C", rc("twice", "account a\nhost x\naccount a\n"), *TO], 78, said=True)
check(["-C", rc("orphan", "account a : b\n"), *TO], 78, said=True)
done = run(OURS, ["-C", write(os.path.join(HOME, "open"), b"account a\nhost x\nfrom a@b\npassword p\n"), "-a", "a", *TO],
           LETTER)
report.check("a password that all may read", done["exit"] == 78 and "contains secrets" in done["stderr"], done)
done = run(OURS, ["-a", "closed", *TO], LETTER)
report.check("a closed port", done["exit"] == 75 and done["stderr"].startswith("msmtp: "), done)
done = run(OURS, [*HOST, "--tls", *TO], LETTER)
report.check("attack 13: no STARTTLS, no mail", done["exit"] == 69 and not sink.kept(), done)
done = run(OURS, [*HOST, "--", "b@example.net>\r\nRCPT TO:<x@example.net"], LETTER)
report.check("attack 49: a recipient holds no command", done["exit"] == 65 and not sink.kept(), done)
log = os.path.join(HOME, "log")
done = run(OURS, [*HOST, "-X", log, *TO], LETTER)
with open(log, encoding="utf-8") as file:
    line = file.read()
report.check("a line in the log", re.search(r"host=127.0.0.1 tls=off auth=off from=me@example.com "
                                            r"recipients=bob@example.net mailsize=\d+ .*exitcode=EX_OK\n$", line), line)
sys.exit(report.finish())
