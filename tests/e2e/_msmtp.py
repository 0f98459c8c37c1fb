"""msmtp and smtptool under its name, run with the same words: what they exit with, print and send is compared.

    pair = Pair(report, sink)
    pair.check(["-a", "work", "--", "bob@example.net"])       # both end with 0, and the same mail arrives
"""
import os
import re
import subprocess

from _check import SMTPTOOL, folder, tool, write

SECONDS_MAX = 60
LETTER = b"From: me@example.com\nTo: bob@example.net\nBcc: bcc@example.net\nSubject: hi\n\nHello\n.dot\n"
HIDDEN = ("XDG_CONFIG_HOME", "EMAIL", "SMTPSERVER", "HOSTNAME", "USER", "LOGNAME", "DBUS_SESSION_BUS_ADDRESS")


def normal(data):
    """Fields in any order, without dates and what servers add; and the body."""
    head, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = re.split(rb"\n(?![ \t])", head)
    fields = [re.sub(rb"(?is)^(date|message-id): .*", rb"\1: X", f).lower() for f in fields]
    return sorted(f for f in fields if not f.startswith(b"received:")), body


def printed(text):
    """What both print, without what each has of its own: TLS in its library's words, a host's second name, SIZE=."""
    text = text.replace("\r", "")
    for pattern, instead in (
            (r"(?m)^(.MTP server at \S+) \(.*?\),", r"\1,"),
            (r"(?m)^(TLS session parameters:\n).*$", r"\1    X"),
            (r"(?m)^(--> MAIL FROM:<.*?>).*$", r"\1"), (r"(?m)^(--> AUTH \S+) .*$", r"\1"),
            (r"(?mi)^(--> (date|message-id): ).*$", r"\1X"), (r"(?m)^\w{3} \d\d \d\d:\d\d:\d\d ", ""),
            (r"mailsize=\d+", "mailsize=X"),
            (r"queued as \w+", "queued as X")):
        text = re.sub(pattern, instead, text)
    return text


class Pair:
    def __init__(self, report, sink):
        self.report, self.sink, self.home = report, sink, folder()
        self.ours, self.theirs = os.path.join(self.home, "msmtp"), tool("msmtp")
        os.symlink(SMTPTOOL, self.ours)
        if not self.theirs:
            report.skip("the original", "msmtp is not installed")

    def write(self, name, text, mode=0o600):
        return write(os.path.join(self.home, name), text.encode(), mode)

    def environment(self, more):
        env = {k: v for k, v in os.environ.items() if k not in HIDDEN}
        return {**env, "HOME": self.home, "LC_ALL": "C", "NETRC": os.path.join(self.home, ".netrc"), **(more or {})}

    def run(self, program, words, given=LETTER, env=None, sends=True):
        self.sink.clear()
        done = subprocess.run([program, *words], input=given, capture_output=True, timeout=SECONDS_MAX,
                              env=self.environment(env), check=False)
        kept = self.sink.wait(1, 20) if done.returncode == 0 and sends else self.sink.kept()
        mail = kept[0] if kept else None
        notes = mail and sorted(re.sub(r" SIZE=\d+", "", line) for line in (mail.mail, *mail.rcpts))
        return {"exit": done.returncode, "stdout": printed(done.stdout.decode("latin1")),
                "raw": done.stdout.decode("latin1"), "all": done.stderr.decode("latin1"),
                "stderr": [l for l in done.stderr.decode("latin1").split("\n") if l and "warning:" not in l],
                "mail": mail and (mail.sender, notes, normal(mail.data))}

    def check(self, words, code=0, *, given=LETTER, said=False, env=None, sends=True, alone=False):
        """said: their complaints are the same words, too. alone: ours is better, so it is not compared."""
        name = " ".join([f"{k}={v}" for k, v in (env or {}).items()] + ["msmtp", *words])
        ours = self.run(self.ours, words, given, env, sends)
        self.report.check(f"{name}: exit", ours["exit"] == code, f"{ours['exit']}, not {code}: {ours['all']}")
        if self.theirs and not alone:
            theirs = self.run(self.theirs, words, given, env, sends)
            for part in ("exit", "mail", "stdout", *(["stderr"] if said else [])):
                self.report.equal(f"{name}: {part} as the original", ours[part], theirs[part])
        return ours
