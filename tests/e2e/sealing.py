"""Mail that came by MX and goes on to another server leaves with an ARC seal (mailauth.seal): dkimpy verifies
our chains, and we go on with its; a broken chain ends; nobody adds to fifty sets; mailbox stores and
hosts we trust see none; a server behind us believes it; new and removed keys count at once after a reload (attack 122)."""
import os
import re
import sys

from _check import Report, need_program, skip_all, until, write
from _server import Server, route
from _smtp import Client, Sink

sys.path.append("/usr/lib/python3/dist-packages") # where Debian has dkimpy, whatever Python runs us
try:
    import dkim
except ImportError:
    dkim = None

CONTENT = (b"From: Alice <a@list.test>\r\nTo: b@here.test\r\nSubject: a  folded\r\n\tsubject\r\n"
           b"Date: Sat, 21 Nov 2026 08:48:16 +0000\r\nMessage-ID: <1@list.test>\r\n\r\n"
           b"Hello  there \r\n.a dot\r\n\r\n\r\n")
ZONE = ('list.test TXT "v=spf1 ip4:127.0.0.1 -all"\n_dmarc.list.test TXT "v=DMARC1; p=reject"\n'
        'far.test TXT "v=spf1 ip4:127.0.0.5 -all"\n_dmarc.far.test TXT "v=DMARC1; p=reject"\n')
SETS_MAX = 50
HOLDS = ("pass", True, True)


class Chain:
    """What a message has of ARC: the numbers and cv= of its seals, newest first; who sealed."""

    def __init__(self, content):
        header = re.sub(rb"\r\n[ \t]+", b" ", content.split(b"\r\n\r\n", 1)[0])
        seals = re.findall(rb"^ARC-Seal:(.*)$", header, re.M)
        tag = lambda name: [re.search(rb"\b" + name + rb"=\s*([^;\s]+)", s).group(1).decode() for s in seals]
        self.numbers, self.said, self.domains = [int(n) for n in tag(b"i")], tag(b"cv"), tag(b"d")
        self.algorithms = set(tag(b"a"))
        self.results = re.findall(rb"^ARC-Authentication-Results:(.*)$", header, re.M)


def without_set(content, number):
    def keep(field):
        return field[0] if not re.search(rb"[:;]\s*i=%d\b" % number, field[0]) else b""
    return re.sub(rb"^ARC-[\w-]+:.*\r\n(?:[ \t].*\r\n)*", keep, content, flags=re.M)


def zone_of(text):
    """The TXT records of a zone file, for dkimpy."""
    found = {}
    for line in text.splitlines():
        parts = re.match(r"(\S+)\s+(?:\d+\s+)?(?:IN\s+)?TXT\s+(.*)", line)
        if parts:
            found[parts[1].rstrip(".")] = "".join(re.findall(r'"([^"]*)"', parts[2]))
    return found


class Town:
    def __init__(self, report):
        self.report, self.sink, self.store = report, Sink(), Sink(lmtp=True)
        self.behind = Server(relay={"trusted": ["127.0.0.9/32"]}, domains={"back.test": self.to(self.sink.port, "smtp")},
                             mailauth={"policy": "enforce", "sealers": ["seal.test"]})
        self.server = Server(
            relay={"trusted": ["127.0.0.9/32"]}, mailauth={"seal": "seal.test"},
            domains={"here.test": self.to(self.sink.port, "smtp"), "store.test": self.to(self.store.port, "lmtp"),
                     "back.test": self.to(self.behind.mx, "smtp")},
            routes=[route("*", self.sink.port)])
        report.on_fail.append(self.server.show)
        self.text = ZONE
        for domain in ("seal.test", "list.test"):
            self.text += self.server.tool("domain", "add", domain).stdout.decode()
        # Two policies of one domain would be none; SPF above is the one that counts.
        self.text = "\n".join(line for line in self.text.splitlines()
                              if "_domainkey" in line or line in ZONE.splitlines()) + "\n"
        self.records = zone_of(self.text)
        self.zone = write(os.path.join(self.server.folder, "zone.txt"), self.text)

    @staticmethod
    def to(port, scheme):
        return {"deliver": f"{scheme}://127.0.0.1:{port}?tls=none", "recipients": ["b"]}

    def start(self, more="", server=None):
        wrapper = ["sh", "-c", f'exec "$@" --dns-zone {self.zone} {more}', "sh"]
        (server or self.server).start(wrapper=wrapper)

    def send(self, content, rcpt="b@here.test", source=None, sink=None, sender="a@list.test"):
        sink = sink or self.sink
        before = len(sink.kept())
        with Client(self.server.mx, source=source) as c:
            c.ehlo()
            code = c.message(sender, rcpt, content)
        got = sink.wait(before + 1)
        return got[-1].data if len(got) > before else f"nothing came: {code}".encode()

    def ask(self, name, timeout=5):
        del timeout
        name = (name.decode() if isinstance(name, bytes) else name).rstrip(".").lower()
        return self.records.get(name, "").encode() or None

    def verify(self, content):
        """The chain, as dkimpy judges it; and whether it takes the newest message signature and seal."""
        result, sets, why = dkim.arc_verify(content, dnsfunc=self.ask)
        if result is None and "reported failure" in why:
            result = b"terminated"
        return result.decode(), bool(sets[0]["ams-valid"]), bool(sets[0]["as-valid"])

    def key_of(self, domain):
        """Its RSA key: the selector and the PEM."""
        folder = os.path.join(self.server.state, "dkim", domain)
        name = next(n for n in os.listdir(folder) if n.startswith("r"))
        with open(os.path.join(folder, name), "rb") as file:
            return name[:-4].encode(), file.read()


def check_first(town):
    report, got = town.report, town.send(CONTENT)
    chain = Chain(got)
    report.equal("passed on: one set of ours, cv=none", (chain.numbers, chain.said, chain.domains),
                 ([1], ["none"], ["seal.test"]))
    report.equal("passed on: by RSA, though there is an Ed25519 key", chain.algorithms, {"rsa-sha256"})
    report.check("passed on: it says what was found",
                 b"mail.test" in chain.results[0] and b"dmarc=pass" in chain.results[0], chain.results)
    report.equal("passed on: dkimpy agrees", town.verify(got), HOLDS)
    report.check("the content is as it was", got.endswith(CONTENT), got)
    return got


def check_second(town, first):
    report, got = town.report, town.send(first)
    chain = Chain(got)
    report.equal("once more: a chain of two", (chain.numbers, chain.said), ([2, 1], ["pass", "none"]))
    report.equal("once more: dkimpy agrees", town.verify(got), HOLDS)


def check_theirs(town):
    """dkimpy seals first."""
    selector, pem = town.key_of("list.test")
    marked = b"Authentication-Results: list.test; arc=none; spf=pass\r\n" + CONTENT
    sealed = b"".join(dkim.arc_sign(marked, selector, b"list.test", pem, b"list.test")) + CONTENT
    got = town.send(sealed)
    chain = Chain(got)
    town.report.equal("behind dkimpy's set", (chain.domains, chain.said),
                      (["seal.test", "list.test"], ["pass", "none"]))
    town.report.equal("behind dkimpy's set: dkimpy agrees", town.verify(got), HOLDS)


def check_broken(town, first):
    report = town.report
    broken = first.replace(b"a  folded", b"another")
    got = town.send(broken)
    chain = Chain(got)
    report.equal("a broken chain: one set more that says so", (chain.numbers, chain.said), ([2, 1], ["fail", "none"]))
    report.equal("a broken chain: dkimpy agrees", town.verify(got)[:2], ("terminated", True))
    # Such a seal covers its own set alone (RFC 8617 section 5.1.2); dkimpy signs so, but verifies over all of
    # them, so the others are taken away first.
    report.equal("a broken chain: the seal is good", town.verify(without_set(got, 1))[2], True)
    again = town.send(got)
    report.equal("a chain that has ended gets none", Chain(again).numbers, [2, 1])


def check_fifty(town, first):
    report, now = town.report, first
    for count in range(2, SETS_MAX + 2):
        now = town.send(now)
        if len(Chain(now).numbers) != min(count, SETS_MAX):
            break
    chain = Chain(now)
    report.equal("fifty sets, and no more", chain.numbers, list(range(SETS_MAX, 0, -1)))
    report.equal("fifty sets: dkimpy agrees", town.verify(now), HOLDS)


def check_behind(town):
    """A server of ours behind ours: SPF says nothing there any more, and it enforces policies."""
    report, content = town.report, CONTENT.replace(b"list.test", b"far.test")
    report.on_fail.append(town.behind.show)
    town.start(server=town.behind)
    with Client(town.behind.mx) as c:
        c.ehlo()
        code = c.message("a@far.test", "b@back.test", content)
    report.equal("the server behind refuses it from anybody else", code.code, 550)
    got = town.send(content, "b@back.test", source="127.0.0.5", sender="a@far.test")
    report.check("and takes it on the word of the seal", b"Hello" in got and
                 b"ARC of seal.test is believed" in got.split(b"\r\n\r\n", 1)[0], got)
    town.behind.stop()


def check_unsealed(town):
    report = town.report
    got = town.send(CONTENT, "b@store.test", sink=town.store)
    report.check("to a mailbox store: none", b"Hello" in got and b"ARC-" not in got, got)
    got = town.send(CONTENT, source="127.0.0.9")
    report.check("from a host we trust, not judged: none", b"Hello" in got and b"ARC-" not in got, got)
    forged = b"Authentication-Results: mail.test; arc=pass; dmarc=pass\r\n" + CONTENT
    got = town.send(forged, source="127.0.0.9")
    report.check("from there in our name: none", b"Hello" in got and b"ARC-" not in got, got)


def check_reload(town):
    """The worker has just asked which keys there are; a reload makes it ask anew."""
    report, server = town.report, town.server
    server.tool("domain", "rm", "seal.test")
    told = server.stderr().count("configuration reloaded")
    report.equal("reload", server.tool("config", "reload").returncode, 0)
    until(10, lambda: server.stderr().count("configuration reloaded") > told)
    got = town.send(CONTENT)
    report.check("the key was removed: no seal at once", b"Hello" in got and b"ARC-" not in got, got)
    report.check("and the log says why", "leaves unsealed: seal.test has no RSA key" in server.stderr())
    server.tool("domain", "add", "seal.test")
    server.tool("config", "reload")
    until(10, lambda: server.stderr().count("configuration reloaded") > told + 1)
    report.equal("a new key: a seal at once", Chain(town.send(CONTENT)).domains, ["seal.test"])


def main():
    need_program()
    if dkim is None:
        skip_all("sealing", "dkimpy is not installed")
    report = Report()
    town = Town(report)
    town.start()
    report.check("a domain with a key is not told", "nothing is sealed" not in town.server.stderr())
    first = check_first(town)
    check_second(town, first)
    check_theirs(town)
    check_broken(town, first)
    check_fifty(town, first)
    check_behind(town)
    check_unsealed(town)
    check_reload(town)
    town.server.stop()
    town.server.tool("domain", "rm", "seal.test")
    town.start("--one-process")
    report.check("a domain without a key is told", "nothing is sealed by seal.test" in town.server.stderr(),
                 town.server.stderr())
    town.server.stop()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
