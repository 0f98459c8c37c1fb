"""Two servers, a zone, and rspamd beside the second: mail is submitted to the first over STARTTLS and AUTH, signed
with the keys of `domain add`, goes to the MX of its domain, is judged there, sealed and passed on to a sink. What the
second writes into Authentication-Results must be what rspamd finds in the same bytes from the same client, and its
seal must hold for rspamd.

Real messages of the public suites, with our From, and some made by hand: 8-bit, long lines, through a mailing list
that seals, forwarded as it is, forged. All of it in a network namespace with documentation addresses, so that port
25 and the MX are as in the world (root only).
"""
import collections
import glob
import os
import re
import ssl
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, skip_all, suite, tool, until, write
from _dns import NameServer, Zone
from _rspamd import Rspamd
from _server import Server
from _smtp import Client, Sink, drop_received

REAL_MAX = 60
BYTES_MAX = 200_000
FIRST, SECOND, LIST, STRANGER = "192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.9"
ZONE = """\
first.example A 192.0.2.1
receiver.example MX 10 mx.receiver.example
mx.receiver.example A 192.0.2.2
lists.example A 192.0.2.3
lists.example TXT "v=spf1 ip4:192.0.2.3 -all"
strict.example TXT "v=spf1 a:first.example -all"
_dmarc.strict.example TXT "v=DMARC1; p=reject"
"""
SUITES = (("mime-mime4j", "**/*.msg"), ("mime-enmime", "**/*.raw"), ("mime-cpython-email", "msg_*.txt"),
          ("dkim-flanker-mails", "email.*"), ("bounces-sisimai", "**/*.eml"))

HEADER = (b"From: Alice <a@sender.example>\r\nTo: b@receiver.example\r\nSubject: %s\r\n"
          b"Date: Sat, 21 Nov 2026 08:48:16 +0000\r\nMessage-ID: <%d@sender.example>\r\n")
PLAIN = HEADER % (b"plain", 1) + b"\r\nHello  there \r\n.a dot\r\n\r\n\r\n"
BY_HAND = {
    "plain": PLAIN,
    "no body": HEADER % (b"no body", 2) + b"\r\n",
    "8-bit": HEADER % (b"8-bit", 3) + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
             "\r\nGrüße aus Köln, ¡olé!\r\n".encode(),
    "long lines": HEADER % (b"long", 4) + b"\r\n" + b"x" * 998 + b"\r\n" + b"y " * 499 + b"\r\n",
    "folded": HEADER % (b"one\r\n two\r\n\t three  four", 5) + b"X-Odd:   a\r\n  \tb \r\n\r\nhi\r\n",
    "many parts": HEADER % (b"parts", 6) + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                  b"--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>two\r\n--b--\r\n",
}


# ---- a network of our own ---------------------------------------------------------------------

def inside_a_namespace():
    """Run this script again where 192.0.2.x is ours; its exit status."""
    if os.geteuid() != 0 or not tool("unshare") or not tool("ip"):
        skip_all("two servers", "a network namespace needs root, unshare and ip")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0:
        skip_all("two servers", "no network namespace may be made here")
    return subprocess.run(["unshare", "-n", sys.executable, __file__, "--inside"], check=False).returncode


def make_network():
    def ip(*words):
        subprocess.run([tool("ip"), *words], check=True, capture_output=True)
    ip("link", "set", "lo", "up")
    for address in (FIRST, SECOND, LIST, STRANGER):
        ip("addr", "add", f"{address}/32", "dev", "lo")
    # Whoever connects to the second and does not say from where comes from the first.
    ip("route", "replace", "local", SECOND, "dev", "lo", "table", "local", "src", FIRST)


# ---- the two ------------------------------------------------------------------------------------

class World:
    def __init__(self, report):
        self.report, self.sink = report, Sink()
        self.first = Server(hostname="first.example", domains={"sender.example": {}}, routes="mx")
        self.second = Server(
            hostname="mx.receiver.example", mailauth={"sealers": ["lists.example"], "seal": "receiver.example"},
            listeners=[{"address": "0.0.0.0:25", "role": "mx"}],
            domains={"receiver.example": {"deliver": f"smtp://127.0.0.1:{self.sink.port}?tls=none",
                                          "recipients": ["b"]}})
        for server in (self.first, self.second):
            report.on_fail.append(server.show)
        records = self.first.tool("domain", "add", "sender.example").stdout.decode()
        own = self.second.tool("domain", "add", "receiver.example").stdout.decode()
        records += "".join(line + "\n" for line in own.splitlines() if "_domainkey" in line)
        self.lists_key = os.path.join(self.first.folder, "lists.pem")
        subprocess.run([SMTPTOOL, "dkim", "keygen", "--type", "rsa", "--out", self.lists_key], check=True,
                       capture_output=True)
        published = subprocess.run([SMTPTOOL, "dkim", "dns", "--key", self.lists_key, "--domain", "lists.example",
                                    "--selector", "l"], check=True, capture_output=True, text=True).stdout
        text = ZONE + published + records
        self.zone = write(os.path.join(folder(), "zone"), text)
        self.rspamd, why = Rspamd.make(NameServer(Zone(text)))
        if self.rspamd is None:
            report.skip("rspamd beside the second server", why)
        self.first.add_user("alice", "secret")
        for server in (self.first, self.second):
            server.start(wrapper=["sh", "-c", f'exec "$@" --dns-zone {self.zone}', "sh"])
        self.context = ssl.create_default_context(cafile=self.first.certificate)

    # ---- ways in

    def submit(self, content):
        with Client(self.first.submission) as c:
            c.ehlo()
            c.starttls(self.context)
            c.auth_plain("alice", "secret")
            return c.message("a@sender.example", "b@receiver.example", content)

    def bring(self, source, helo, sender, content):
        """By a stranger to the second."""
        with Client(25, host=SECOND, source=source) as c:
            c.ehlo(helo)
            return c.message(sender, "b@receiver.example", content)

    # ---- what came of it

    def arrived(self, count):
        got = self.sink.wait(count)
        return got[-1].data if len(got) >= count else None


def take_apart(arrived):
    """(what the second heard, its Authentication-Results)"""
    rest, results = arrived, b""
    while rest[:4].lower() == b"arc-":
        rest, _ = drop_field(rest)
    if rest.lower().startswith(b"authentication-results:"):
        rest, results = drop_field(rest)
    rest, _ = drop_received(rest)
    return rest, results.decode("utf-8", "replace")


def drop_field(data):
    at = data.index(b"\r\n") + 2
    while data[at:at + 1] in (b" ", b"\t"):
        at = data.index(b"\r\n", at) + 2
    return data[at:], data[:at]


def results_of(field):
    """{method: result}, and {(domain, selector): passed} of the signatures."""
    bare = re.sub(r"\((?:[^()\\]|\\.)*\)", "", re.sub(r"\r\n\s+", " ", field))
    bare = re.sub(r'reason="(?:[^"\\]|\\.)*"', "", bare)
    methods, signatures = {}, {}
    for part in bare.split(";")[1:]:
        found = re.match(r"\s*([\w-]+)\s*=\s*(\w+)", part)
        if not found:
            continue
        methods.setdefault(found[1], found[2])
        facts = dict(re.findall(r"([\w.-]+)=(\S+)", part))
        if found[1] == "dkim" and "header.d" in facts:
            signatures[facts["header.d"].lower(), facts.get("header.s", "").lower()] = found[2] == "pass"
    return methods, signatures


SPF = {"pass": "R_SPF_ALLOW", "fail": "R_SPF_FAIL", "softfail": "R_SPF_SOFTFAIL", "neutral": "R_SPF_NEUTRAL",
       "none": "R_SPF_NA", "permerror": "R_SPF_PERMFAIL", "temperror": "R_SPF_DNSFAIL"}
DMARC = {"pass": ["DMARC_POLICY_ALLOW"], "none": ["DMARC_NA"], "permerror": ["DMARC_BAD_POLICY"],
         "fail": ["DMARC_POLICY_SOFTFAIL", "DMARC_POLICY_QUARANTINE", "DMARC_POLICY_REJECT"]}
ARC = {"pass": "ARC_ALLOW", "none": "ARC_NA", "fail": "ARC_REJECT"}


def compare(world, name, arrived, ip, helo, sender):
    """What we wrote beside what rspamd finds; our results by method."""
    report = world.report
    heard, field = take_apart(arrived)
    methods, signatures = results_of(field)
    if world.rspamd is None:
        return methods
    symbols = world.rspamd.judge(heard, ip=ip, helo=helo, sender=sender, rcpt="b@receiver.example")
    told = f"{field}\n{sorted(symbols.items())}\n{heard[:1500].decode(errors='replace')}"
    report.check(f"{name}: rspamd: SPF", SPF.get(methods.get("spf")) in symbols, told)
    report.check(f"{name}: rspamd: DMARC", any(s in symbols for s in DMARC.get(methods.get("dmarc"), [])), told)
    report.check(f"{name}: rspamd: ARC", ARC.get(methods.get("arc", "none")) in symbols, told)
    behind = world.rspamd.judge(arrived, ip=SECOND, helo="mx.receiver.example", sender=sender)
    report.equal(f"{name}: rspamd, behind the second: ARC holds", "ARC_ALLOW" in behind, methods.get("arc") != "fail")
    holds = {option.lower() for option in symbols.get("R_DKIM_ALLOW", [])}
    for (domain, selector), passed in signatures.items():
        report.equal(f"{name}: rspamd: DKIM of {domain} by {selector}", f"{domain}:s={selector}" in holds, passed)
    return methods


# ---- mail ---------------------------------------------------------------------------------------

def real_messages():
    """(name, bytes): CRLF, and From is ours; what submission would refuse is not among them."""
    found = []
    for folder_name, pattern in SUITES:
        root = suite(folder_name)
        paths = sorted(glob.glob(os.path.join(root, pattern), recursive=True)) if root else []
        of_suite = []
        for path in paths:
            with open(path, "rb") as f:
                data = re.sub(rb"\r?\n", b"\r\n", f.read())
            data = data.partition(b"\r\n")[2] if data.startswith(b"From ") else data
            data, count = re.subn(rb"(?im)\A((?:(?!\r\n).*\r\n)*?)From:.*\r\n(?:[ \t].*\r\n)*",
                                  rb"\1From: Real <a@sender.example>\r\n", data, count=1)
            lines = data.split(b"\r\n")
            if count and len(data) < BYTES_MAX and b"\0" not in data and b"\r\n\r\n" in data and \
                    max(map(len, lines)) <= 998 and not re.search(rb"\r(?!\n)", data):
                of_suite.append((f"{folder_name}/{os.path.relpath(path, root)}", data))
        found += of_suite[::max(1, len(of_suite) * len(SUITES) // REAL_MAX)][:REAL_MAX // len(SUITES)]
    return found


def check_submitted(world):
    report, count, tally = world.report, 0, collections.Counter()
    real = real_messages()
    if not real:
        report.skip("real messages", "the folder of suites is not there")
    for name, content in [*BY_HAND.items(), *real]:
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        reply = world.submit(content)
        if reply.code != 250:
            tally[f"not taken: {reply.texts[0][:40]}"] += 1
            report.check(f"{name}: taken", name not in BY_HAND, reply)
            continue
        count += 1
        arrived = world.arrived(count)
        if not report.check(f"{name}: arrives", arrived is not None):
            return
        methods = compare(world, name, arrived, FIRST, "first.example", "a@sender.example")
        tally["arrived, and were judged"] += 1
        report.equal(f"{name}: judged by the second", {m: methods.get(m) for m in ("spf", "dmarc")},
                     {"spf": "pass", "dmarc": "pass"})
        _, signatures = results_of(take_apart(arrived)[1])
        ours = [passed for (domain, _), passed in signatures.items() if domain == "sender.example"]
        report.equal(f"{name}: both signatures hold", ours, [True, True])
    for what, number in sorted(tally.items()):
        print(f"  {what}: {number}")


def seal(world, content):
    """As a list does: a footer, a word in the subject, and its own word on what it saw."""
    done = subprocess.run(
        [SMTPTOOL, "arc", "seal", "--dns-zone", world.zone, "--domain", "lists.example", "--key",
         f"l={world.lists_key}", "--results", "lists.example; arc=none; spf=pass smtp.mailfrom=sender.example; "
         "dkim=pass header.d=sender.example; dmarc=pass header.from=sender.example", "-"],
        input=content, capture_output=True, check=True)
    return done.stdout


def check_strangers(world):
    report = world.report
    world.sink.clear()
    world.submit(PLAIN)
    signed, _ = take_apart(world.arrived(1))
    changed = signed.replace(b"Subject: ", b"Subject: [list] ", 1) + b"-- \r\nthe list's footer\r\n"
    unsigned = PLAIN.replace(b"sender.example", b"strict.example")
    cases = [ # name, source, HELO, envelope sender, content, what we say
        ("forwarded as it is", LIST, "lists.example", "a@sender.example", signed,
         {"spf": "softfail", "dkim": "pass", "dmarc": "pass"}),
        ("forwarded by a list's sender", LIST, "lists.example", "bounce@lists.example", signed,
         {"spf": "pass", "dkim": "pass", "dmarc": "pass"}),
        ("a list that changes", LIST, "lists.example", "bounce@lists.example", changed,
         {"spf": "pass", "dkim": "fail", "dmarc": "fail"}),
        ("a list that changes and seals", LIST, "lists.example", "bounce@lists.example", seal(world, changed),
         {"spf": "pass", "dkim": "fail", "dmarc": "fail", "arc": "pass"}),
        ("a seal that was broken", LIST, "lists.example", "bounce@lists.example",
         seal(world, changed).replace(b"the list's footer", b"another footer"),
         {"spf": "pass", "dkim": "fail", "dmarc": "fail", "arc": "fail"}),
        ("a report, by HELO", FIRST, "first.example", "", signed, {"dkim": "pass", "dmarc": "pass"}),
        ("forged", STRANGER, "mail.stranger.example", "a@strict.example", unsigned,
         {"spf": "fail", "dkim": "none", "dmarc": "fail"}),
        ("unsigned, by its own host", FIRST, "first.example", "a@strict.example", unsigned,
         {"spf": "pass", "dkim": "none", "dmarc": "pass"}),
        ("nobody's policy", STRANGER, "lists.example", "x@nothing.example",
         PLAIN.replace(b"sender.example", b"nothing.example"), {"spf": "none", "dkim": "none", "dmarc": "none"}),
    ]
    for i, (name, source, helo, sender, content, want) in enumerate(cases):
        reply = world.bring(source, helo, sender, content)
        report.equal(f"{name}: taken", reply.code, 250)
        arrived = world.arrived(2 + i)
        if not report.check(f"{name}: arrives", arrived is not None):
            return
        methods = compare(world, name, arrived, source, helo, sender)
        report.equal(f"{name}: judged", {m: methods.get(m) for m in want}, want)


def check_inside():
    make_network()
    report = Report()
    world = World(report)
    check_submitted(world)
    check_strangers(world)
    report.check("the sealer's word is believed", until(5, lambda: any(
        e["arc"] == "pass" and e["dmarc"] == "fail" and e["disposition"] == "none"
        for e in world.second.events("judged"))), world.second.events("judged")[-3:])
    report.equal("the first ends", world.first.stop(), 0)
    report.equal("the second ends", world.second.stop(), 0)
    return report.finish()


def main():
    if sys.argv[1:] == ["--inside"]:
        return check_inside()
    need_program()
    return inside_a_namespace()


if __name__ == "__main__":
    sys.exit(main())
