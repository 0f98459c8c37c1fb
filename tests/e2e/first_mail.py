"""From nothing to a first mail, as a new user goes: he types what `smtptool --help` and then the program's own lines
say, at a terminal, and knows nothing but his address, his password or client ID, and whom he writes to.

Through a Gmail-like, a Microsoft-like (device code, then XOAUTH2) and a plain server, all simulated on loopback. What
it takes is counted: commands, words to read, keys to press, seconds of machine time. The blocks of docs/first-mail.md are
what is seen here; `UPDATE=1` writes them anew. The test adds the roots to trust, a zone file and the ports, and
nothing else.
"""
import json
import os
import pty
import re
import select
import shlex
import signal
import sys
import termios
import time

from _check import PROJECT, SMTPTOOL, Report, folder, need_program, until, write
from _openid import Provider
from _server import Server, route
from _smtp import Sink
from oauth import TokenSink

PAGE = os.path.join(PROJECT, "docs", "first-mail.md")
PASSWORD, CLIENT_ID, FRIEND = "correct-horse-7", "public", "you@example.net"
COMMANDS_MAX, SECONDS_MAX = 10, 30

# What a person is allowed, in seconds: docs/first-mail.md names the same.
READ_WORD = 60 / 240     # what a command says is read
SKIM_WORD = 60 / 600     # a page of help is skimmed for the line that fits
TYPE_KEY = 60 / 200      # forty words a minute
COPY_LINE = 5            # a line that was printed is copied, and then changed
ALLOWED = 118            # of two minutes; the rest is the machine's
ELSEWHERE = re.compile(r"\*\*\* \[::1\]") # localhost's other address, which a provider has not


class Terminal:
    """One command at a terminal; answers (pattern, text, keys) are typed when they are asked for."""

    def __init__(self, words, env, where, answers):
        self.said, self.keys, waiting = "", 0, list(answers)
        begun = time.monotonic()
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(where)
            os.execve(SMTPTOOL, ["smtptool", *words], env)
        while True:
            ready, _, _ = select.select([fd], [], [], SECONDS_MAX)
            try:
                data = os.read(fd, 65536) if ready else b""
            except OSError: # it has ended
                break
            if not data:
                os.kill(pid, signal.SIGKILL)
                break
            self.said += data.decode(errors="replace").replace("\r\n", "\n")
            for answer in [a for a in waiting if re.search(a[0] + r"\s*$", self.said)]:
                waiting.remove(answer)
                if "assword" in answer[0]: # what is typed while the echo is still on is thrown away
                    until(SECONDS_MAX, lambda: not termios.tcgetattr(fd)[3] & termios.ECHO)
                os.write(fd, answer[1].encode() + b"\n")
                self.keys += len(answer[1]) + 1
        self.code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        self.seconds = time.monotonic() - begun


class Newcomer:
    def __init__(self, address, zone, shared, roots):
        self.address = address
        self.home = folder()
        self.zone = write(os.path.join(self.home, "zone"), "localhost. A 127.0.0.1\n" + zone)
        config = os.path.join(self.home, ".config", "smtptool")
        os.makedirs(config, 0o700)
        write(os.path.join(config, "smtptool.yaml"), json.dumps({"share": shared, "hostname": "laptop.example"}))
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "TERM": "dumb", "NO_COLOR": "1"}
        self.roots = roots
        self.seen, self.transcript = [], []
        self.seconds = self.read = self.keys = self.copied = 0
        self.known = set() # lines that were read before

    def words_of(self, line):
        words = [{"ID": CLIENT_ID, "me@example.com": self.address, "you@example.com": FRIEND}.get(w, w)
                 for w in shlex.split(line)][1:]
        more = ["--dns-zone", self.zone, "--ca-file", self.roots]
        return words, words + (more if words[0] in ("account", "send") else [])

    def run(self, line, copied):
        """What it printed; what a person does is counted."""
        shown, words = self.words_of(line)
        answers = [(r"\[y/N\]", "y"), (r"Password \(not shown\):", PASSWORD)]
        done = Terminal(words, self.env, self.home, answers)
        self.seconds += done.seconds
        self.keys += done.keys
        if copied:
            self.copied += 1
            self.keys += sum(len(w) for w in shown if w in (CLIENT_ID, FRIEND))
        else:
            self.keys += len(shlex.join(["smtptool", *shown])) + 1
        self.transcript.append((shlex.join(["smtptool", *shown]), done.said, done.code))
        return done.said, done.code

    def lines_of(self, said):
        """Commands that stand in what was printed, without what is told of them."""
        found = re.findall(r"(?:^ *(?:first |then )? *|\")(smtptool (?:account|oauth|send) [^\n\"]*)", said, re.M)
        return [re.split(r"\s{3,}|\s*$", line)[0] for line in found]

    def go(self):
        """True: a mail went out. Only lines that were printed are typed."""
        said, _ = self.run("smtptool --help", False)
        skim, copied = len(said.split()), False
        todo = self.lines_of(said)
        while todo and len(self.transcript) <= COMMANDS_MAX:
            line = todo.pop(0)
            said, code = self.run(line, copied)
            copied = True
            if line.startswith("smtptool oauth setup"): # read where it is done, in the provider's console
                self.copied -= 1
            else:
                self.read += sum(len(l.split()) for l in said.splitlines() if l not in self.known and not ELSEWHERE.match(l))
            self.known.update(said.splitlines())
            if code == 0 and line.startswith("smtptool send"):
                break
            for new in self.lines_of(said):
                kind = shlex.split(new)[:3]
                if "NAME" not in new and not any(shlex.split(o)[:3] == kind for o in todo) and new not in self.seen:
                    todo.append(new)
                    self.seen.append(new)
        self.person = skim * SKIM_WORD + self.read * READ_WORD + self.keys * TYPE_KEY + self.copied * COPY_LINE
        return self.transcript[-1][2] == 0 and self.transcript[-1][0].startswith("smtptool send")


# ---- the providers -----------------------------------------------------------------------------

def preset(name, port, domains, login, enable, at, mx=()):
    return {"name": name, "domains": domains, "mx": list(mx), "login": login, "user": "the whole address",
            "from": "unknown", "servers": [f"smtp://localhost:{port}"], "enable": enable, "enable_at": at,
            "quota": {"any": {"per_day": 500}}, "source": "https://example.net/", "date": "2026-11-22"}


def issuer(provider):
    with open(os.path.join(PROJECT, "share", "oauth.yaml"), encoding="utf-8") as f:
        text = f.read()
    steps = re.search(r"^  microsoft:.*?^    steps:\n(.*?)^    source:", text, re.M | re.S)[1]
    return {"oauth": {"microsoft": {
        "name": "Microsoft-like", "authorize": provider.url + "/authorize", "token": provider.url + "/token",
        "device": provider.url + "/device", "scopes": "mail.send offline_access", "secret": "form",
        "redirect": "localhost", "mechanism": "XOAUTH2", "hosts": ["localhost"],
        "steps": re.findall(r'- "(.*)"', steps), "source": "https://example.net/", "date": "2026-11-22"}}}


class World:
    """All three, and the sinks where the mail arrives."""

    def __init__(self, report):
        self.sink, self.provider = Sink(), Provider()
        self.provider.user = "me@company.example"
        self.server = Server(routes=[route("*", self.sink.port)])
        report.on_fail.append(self.server.show)
        for who in ("gmail", "plain"):
            self.server.add_user(f"me@{who}.example", PASSWORD)
        self.server.start()
        self.tokens = TokenSink(self.provider, "XOAUTH2")
        self.shared = folder()
        write(os.path.join(self.shared, "presets.yaml"), json.dumps({"presets": {
            "gmail": preset("Gmail-like", self.server.submission, ["gmail.example"], ["PLAIN"],
                            "2-step verification, then an app password", "https://passwords.example/"),
            "microsoft365": preset("Microsoft-like", self.tokens.sink.port, [], ["XOAUTH2", "LOGIN"],
                                   "SMTP AUTH for the mailbox", "https://admin.example/", ["protection.example"])}}))
        write(os.path.join(self.shared, "oauth.yaml"), json.dumps(issuer(self.provider)))
        roots = ""
        for path in (self.server.certificate, self.tokens.certificate, self.provider.certificate):
            with open(path, encoding="ascii") as f:
                roots += f.read()
        self.roots = write(os.path.join(self.shared, "roots.pem"), roots, 0o644)
        self.names = {self.server.submission: "587", self.tokens.sink.port: "587", self.server.tls: "465"}

    def arrived(self, kind):
        return (self.tokens.sink if kind == "Microsoft-like" else self.sink).wait(1)


# ---- docs/first-mail.md ------------------------------------------------------------------------

def shown(world, newcomer):
    """The transcript as the page has it: with usual ports, no folder of ours, and times that are not compared."""
    text = ""
    for line, said, _ in newcomer.transcript[1:]:
        text += f"$ {line}\n{said}"
    for port, name in world.names.items():
        text = re.sub(rf"(localhost|127\.0\.0\.1):{port}\b", rf"\1:{name}", text)
    text = text.replace(world.provider.url, "https://login.example").replace(newcomer.home, "~")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "2026-11-22 06:00", text)
    text = re.sub(r"\d+(\.\d+)? ms\b|\d+\.\d+ s\b", "12 ms", text)
    text = re.sub(r"(250 2\.0\.0) [0-9A-Z]{10,}", r"\1 6H038E9HR0000", text)
    return "".join(l.rstrip() + "\n" for l in text.splitlines() if not ELSEWHERE.match(l))


def page_blocks():
    with open(PAGE, encoding="utf-8") as f:
        return re.findall(r"```console\n(.*?)```", f.read(), re.S)


def write_page(blocks):
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    for old, new in zip(page_blocks(), blocks):
        text = text.replace(f"```console\n{old}```", f"```console\n{new}```", 1)
    write(PAGE, text, 0o644)


def main():
    need_program()
    report = Report()
    world = World(report)
    people = {
        "Gmail-like": Newcomer("me@gmail.example", "", world.shared, world.roots),
        "Microsoft-like": Newcomer("me@company.example", "company.example. MX 1 in.protection.example.\n", world.shared,
                                   world.roots),
        "plain": Newcomer("me@plain.example", f"_submissions._tcp.plain.example. SRV 0 1 {world.server.tls} localhost.\n",
                          world.shared, world.roots)}
    blocks = []
    for kind, person in people.items():
        world.sink.clear()
        done = person.go()
        report.check(f"{kind}: a first mail, by nothing but what was printed", done, person.transcript)
        kept = world.arrived(kind) if done else []
        report.check(f"{kind}: it arrives", len(kept) == 1 and b"To: " + FRIEND.encode() in kept[0].data, kept)
        said = "".join(said for _, said, _ in person.transcript)
        report.check(f"{kind}: no secret is shown", PASSWORD not in said and not re.search("[ar]t-[A-Za-z0-9]{8}", said), said)
        report.check(f"{kind}: reading and typing take less than two minutes", person.person <= ALLOWED,
                     person.person)
        commands = [line for line, _, _ in person.transcript if " oauth setup " not in line]
        print(f"{kind}: {len(commands)} commands, {person.seconds:.1f} s of machine time; allowed for --help, {person.read} "
              f"words, {person.keys} keys and {person.copied} copied lines: {person.person:.0f} s")
        blocks.append(shown(world, person))
    report.equal("Microsoft-like: by token", [(m, u) for m, u, _ in world.tokens.logins], [("XOAUTH2", "me@company.example")] * 2)
    if os.environ.get("UPDATE"):
        write_page(blocks)
    for (kind, _), new, old in zip(people.items(), blocks, page_blocks()):
        report.equal(f"docs/first-mail.md, {kind}", old, new)
    if os.environ.get("SHOW"):
        print(*blocks, sep="\n=====\n")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
