"""By which address mail leaves: the sink sees the source address and the EHLO name of each egress, straight, through
a SOCKS5 proxy and through one that reads PROXY headers; a pool divides mail by weights; an egress that is listed, or
whose address this machine lacks, or whose proxy is away, makes mail wait and blames no host.
"""
import collections
import json
import os
import sys

from _check import Report, folder, free_port, need_program, until, write
from _proxies import HeaderProxy, Socks
from _server import Server
from _smtp import Client, Sink

POOL_MAILS = 80
CONTENT = b"From: a@sender.test\r\nTo: b@x.test\r\nSubject: hello\r\n\r\nhello\r\n"
ZONE = """\
$ORIGIN .
98.2.0.192.in-addr.arpa PTR missing.test.
missing.test A 192.0.2.98
99.2.0.192.in-addr.arpa PTR listed.test.
listed.test A 192.0.2.99
99.2.0.192.bl.test A 127.0.0.2
bl.test TXT "a block list"
"""


class World:
    def __init__(self, report):
        self.report, self.seen = report, []
        self.sink = Sink(answer=self.note)
        self.socks, self.locked = Socks("127.0.0.5"), Socks("127.0.0.6", (b"me", b"hunter2"))
        self.header = HeaderProxy()
        self.server = Server(hostname="mail.test", retry={"first": "1s", "factor": 1, "longest": "2s"},
                             **self.config())
        self.server.zone = write(os.path.join(folder(), "zone"), ZONE)
        self.server.start()
        report.on_fail.append(self.server.show)

    def note(self, verb, _line, session):
        if verb == "MAIL":
            self.seen.append((session.sock.getpeername()[0], session.helo.removeprefix("EHLO ")))

    def config(self):
        secret = write(os.path.join(folder(), "secret"), "hunter2\n", 0o600)
        egress = {
            "two": {"address": "127.0.0.2", "hello": "two.test"},
            "three": {"address": "127.0.0.3", "hello": "three.test"},
            "alone": {"address": "127.0.0.4", "hello": "alone.test", "dedicated_to": {"senders": "alone.test"}},
            "socks": {"hello": "socks.test", "via": f"socks5://127.0.0.1:{self.socks.port}"},
            "locked": {"hello": "locked.test", "via": f"socks5://127.0.0.1:{self.locked.port}", "account": "proxy"},
            "shut": {"hello": "shut.test", "via": f"socks5://127.0.0.1:{self.locked.port}"},
            "header": {"address": "127.0.0.7", "hello": "header.test", "via": f"proxy://127.0.0.1:{self.header.port}"},
            "away": {"hello": "away.test", "via": f"socks5://127.0.0.1:{free_port()}"},
            "missing": {"address": "192.0.2.98", "hello": "missing.test"},
            "listed": {"address": "192.0.2.99", "hello": "listed.test"},
        }
        hop = f"smtp://127.0.0.1:{self.sink.port}?tls=none"
        elsewhere = {"missing": "smtp://192.0.2.1:25?tls=none"} # who cannot bind never gets so far
        routes = [{"to": f"{name}.test", "via": elsewhere.get(name, hop), "egress": name}
                  for name in egress if name != "alone"]
        routes += [{"to": "pool.test", "via": hop, "egress": "pool"},
                   {"to": "refused.test", "via": f"smtp://127.0.0.1:{free_port()}?tls=none", "egress": "socks"}]
        return {"egress": egress, "egress_pools": {"pool": {"members": {"two": 3, "three": 1}}}, "routes": routes,
                "egress_watch": {"dnsbl": ["bl.test"]},
                "accounts": {"proxy": {"user": "me", "secret": f"file:{secret}"}}}

    def send(self, rcpt, sender="a@sender.test", count=1):
        with Client(self.server.relay) as c:
            c.ehlo()
            for _ in range(count):
                reply = c.message(sender, rcpt, CONTENT)
                self.report.equal(f"{rcpt} is accepted", reply.code, 250)

    def events(self, kind, rcpt):
        return [e for e in self.server.events(kind) if e.get("recipient") == rcpt]


def check_arrives(world, rcpt, seen, egress, sender="a@sender.test"):
    """One mail: where it came from, and what the event says of it."""
    r, before = world.report, len(world.seen)
    world.send(rcpt, sender)
    told = until(20, lambda: world.events("delivered", rcpt))
    r.equal(f"{rcpt}: what the sink sees", world.seen[before:], [seen])
    r.equal(f"{rcpt}: what the event says", [(e.get("egress"), e.get("local_ip")) for e in told[-1:]],
            [(egress, seen[0])])


def check_waits(world, rcpt, words):
    """It waits for something of ours: no host is named."""
    r = world.report
    world.send(rcpt)
    told = until(20, lambda: world.events("deferred", rcpt)) or [{}]
    r.check(f"{rcpt} waits, with the reason", words in told[0].get("reason", ""), told[0])
    r.check(f"{rcpt}: no host is to blame", "remote_host" not in told[0], told[0])
    r.equal(f"{rcpt}: what it means", told[0].get("class"), "network")
    why = world.server.tool("queue", "why", told[0].get("queue_id", "-")).stdout.decode()
    r.check(f"{rcpt}: queue why says it", words in why, why)


def check_pool(world):
    world.seen.clear()
    world.send("b@pool.test", count=POOL_MAILS)
    until(40, lambda: len(world.seen) >= POOL_MAILS)
    parts = collections.Counter(world.seen)
    r = world.report
    r.equal("the pool's mail leaves by its members alone", set(parts), {("127.0.0.2", "two.test"),
                                                                       ("127.0.0.3", "three.test")})
    r.check("three of four by the heavier one", POOL_MAILS * 0.55 < parts[("127.0.0.2", "two.test")] < POOL_MAILS * 0.95,
            parts)


def check_ls(world):
    r = world.report
    done = world.server.tool("egress", "ls", "--json")
    rows = {row["name"]: row for row in map(json.loads, done.stdout.decode().splitlines())}
    r.equal("egress ls: one is out", done.returncode, 1)
    r.equal("egress ls: which", [n for n, row in rows.items() if (row["health"] or {}).get("out")], ["listed"])
    r.check("egress ls: why", "is listed by bl.test (127.0.0.2)" in rows["listed"]["health"]["reason"], rows["listed"])
    r.equal("egress ls: a private address is nobody's business", rows["two"]["health"]["standing"], "clean")
    r.equal("egress ls: pools", rows["two"]["pools"], "pool 3 of 4")
    r.equal("egress ls: whose alone", rows["alone"]["dedicated_to"], "senders alone.test")
    text = world.server.tool("egress", "ls", "listed").stdout.decode()
    r.check("egress ls, for people", text.startswith("listed  out since 2"), text)


def main():
    need_program()
    report = Report()
    world = World(report)
    out = until(20, lambda: world.server.events("egress_out"))
    report.equal("the listed one is out", [e.get("egress") for e in out], ["listed"])
    check_arrives(world, "b@two.test", ("127.0.0.2", "two.test"), "two")
    check_arrives(world, "b@three.test", ("127.0.0.3", "three.test"), "three")
    check_arrives(world, "c@three.test", ("127.0.0.4", "alone.test"), "alone", sender="a@alone.test")
    check_arrives(world, "b@socks.test", ("127.0.0.5", "socks.test"), "socks")
    check_arrives(world, "b@locked.test", ("127.0.0.6", "locked.test"), "locked")
    check_arrives(world, "b@header.test", ("127.0.0.7", "header.test"), "header")
    report.equal("the proxies were told addresses", (world.socks.asked, world.header.asked),
                 ([("127.0.0.1", world.sink.port)], [("127.0.0.7", "127.0.0.1", world.sink.port)]))
    check_waits(world, "b@away.test", "egress away: the proxy socks5://")
    check_waits(world, "b@shut.test", "the proxy wants a login")
    check_waits(world, "b@missing.test", "egress missing: this machine does not have the address 192.0.2.98")
    check_waits(world, "b@listed.test", "every egress is out: listed (192.0.2.99 is listed by bl.test")
    world.send("b@refused.test")
    told = until(20, lambda: world.events("deferred", "b@refused.test")) or [{}]
    report.equal("a host that refuses our proxy is named", told[0].get("remote_host"), "127.0.0.1")
    check_pool(world)
    check_ls(world)
    report.check("no password is in the log", "hunter2" not in world.server.stderr() + str(world.server.events()))
    report.equal("it ends well", world.server.stop(), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
