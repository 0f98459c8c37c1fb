"""`smtptool send` where its surroundings are hostile (attacks 48, 50, 142): line ends in arguments
and in the environment, standard descriptors that are closed, no room for a file.

Whatever happens, it is a clean end: an exit status of its own, no signal, nothing of the line that
was smuggled at the next hop, and no descriptor of ours taken for the user's.
"""
import os
import re
import resource
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, write
from _smtp import Sink

BAD = (65, 64)
EXITS = {0, 64, 65, 66, 67, 68, 69, 75, 76, 77, 78}
INJECTED = "evil@injected.test"
LINE_ENDS = (("CRLF", "\r\n"), ("LF", "\n"), ("CR", "\r"))


def send(server, *args, env=None, before=None, stdin=subprocess.DEVNULL, **given):
    options = {"--from": "a@our.test", "--subject": "hello", "--text": "hi", **given}
    words = [w for pair in options.items() if pair[1] is not None for w in pair]
    return subprocess.run([SMTPTOOL, "send", "--server", server, "--retries", "0", *words, *args],
                          stdin=stdin, capture_output=True, timeout=60, preexec_fn=before,
                          env={**os.environ, **(env or {})})


def nothing_injected(report, name, sink):
    seen = b"".join(sink.lines) + b"".join(m.raw for m in sink.kept())
    fields = [m.data.split(b"\r\n\r\n")[0] for m in sink.kept()]
    report.check(f"{name}: no field or command was injected", not any(
        re.search(rb"(?mi)^bcc:", f) for f in fields)
        and b"RCPT TO:<" + INJECTED.encode() not in seen, seen[-600:])


def line_ends(report, url, sink):
    """Attacks 48, 50, 142: a line end in an argument is refused before anybody is connected to."""
    for what, end in LINE_ENDS:
        bad = f"x{end}Bcc: {INJECTED}"
        rcpt = f"b@sink.test>{end}RCPT TO:<{INJECTED}"
        cases = [("--subject", {"--subject": bad}, "b@sink.test"),
                 ("--from", {"--from": f"a@our.test{end}Bcc: {INJECTED}"}, "b@sink.test"),
                 ("--to", {"--to": f"c@sink.test{end}Bcc: {INJECTED}"}, "b@sink.test"),
                 ("--header value", {"--header": f"X-A: {bad}"}, "b@sink.test"),
                 ("--header name", {"--header": f"X{end}Bcc: {INJECTED}"}, "b@sink.test"),
                 ("--header without a name", {"--header": f": {bad}"}, "b@sink.test"),
                 ("--hello", {"--hello": f"a.test{end}RCPT TO:<{INJECTED}>"}, "b@sink.test"),
                 ("--envid", {"--envid": f"q{end}RCPT TO:<{INJECTED}>"}, "b@sink.test"),
                 ("a recipient", {}, rcpt)]
        for name, given, to in cases:
            sink.clear()
            done = send(url, to, **given)
            name = f"attack 142: {what} in {name}"
            if "--envid" in given: # xtext carries it encoded
                report.check(f"{name}: a clean end", done.returncode in EXITS, done)
            else:
                report.check(f"{name}: refused", done.returncode in BAD, done)
                report.equal(f"{name}: nothing was sent", len(sink.kept()), 0)
            report.check(f"{name}: the message is one line of text",
                         done.stderr.count(b"\n") <= 2 and b"\r" not in done.stderr, done.stderr)
            nothing_injected(report, name, sink)


def environment(report, url, sink):
    """Attack 142: the environment is the caller's."""
    evil = f"x\r\nBcc: {INJECTED}\n\x1b[2J"
    names = ("USER", "LOGNAME", "HOME", "HOSTNAME", "LANG", "LC_ALL", "TZ", "NO_COLOR",
             "XDG_STATE_HOME", "XDG_CONFIG_HOME", "EMAIL", "TERM")
    sink.clear()
    done = send(url, "b@sink.test", env={n: evil for n in names})
    report.check("attack 142: line ends in the environment: a clean end", done.returncode in EXITS, done)
    nothing_injected(report, "attack 142: environment", sink)
    done = send(url, "b@sink.test", env={"SMTPTOOL_CONFIG": evil})
    report.check("attack 142: a file name with a line end: told in one line",
                 done.returncode in EXITS and b"\x1b" not in done.stderr
                 and b"\nBcc" not in done.stderr, done)
    done = send(url, "b@sink.test", **{"--user": "u", "--secret": "env:EVIL"}, env={"EVIL": evil})
    report.check("attack 142: a secret with a line end", done.returncode in EXITS and
                 done.returncode != 0, done)
    report.check("attack 142: which is not shown", b"[2J" not in done.stdout + done.stderr, done)
    done = subprocess.run([SMTPTOOL, "send", "--server", url, "--from", "a@our.test", "b@sink.test"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env={})
    report.check("attack 142: no environment at all", done.returncode in EXITS, done)


def closed_descriptors(report, url, sink):
    """Attack 142: a socket must not become descriptor 2, into which errors are written."""
    for closed in ((0,), (1,), (2,), (0, 1, 2)):
        def before(fds=closed):
            for fd in fds:
                os.close(fd)
        sink.clear()
        done = send(url, "b@sink.test", "-v", before=before)
        name = f"attack 142: descriptors {closed} closed"
        report.equal(f"{name}: sent", done.returncode, 0)
        messages = sink.kept()
        report.equal(f"{name}: one message", len(messages), 1)
        verbs = [line.split(b" ")[0].strip() for line in sink.lines]
        report.equal(f"{name}: nothing but SMTP on the wire", verbs,
                     [b"EHLO", b"MAIL", b"RCPT", b"DATA", b"QUIT"])
    for closed in ((0,), (2,), (0, 1, 2)):
        def before(fds=closed):
            for fd in fds:
                os.close(fd)
        done = subprocess.run([SMTPTOOL, "config", "show"], preexec_fn=before, timeout=30,
                              stdout=subprocess.PIPE if 1 not in closed else None,
                              stderr=subprocess.PIPE if 2 not in closed else None)
        report.check(f"attack 142: config show with {closed} closed", done.returncode in EXITS | {1},
                     done)


def no_room(report, url, sink):
    """Attack 142: RLIMIT_FSIZE 0 would end a program that writes a file by SIGXFSZ."""
    where = folder()
    def before():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sink.clear()
    done = send(url, "b@sink.test", before=before)
    report.check("attack 142: no room for files: sent, or a clean end", done.returncode in EXITS, done)
    out = os.path.join(where, "out")
    with open(out, "wb") as f:
        done = subprocess.run([SMTPTOOL, "send", "--server", url, "--retries", "0", "--json", "--from",
                               "a@our.test", "--text", "hi", "b@sink.test"], timeout=60,
                              preexec_fn=before, stdin=subprocess.DEVNULL, stdout=f,
                              stderr=subprocess.PIPE)
    report.check("attack 142: a report that cannot be written: no signal", done.returncode >= 0, done)
    config = write(os.path.join(where, "c.yaml"), f"state: {where}/state\n")
    done = subprocess.run([SMTPTOOL, "-C", config, "user", "add", "bob"], input=b"pw\n", timeout=60,
                          preexec_fn=before, capture_output=True)
    report.check("attack 142: user add without room: an error, no signal", done.returncode > 0
                 and done.stderr.strip() != b"", done)


def main():
    need_program()
    report, sink = Report(), Sink()
    url = f"smtp://127.0.0.1:{sink.port}?tls=none"
    for part in (line_ends, environment, closed_descriptors, no_room):
        part(report, url, sink)
    return report.finish()


if __name__ == "__main__":
    os.environ.pop("SMTPTOOL_CONFIG", None)
    sys.exit(main())
