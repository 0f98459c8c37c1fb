"""curl's own SMTP tests (suite smtp-client-curl), with `smtptool send` in curl's place (attacks 19, 20).

A case scripts a server (<servercmd>: CAPA, AUTH, REPLY) and holds the commands and the content that
a client then says. Ours is judged where the RFC decides: the paths of MAIL and RCPT, the content on
the wire, whether the mail counts as sent. Cases that ask for something else are listed in SKIPPED;
where we do other than curl, DIFFERENT holds what we do and the clause.
"""
import base64
import glob
import os
import re
import shlex
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, skip_all, suite, write
from _smtp import Sink, stuff

SKIPPED = [  # first match wins: a pattern over the case's command and script, and why
    (r"<tool>", "a program against libcurl"),
    (r"-F ", "builds MIME parts from curl's options"),
    (r"--libcurl", "writes C source for libcurl"),
    (r"PROXYPORT", "an HTTP proxy; ours connects itself"),
    (r"NTLM", "NTLM: withdrawn by its maker, not offered"),
    (r"DIGEST-MD5", "DIGEST-MD5: historic since RFC 6331"),
    (r"EXTERNAL", "EXTERNAL: needs client certificates, not there"),
    (r"--sasl-authzid", "an authorization identity of its own is not offered"),
    (r"smtps://", "needs a TLS server of curl's suite; see clients.py"),
    (r"%0d%0a", "about curl's URL parser"),
    (r" -X | --request |VRFY|EXPN|HELP", "VRFY, EXPN, HELP, NOOP, RSET as such: ours sends mail only"),
    (r"\s-:\s", "two transfers of one command line with two logins"),
]
ADDRESS = re.compile(rb"^[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,4}$")

# case: (what is not the same, clause). "exit": whether the program says that all went well; "mail",
# "rcpt", "content": what is said on the wire.
PARTIAL = "all do not have it, so the exit is 67; the others get it (RFC 5321 section 4.1.1.3)"
ALL_OR_NONE = "one refused recipient does not keep it from the others (RFC 5321 section 4.1.1.3)"
NO_LOGIN = "a login that is asked for and not offered: no mail goes without it (RFC 4954 section 6)"
NOT_BASE64 = "a challenge that is not base64 ends the login (RFC 4954 section 4)"
UNSENT = "not offered, so it MUST NOT be transmitted (RFC 6531 section 3.2)"
ALL = "exit mail rcpt content"
DIFFERENT = {
    "test3002": ("exit", PARTIAL), "test3003": ("exit", PARTIAL), "test3004": ("exit", PARTIAL),
    "test3005": ("exit", PARTIAL),
    "test900": ("content", "LF alone becomes CRLF, curl sends it (RFC 5321 section 2.3.8)"),
    "test903": (ALL, NOT_BASE64), "test908": (ALL, NOT_BASE64), "test935": (ALL, NOT_BASE64),
    "test946": (ALL, NOT_BASE64), "test992": (ALL, NOT_BASE64),
    "test911": (ALL, "an empty file is no message: From and Date are missing (RFC 5322 section 3.6)"),
    "test913": ("mail", "larger than SIZE says: MAIL would be in vain (RFC 1870 section 5)"),
    "test918": ("rcpt content", ALL_OR_NONE),
    "test920": (ALL, "LOGIN has no initial response: the server speaks first (RFC 4954 section 4)"),
    "test939": (ALL, NO_LOGIN), "test940": (ALL, NO_LOGIN),
    "test955": ("mail", UNSENT), "test956": ("mail rcpt", UNSENT),
    "test959": ("mail", "the domain goes as A-labels (RFC 5891 section 4), as in test962"),
    "test960": ("exit rcpt content", "the domain goes as A-labels (RFC 5891 section 4), as in test963"),
}


def section(text, name):
    m = re.search(rf"<{name}\b([^>]*)>\n?(.*?)</{name}>", text, re.S)
    return (m[1], m[2]) if m else ("", None)


def expand(text, number):
    """The suite's macros."""
    for name, value in (("%TESTNUMBER", number), ("%LT", "<"), ("%GT", ">"), ("%LOGDIR", "LOG"),
                        ("%HOSTIP", "127.0.0.1"), ("%CR", "\r")):
        text = text.replace(name, value)
    text = re.sub(r"%hex\[(.*?)\]hex%", lambda m: re.sub(
        r"%([0-9a-fA-F]{2})", lambda h: chr(int(h[1], 16)), m[1]), text)
    text = re.sub(r"%repeat\[(\d+) x (.*?)\]%", lambda m: re.sub(
        r"%([0-9a-fA-F]{2})", lambda h: chr(int(h[1], 16)), m[2]) * int(m[1]), text, flags=re.S)

    def encoded(m):
        raw = re.sub(r"%([0-9a-fA-F]{2})", lambda h: chr(int(h[1], 16)), m[1])
        return base64.b64encode(raw.encode("latin1")).decode()
    return re.sub(r"%b64\[(.*?)\]b64%", encoded, text, flags=re.S)


class Case:
    def __init__(self, path):
        self.name = os.path.basename(path)
        with open(path, encoding="latin1") as f:
            self.text = f.read()
        number = self.name[4:]
        self.command = expand(section(self.text, "command")[1] or "", number)
        self.script = expand(section(self.text, "servercmd")[1] or "", number)
        self.error = (section(self.text, "errorcode")[1] or "0").strip()
        self.protocol = expand(section(self.text, "protocol")[1] or "", number)
        upload = section(self.text, "upload")[1]
        self.upload = None if upload is None else crlf(expand(upload, number).encode("latin1"))
        attributes, self.content = section(self.text, "stdin")
        if self.content is None:
            m = re.search(r'<file1?\b([^>]*name="[^"]*(?:eml|mail|upload)[^>]*)>\n?(.*?)</file1?>',
                          self.text, re.S)
            attributes, self.content = (m[1], m[2]) if m else ("", "")
        self.content = expand(self.content, number).encode("latin1")
        if "nonewline" in attributes:
            self.content = self.content.removesuffix(b"\n")

    def why_not(self):
        for pattern, why in SKIPPED:
            if re.search(pattern, self.command + self.script + (
                    "<tool>" if "<tool>" in self.text else "")):
                return why
        return None if "-T " in self.command else "it sends no mail"


def crlf(data):
    return re.sub(rb"\r?\n", b"\r\n", data)


class Script:
    """curl's pingpong server: replies of its own where the case gives them."""

    def __init__(self, text):
        self.replies, self.capabilities, self.mechanisms = {}, [], ""
        for line in text.splitlines():
            word, _, rest = line.strip().partition(" ")
            if word == "CAPA":
                self.capabilities = [w.upper() if w == "starttls" else w
                                     for w in shlex.split(rest)]
            elif word == "AUTH":
                self.mechanisms = rest
            elif word == "REPLY":
                key, reply = re.match(r'("[^"]*"|\S*) +(.*)', rest).groups()
                self.replies[key.strip('"')] = reply.replace("\\r\\n", "\r\n")
        if "AUTH" not in self.replies and self.mechanisms:
            self.replies["AUTH"] = "500 unexpected"

    def offered(self):
        capabilities = []
        for c in self.capabilities:
            capabilities += c.split(",") if "," in c else [c]
        return tuple(capabilities) + ((f"AUTH {self.mechanisms}",) if self.mechanisms else ())

    def answer(self, verb, line, session):
        text = line.decode("latin1").rstrip("\r\n")
        for key in (text, " ".join(text.split(" ")[:2]), verb):
            if key in self.replies:
                return self.replies[key]
        if verb in ("MAIL", "RCPT"):
            return self.judge_path(verb, line)
        return None

    def judge_path(self, verb, line):
        path = line.split(b"<", 1)[1].rsplit(b">", 1)[0] if b"<" in line else b""
        utf8 = "SMTPUTF8" in self.capabilities
        good = ADDRESS.match(path) or (verb == "MAIL" and path == b"") or (utf8 and b"@" in path)
        return None if good else "501 Invalid address"


def qualified(address):
    """A bare word is no address to us, so it is given a domain that the server refuses as well."""
    return address if "@" in address else f"{address}@invalid"


def options_of(case):
    words, o = shlex.split(case.command.encode("latin1").decode("utf-8")), {"rcpts": [], "from": None}
    for i, word in enumerate(words):
        value = words[i + 1] if i + 1 < len(words) else ""
        if word == "--mail-rcpt":
            o["rcpts"].append(value)
        elif word == "--mail-from":
            o["from"] = value
        elif word == "-u":
            o["user"], _, o["password"] = value.partition(":")
        elif word == "--oauth2-bearer":
            o["token"] = value
        elif word == "--login-options":
            o["mechanism"] = value.removeprefix("AUTH=")
    o["rcpts"] = [qualified(r) for r in o["rcpts"]]
    o["from"] = o["from"] and qualified(o["from"])
    if "mechanism" not in o and "AUTH CRAM-MD5\n" in case.script + "\n":
        o["mechanism"] = "CRAM-MD5"  # never chosen unless asked for
    if "-K" in words:
        o["from"] = "sender@example.com\r\nDATA"
    return o


def send(case, port, where):
    """Run ours as the case runs curl."""
    o = options_of(case)
    path = write(os.path.join(where, case.name), case.content)
    tls = "opportunistic" if "--ssl" in case.command else "none"
    command = [SMTPTOOL, "send", "--server", f"smtp://127.0.0.1:{port}?tls={tls}", "--retries", "0",
               "--io-timeout", "5s", "--hello", "client.test", "--eml", path]
    sender = o["from"]
    if sender is None or "," in sender:
        sender = "<>"
    for key in ("rcpts", "from"):  # curl takes ESMTP parameters behind the path
        m = re.match(r"<(.*?)> (.*)", o[key][0] if key == "rcpts" else sender or "")
        if m and key == "rcpts":
            o["rcpts"][0] = m[1]
            command += ["--dsn-notify", m[2].removeprefix("NOTIFY=").lower()]
        elif m:
            sender = m[1]
            command += ["--dsn-ret", m[2].removeprefix("RET=").lower()]
    command += ["--from", sender]
    if "user" in o:
        secret = write(os.path.join(where, "secret"), o.get("token") or o["password"], 0o600)
        command += ["--user", o["user"], "--password-file", secret]
        command += ["--token"] if "token" in o else []
        command += ["--mechanism", o["mechanism"]] if "mechanism" in o else []
    return subprocess.run([*command, "--", *o["rcpts"]], capture_output=True, timeout=60)


def paths(lines, verb):
    return [re.search(r"<(.*)>", l)[1] for l in lines if l.upper().startswith(verb) and "<" in l]


def compare(case, sink, done):
    """{what: (curl's, ours)} of all that is not the same."""
    lines = [l.decode("utf-8", "replace").rstrip("\r\n") for l in sink.lines]
    theirs = case.protocol.encode("latin1").decode("utf-8", "replace").splitlines()
    pairs = {"exit": (case.error == "0", done.returncode == 0)}
    for what, verb in (("mail", "MAIL"), ("rcpt", "RCPT")):
        pairs[what] = ([p and qualified(p) for p in paths(theirs, verb)], paths(lines, verb))
    kept = sink.kept()
    if case.upload is not None or kept:
        pairs["content"] = (case.upload, kept[0].raw if kept else None)
    return {what: pair for what, pair in pairs.items() if pair[0] != pair[1]}


def run(report, case, where):
    script = Script(case.script)
    sink = Sink(capabilities=script.offered(), answer=script.answer)
    done = send(case, sink.port, where)
    differences = compare(case, sink, done)
    sink.stop()
    known = DIFFERENT.get(case.name)
    if known:
        report.check(f"{case.name}: differs as listed", set(differences) == set(known[0].split()),
                     (differences, known, done.stderr))
        print(f"    {case.name}: {known[0]} differ: {known[1]}")
    else:
        report.check(case.name, not differences, (differences, done.returncode, done.stderr))


def main():
    need_program()
    root = suite("smtp-client-curl")
    if root is None:
        skip_all("curl's cases", "there is no folder smtp-client-curl")
    if subprocess.run([SMTPTOOL, "send", "--help"], capture_output=True).returncode != 0:
        skip_all("curl's cases", "this smtptool has no `send`")
    report, where, why = Report(), folder(), {}
    cases = [Case(p) for p in sorted(glob.glob(os.path.join(root, "test*")))]
    report.equal("cases", len(cases), 93)
    for case in cases:
        reason = case.why_not()
        if reason:
            why.setdefault(reason, []).append(case.name)
        else:
            run(report, case, where)
    for reason, names in why.items():
        report.skip(" ".join(names), reason)
        report.skipped += len(names) - 1
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
