"""Secrets stay where they belong (attack 147): logins by every mechanism, right and wrong, here and at
the next hop; then everything that was written is searched for the passwords, in clear and in base64.

A password may stand in no log, event, trace, queue or reply. accounts.db keeps hashes, and the main
process, which could be made to dump its memory, has neither a core file nor a readable memory.
"""
import base64
import os
import subprocess
import sys

from _check import Report, need_program, write
from _server import Server, retry_soon
from _smtp import Client, Closed, Sink, client_tls

PASSWORD = "mArk3r-of-the-user"
WRONG = "mArk3r-of-a-mistake"
NEXT_HOP = "mArk3r-of-the-next-hop"
MARK = b"mArk3r"
TOKEN = "mArk3r-of-a-token"
METHODS = ("auth_plain", "auth_login", "auth_scram", "auth_cram_md5")


def spellings(secret):
    """In clear, and inside base64 wherever it begins in a group of three."""
    raw = secret.encode()
    return {raw} | {base64.b64encode(b"\0" * shift + raw)[4 if shift else 0:-4] for shift in (0, 1, 2)}


def log_in(server, tls):
    replies = []
    for method in METHODS:
        for user in ("tester", "nobody"):
            for password in (PASSWORD, WRONG):
                with Client(server.submission) as c:
                    c.ehlo()
                    c.starttls(tls)
                    replies.append((method, user, password, getattr(c, method)(user, password)))
                    c.command("RCPT TO:<x@sink.test>")
    with Client(server.submission) as c: # in clear, which is refused
        c.ehlo()
        replies.append(("clear", "tester", PASSWORD, c.auth_plain("tester", PASSWORD)))
    for mechanism in ("OAUTHBEARER", "XOAUTH2", "NTLM"):
        with Client(server.submission) as c:
            c.ehlo()
            c.starttls(tls)
            token = base64.b64encode(f"user=tester\1auth=Bearer {TOKEN}\1\1".encode()).decode()
            replies.append((mechanism, "tester", TOKEN, c.command(f"AUTH {mechanism} {token}")))
    with Client(server.submission) as c: # given up half-way, then a command that is none
        c.ehlo()
        c.starttls(tls)
        c.command("AUTH LOGIN")
        c.command(base64.b64encode(b"tester"))
        c.command("*")
        replies.append(("junk", "tester", WRONG, c.command(f"{WRONG} {PASSWORD}")))
    return replies


def files_of(*roots):
    for root in roots:
        for where, _, names in os.walk(root):
            for name in names:
                path = os.path.join(where, name)
                try:
                    with open(path, "rb") as f:
                        yield path, f.read()
                except OSError: # a socket
                    pass


def search(report, server, outputs, given):
    needles = set().union(*(spellings(s) for s in (PASSWORD, WRONG, NEXT_HOP, TOKEN)))
    places = [(name, text) for name, text in outputs]
    places += [(path, text) for path, text in files_of(server.folder) if path not in given]
    for name, text in places:
        found = sorted(n for n in needles if n in text)
        short = os.path.basename(name)
        if short.startswith("accounts.db"): # CRAM-MD5 needs the password itself, and is asked for here
            continue
        report.check(f"attack 147: no secret in {short}", not found, (name, found))
    report.check("attack 147: something was searched", len(places) > 8, len(places))


def memory(report, server):
    for pid in (server.process.pid, *server.children()):
        with open(f"/proc/{pid}/limits") as f:
            core = next(line for line in f if line.startswith("Max core file size")).split()[4:6]
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        report.check(f"attack 147: no core file of {status.split()[1]}", core == ["0", "0"], core)
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            report.check("attack 147: nor the command line", MARK not in f.read())


def next_hop_auth(verb, line, session):
    """A next hop that wants a login, and repeats what it heard in its refusal."""
    if verb == "EHLO":
        return "250-sink.test\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000000"
    if verb == "AUTH":
        return f"535 5.7.8 no: {line.decode('latin1').strip()}"
    return None


def main():
    need_program()
    report, sink = Report(), Sink(answer=next_hop_auth)
    server = Server(sasl={"cram_md5": True}, retry=retry_soon(),
                    limits={"logins_failed_per_minute": 10000})
    secret = write(os.path.join(server.folder, "next-hop"), NEXT_HOP + "\n", 0o600)
    server.config["accounts"] = {"hop": {"user": "us", "secret": f"file:{secret}"}}
    server.config["routes"] = [{"to": "*", "via": [f"smtp://127.0.0.1:{sink.port}?tls=none"],
                                "account": "hop"}]
    server.save()
    report.on_fail.append(server.show)
    server.add_user("tester", PASSWORD)
    given = {secret, os.path.join(server.folder, "password")}
    server.start()
    tls = client_tls(server.certificate)
    try:
        replies = log_in(server, tls)
    except (Closed, OSError) as e:
        replies = []
        report.check("attack 147: the logins to their end", False, repr(e))
    right = {m for m, u, p, r in replies if r.code == 235}
    report.check("attack 147: logins were right", {"auth_plain", "auth_login", "auth_scram"} <= right,
                 replies)
    report.check("attack 147: no reply repeats a secret",
                 not any(MARK in r.raw for _, _, _, r in replies), replies)
    with Client(server.relay) as c:
        c.ehlo()
        report.equal("attack 147: mail for the next hop",
                     c.message("a@b.test", "x@sink.test", b"From: a@b.test\r\n\r\nhi\r\n").code, 250)
    heard = lambda: any(line.upper().startswith(b"AUTH ") for line in sink.lines)
    for _ in range(200):
        if heard() and server.events("deferred"):
            break
        subprocess.run(["sleep", "0.05"], check=True)
    report.check("attack 147: the next hop refused our login", heard(), sink.lines)
    memory(report, server)
    outputs = [(" ".join(args), (lambda d: d.stdout + d.stderr)(server.tool(*args))) for args in (
        ("config", "show", "--origin"), ("queue", "ls"), ("queue", "ls", "--json"), ("user", "list"),
        ("user", "list", "--json"))]
    queued = server.events("accepted")
    outputs.append(("trace", server.tool("trace", queued[0]["queue_id"]).stdout if queued else b""))
    report.equal("attack 147: SIGTERM", server.stop(), 0)
    search(report, server, outputs, given)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
