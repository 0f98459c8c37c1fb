"""SPF judged by four programs: 2,000 random policies, each with a small DNS of its own, by
`smtptool spf eval`, pyspf and libspf2's spfquery, and a third as many ordinary ones by rspamd. Where they differ, the clause of RFC 7208 that decides
stands in DIFFERENCES; any other difference fails.

    SEED=7 POLICIES=5000 python3 tests/e2e/spf_peers.py

pyspf is given the zone as a function. spfquery asks a name server, so it runs in a network namespace of its
own, where this script is that server (root only).
"""
import collections
import ipaddress
import json
import os
import random
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, tool, write
from _dns import NameServer, Zone
from _rspamd import Rspamd

SEED = int(os.environ.get("SEED", "7208"))
POLICIES = int(os.environ.get("POLICIES", "2000"))
SPFQUERY = tool("spfquery.libspf2") or tool("spfquery")


# ---- policies -------------------------------------------------------------------------------

# What only some cases have, so that a difference can be laid to it.
ODDITIES = ("redirect first", "length 0", "macro parts", "odd modifier", "bad length", "spoiled", "many terms",
            "circle", "server fails", "upper case")


class Case:
    """A domain, who asks, and all that the DNS knows about it."""

    def __init__(self, number, rand):
        self.rand = rand
        self.odd = {name for name in ODDITIES if rand.random() < 0.12}
        self.domain = f"c{number}.test"
        self.net4 = f"10.{number >> 8}.{number & 255}"
        self.net6 = f"2001:db8:{number:x}:"
        self.ip = rand.choice([f"{self.net4}.{rand.randint(1, 9)}"] * 3
                              + [f"{self.net6}:{rand.randint(1, 9)}"])
        self.local = rand.choice(["bob", "a-b+c.d", "x" * 40, "O'Neil", "1"])
        self.helo = rand.choice([self.name("h1"), "mail.example.org", "localhost"])
        self.zone = collections.defaultdict(list)
        self.failing = {self.name("down")}
        self.fill()

    def name(self, host):
        return f"{host}.{self.domain}"

    def odd_choice(self, oddity, strange, plain, often=0.3):
        rand = self.rand
        return rand.choice(strange if oddity in self.odd and rand.random() < often else plain)

    def fill(self):
        rand = self.rand
        for i in range(1, 5):
            self.zone[self.name(f"h{i}")].append(("A", f"{self.net4}.{i}"))
        self.zone[self.name("h2")].append(("AAAA", f"{self.net6}:2"))
        self.zone[self.name("h6")].append(("AAAA", f"{self.net6}:6"))
        self.zone[self.name("bare")].append(("TXT", "no policy"))
        self.zone[self.name("exp")].append(("TXT", "%{i} is not of %{d}, %{l}"))
        if rand.random() < 0.7:
            self.zone[self.domain].append(("A", f"{self.net4}.{rand.randint(1, 9)}"))
        for i in range(rand.choice([0, 1, 2, 3])):
            self.zone[self.domain].append(("MX", (i, self.name(rand.choice(["h1", "h2", "h3", "h6"])))))
        for i in range(rand.choice([1, 2, 11])):
            self.zone[self.name("mx")].append(("MX", (i, self.name(f"h{1 + i % 4}"))))
        for i in range(rand.choice([0, 0, 1, 2])):
            pointer = ipaddress.ip_address(self.ip).reverse_pointer
            self.zone[pointer].append(("PTR", self.name(f"h{1 + i}")))
        for i in range(5):  # they include those behind them; in a circle, also others
            self.zone[self.name(f"i{i}")].append(("TXT", self.policy(i + 1)))
        self.zone[self.domain].append(("TXT", self.policy(0)))
        if rand.random() < 0.02:
            self.zone[self.domain].append(("TXT", "v=spf1 ?all"))

    def target(self):
        plain = [self.name(h) for h in ("h1", "h1", "h2", "h3", "h6", "gone", "mx")] + ["%{d}"]
        strange = self.odd_choice("macro parts", ["h1.%{d2}", self.name("h%{l1r}")], plain)
        return self.odd_choice("server fails", [self.name("down")], [strange])

    def included(self, depth):
        plain = [self.name(f"i{i}") for i in range(depth, 5)] * 6
        plain += [self.name("bare"), self.name("gone")]
        plain = [self.odd_choice("macro parts", [self.name("i%{l2}")], plain)]
        circle = self.odd_choice("circle", [self.name(f"i{i}") for i in range(5)], plain, 0.7)
        return self.odd_choice("server fails", [self.name("down")], [circle])

    def length(self, plain, bad):
        strange = self.odd_choice("length 0", ["/0"], plain)
        return self.odd_choice("bad length", bad, [strange])

    def lengths(self):
        return self.length(["", "", "", "/24", "/32", "//64", "/28//48"], ["/33", "/024", "//129", "/", "/24/24"])

    def term(self, depth):
        rand = self.rand
        kinds = {
            "a": lambda: rand.choice(["a", "a:" + self.target()]) + self.lengths(),
            "mx": lambda: rand.choice(["mx", "mx:" + self.target()]) + self.lengths(),
            "ip4": lambda: f"ip4:{self.net4}.{rand.randint(1, 9)}"
                           + self.length(["", "", "/32", "/30", "/24"], ["/33", "/", "/01"]),
            "ip6": lambda: f"ip6:{self.net6}:{rand.randint(1, 9)}"
                           + self.length(["", "", "/128", "/64"], ["/129", "/064"]),
            "include": lambda: "include:" + self.included(depth),
            "exists": lambda: "exists:" + rand.choice([self.target(), self.odd_choice(
                "upper case", ["%{IR}.%{V}."], ["%{ir}.%{v}."]) + self.domain]),
            "ptr": lambda: rand.choice(["ptr", "ptr:" + self.target()]),
            "all": lambda: "all",
            "other": lambda: self.odd_choice("odd modifier", ["moo=%{c}", "a-b.c_d=%{d}%%"], ["x=y"]),
        }
        kind = rand.choices(list(kinds), [6, 5, 8, 4, 6, 3, 2, 1, 1])[0]
        qualifier = "" if kind == "other" else rand.choice(["", "", "", "+", "-", "~", "?"])
        return qualifier + kinds[kind]()

    def policy(self, depth):
        rand = self.rand
        count = self.odd_choice("many terms", [11, 12, 13], [0, 1, 2, 2, 3, 3, 4, 5], 0.5)
        terms = [self.term(depth) for _ in range(count)]
        ending = rand.random()
        if ending < 0.6:
            terms.append(rand.choice(["-all", "~all", "?all", "+all"]))
        elif ending < 0.8:
            first = "redirect first" in self.odd
            terms.insert(rand.randint(0, len(terms)) if first else len(terms), "redirect=" + self.included(depth))
        if rand.random() < 0.2:
            terms.append("exp=" + self.name("exp"))
        return self.spoil(" ".join(["v=spf1"] + terms))

    def spoil(self, text):
        """Now and then a byte goes wrong."""
        rand = self.rand
        if "spoiled" not in self.odd or rand.random() > 0.4 or len(text) < 8:
            return text
        at = rand.randint(7, len(text) - 1)
        wrong = rand.choice("/:=%{}.-_0Z \x01")
        return rand.choice([text[:at] + text[at + 1:], text[:at] + wrong + text[at:],
                            text[:at] + text[at:].swapcase()])

    def lookup(self, name, kind):
        """Records of a canonical name; None: the server fails."""
        if name in self.failing:
            return None
        return [value for k, value in self.zone.get(name, []) if k == kind]

    def exists(self, name):
        return any(n == name or n.endswith("." + name) for n in self.zone)

    def zone_file(self):
        lines = []
        for name, records in self.zone.items():
            for kind, value in records:
                if kind == "TXT":
                    value = '"' + "".join(c if c.isalnum() else f"\\{ord(c):03d}" for c in value) + '"'
                elif kind == "MX":
                    value = f"{value[0]} {value[1]}."
                elif kind == "PTR":
                    value += "."
                lines.append(f"{name}. {kind} {value}\n")
        return "".join(lines + [f"{name}. FAIL servfail\n" for name in self.failing])


class Ordinary(Case):
    """As domains publish them. rspamd knows others poorly: it sorts what it has read, leaves out what is wrong, and
    takes +all for neutral, so that of the policies above it judges half otherwise."""

    def fill(self):
        rand = self.rand
        self.odd.clear()
        self.failing.clear()
        for i in range(1, 5):
            self.zone[self.name(f"h{i}")].append(("A", f"{self.net4}.{i}"))
            self.zone[self.name(f"h{i}")].append(("AAAA", f"{self.net6}:{i}"))
        self.zone[self.domain] = [("A", f"{self.net4}.5"), ("AAAA", f"{self.net6}:5"), ("MX", (10, self.name("h3"))),
                                  ("TXT", "some=token")]
        self.zone[self.name("i1")].append(("TXT", f"v=spf1 ip4:{self.net4}.6 ip6:{self.net6}:6 ~all"))
        self.zone[self.name("i2")].append(("TXT", f"v=spf1 include:{self.name('i1')} a:{self.name('h4')} -all"))
        terms = [f"ip4:{self.net4}.7", f"ip4:{self.net4}.8/31", f"ip6:{self.net6}:7", "a", "mx", f"a:{self.name('h1')}",
                 f"mx:{self.domain}", f"include:{self.name('i1')}", f"include:{self.name('i2')}",
                 f"a:{self.name('h2')}/32"]
        chosen = rand.sample(terms, rand.randint(1, 6))
        chosen.append(rand.choice(["-all", "-all", "~all", "~all", "?all", f"redirect={self.name('i2')}"]))
        self.zone[self.domain].append(("TXT", " ".join(["v=spf1", *chosen])))


def make_ordinary():
    rand = random.Random(SEED)
    return [Ordinary(i, rand) for i in range(POLICIES // 3)]


def make_cases():
    rand = random.Random(SEED)
    return [Case(i, rand) for i in range(POLICIES)]


# ---- who judges -----------------------------------------------------------------------------

def ours(case, path):
    write(path, case.zone_file())
    done = subprocess.run([SMTPTOOL, "spf", "eval", "--json", "--dns-zone", path, "--ip", case.ip,
                           "--helo", case.helo, "--from", f"{case.local}@{case.domain}"],
                          capture_output=True, text=True, check=False)
    return json.loads(done.stdout)


def load_pyspf():
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import spf  # pylint: disable=import-outside-toplevel
    except ImportError:
        return None
    return spf


def by_pyspf(spf, case):
    def lookup(name, kind, *_):
        name = str(name).lower().rstrip(".")
        values = case.lookup(name, kind)
        if values is None:
            raise spf.TempError("the server fails")
        return [((name, kind), [v.encode("latin-1")] if kind == "TXT" else v) for v in values]
    spf.DNSLookup = lookup
    query = spf.query(i=case.ip, s=f"{case.local}@{case.domain}", h=case.helo, receiver="unknown")
    result, _, why = query.check()
    return result, why


# ---- spfquery, which asks a name server -----------------------------------------------------


def libspf2_result(text):
    """What was wrong stands before the result, between two marks."""
    why, text = text.split("EndError", 1) if "EndError" in text else ("", text)
    words = [line for line in text.split("\n") if line]
    result = words[0] if words else "nothing"
    return "permerror" if result in ("(invalid)", "unknown") else result, why.replace("\n", " ")


def libspf2_inside(path):
    """In the namespace: results of all cases, one a line."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    write(path, "nameserver 127.0.0.1\noptions attempts:1 timeout:2 ndots:0\n")
    subprocess.run(["mount", "--bind", path, "/etc/resolv.conf"], check=True)
    server = NameServer(None, port=53)
    for case in make_cases():
        server.zone = case
        done = subprocess.run([SPFQUERY, "-ip", case.ip, "-sender", f"{case.local}@{case.domain}",
                               "-helo", case.helo], capture_output=True, text=True, check=False)
        print(json.dumps(libspf2_result(done.stdout)), flush=True)


def by_libspf2(report):
    """The results of all cases, or None."""
    if SPFQUERY is None or "libspf2" not in os.path.realpath(SPFQUERY):
        report.skip("spfquery", "libspf2's is not installed")
        return None
    if os.geteuid() != 0 or not tool("unshare") or not tool("ip"):
        report.skip("spfquery", "a network namespace needs root, unshare and ip")
        return None
    probe = subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0: # in a chroot, for one
        report.skip("spfquery", f"no namespace can be had: {probe.stderr.strip()}")
        return None
    path = write(os.path.join(folder(), "resolv.conf"), "")
    done = subprocess.run(["unshare", "-n", "-m", sys.executable, __file__, "--inside", path],
                          capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if not report.check("spfquery: all were judged", len(lines) == POLICIES, done.stderr[-1000:]):
        return None
    return [json.loads(line) for line in lines]


SYMBOLS = {"R_SPF_ALLOW": "pass", "R_SPF_PLUSALL": "pass", "R_SPF_FAIL": "fail", "R_SPF_SOFTFAIL": "softfail",
           "R_SPF_NEUTRAL": "neutral", "R_SPF_NA": "none", "R_SPF_PERMFAIL": "permerror",
           "R_SPF_DNSFAIL": "temperror"}


def by_rspamd(report, cases):
    """The results of all cases, or None. Names are a case's own, so one zone can hold all."""
    zone = Zone()
    for case in cases:
        zone.failing |= case.failing
        for name, records in case.zone.items():
            for kind, value in records:
                zone.put(name.lower(), kind, value)
    rspamd, why = Rspamd.make(NameServer(zone))
    if rspamd is None:
        report.skip("rspamd", why)
        return None
    results = []
    for case in cases:
        symbols = rspamd.judge(b"From: a@example.com\r\n\r\nhi\r\n", ip=case.ip, helo=case.helo,
                               sender=f"{case.local}@{case.domain}")
        found = [(SYMBOLS[name], " ".join(options)) for name, options in symbols.items() if name in SYMBOLS]
        results.append(found[0] if len(found) == 1 else ("nothing", str(symbols)))
    return results


# ---- differences ----------------------------------------------------------------------------

# Who differs, whether any thousand policies show it, what the RFC says, and by which sign the difference
# is known. A row that ought to happen and no longer does fails.
DIFFERENCES = [
    ("pyspf", True, "4.6.4 limits terms that find nothing; it counts MX hosts of the other family and the client's names",
     lambda case, mine, result, why: "Void lookup limit" in why and mine["void_lookups"] <= 2),
    ("pyspf", False, "7.1 lets \"%%\" end a macro-string; it takes the last % for one that begins nothing",
     lambda case, mine, result, why: "invalid-macro-char" in why and "%%" in why),
    ("pyspf", False, "12 has c, r and t among the letters of an unknown modifier, which 6 has ignored; it refuses them",
     lambda case, mine, result, why: "c,r,t macros allowed" in why and "odd modifier" in case.odd),
    ("pyspf", False, "6 has unknown modifiers ignored, however often they appear; it refuses a second one",
     lambda case, mine, result, why: "x= must appear at most once" in why.lower()),
    ("pyspf", False, "4.6 makes any mistake in a record a permerror; it passes some over",
     lambda case, mine, result, why: "spoiled" in case.odd and "the policy of" in mine["reason"]),
    ("pyspf", False, "4.6.4 counts the terms that are evaluated; it counts a redirect that is only read",
     lambda case, mine, result, why: "Too many DNS lookups" in why and mine["lookups"] <= 10
     and any("redirect=" in s["text"] for s in mine["story"])),
    ("pyspf", False, "4.6.1 and 12 have names without case; it knows \"redirect\" in small letters only",
     lambda case, mine, result, why: "spoiled" in case.odd and any("REDIRECT=" in s["text"].upper()
                                                                  and "redirect=" not in s["text"]
                                                                  for s in mine["story"])),
    ("pyspf", False, "4.6.4 ends loops by counting lookups; it refuses an include of itself when it is read",
     lambda case, mine, result, why: "trivial recursion" in why),
    ("libspf2", True, "4.6.4 allows two lookups for nothing; it knows no such limit",
     lambda case, mine, result, why: "things that are not in the DNS" in mine["reason"]),
    ("libspf2", True, "4.6.4 makes an eleventh MX host a permerror; it leaves the others out",
     lambda case, mine, result, why: "11 MX hosts" in mine["reason"]),
    ("libspf2", False, "4.6.4 counts every term that asks; it counts fewer",
     lambda case, mine, result, why: "more than 10 DNS lookups" in mine["reason"]),
    ("libspf2", True, "5.6 and 12 have a prefix length of 0; it refuses it",
     lambda case, mine, result, why: "(2) Could not find a valid SPF record" in why and "length 0" in case.odd),
    ("libspf2", True, "12 has no leading zero in a prefix length; it takes it",
     lambda case, mine, result, why: "leading zero" in mine["reason"]),
    ("libspf2", False, "12 has dots in the name of a modifier; it refuses them",
     lambda case, mine, result, why: "Invalid character in middle" in why and "odd modifier" in case.odd),
    ("libspf2", True, "6.1 has redirect taken when nothing matched, wherever it stands; it takes it where it stands",
     lambda case, mine, result, why: "redirect first" in case.odd),
    ("libspf2", True, "7.3 keeps all parts when a macro asks for as many or more; it keeps none",
     lambda case, mine, result, why: "macro parts" in case.odd),
    ("libspf2", False, "12 is without case, also for the \"r\" of a macro; it refuses \"R\"",
     lambda case, mine, result, why: "Invalid delimiter 'R'" in why
     or ("(2) Could not find" in why and "upper case" in case.odd)),
    ("libspf2", False, "4.6 makes any mistake in a record a permerror; it passes some over",
     lambda case, mine, result, why: mine["result"] == "permerror" and "the policy of" in mine["reason"]
     and case.odd & {"spoiled", "bad length"}),
    ("libspf2", False, "4.8 leaves open what a name with an empty label is; it is not asked for by us",
     lambda case, mine, result, why: "spoiled" in case.odd and "cannot be a domain" in mine["reason"]),
    ("rspamd", False, "4.6.4 makes an eleventh lookup a permerror; it goes on to 30",
     lambda case, mine, result, why: "more than 10 DNS lookups" in mine["reason"]),
    ("rspamd", True, "5.6 has 128 bits of an IPv6 address compared when none are given; after \"a\" and \"mx\" it takes 32",
     lambda case, mine, result, why: ":" in case.ip and result == "pass" and why.startswith(("+a", "+mx"))),
]


def judge(report, peer, cases, results, theirs):
    same = 0
    seen = collections.Counter()
    for case, mine, (result, why) in zip(cases, results, theirs):
        if mine["result"] == result:
            same += 1
            continue
        row = next((r for r in DIFFERENCES if r[0] == peer and r[3](case, mine, result, why)), None)
        seen[row] += 1
        if row is None:
            report.check(f"{peer}: {case.domain} {case.ip} {sorted(case.odd)}", False,
                         f"{mine['result']} ({mine['reason']}; {mine['mechanism']}) but {peer} says {result} ({why})\n"
                         + "\n".join("  " * s["depth"] + s["text"] for s in mine["story"]))
    report.check(f"{peer}: most are judged alike", same > len(cases) * 0.8, same)
    print(f"{peer}: {same} of {len(cases)} alike")
    for row in DIFFERENCES:
        if row[0] != peer:
            continue
        print(f"  {seen[row]} differ: RFC 7208 section {row[2]}")
        if row[1] and POLICIES >= 1000:
            report.check(f"{peer}: it still differs: {row[2]}", seen[row])


def main():
    if sys.argv[1:2] == ["--inside"]:
        libspf2_inside(sys.argv[2])
        return 0
    need_program()
    report = Report()
    cases = make_cases()
    path = os.path.join(folder(), "zone")
    results = [ours(case, path) for case in cases]
    print(f"smtptool: {dict(collections.Counter(r['result'] for r in results))}")
    spf = load_pyspf()
    if spf:
        judge(report, "pyspf", cases, results, [by_pyspf(spf, case) for case in cases])
    else:
        report.skip("pyspf", "it is not installed")
    theirs = by_libspf2(report)
    if theirs:
        judge(report, "libspf2", cases, results, theirs)
    ordinary = make_ordinary()
    theirs = by_rspamd(report, ordinary)
    if theirs:
        judge(report, "rspamd", ordinary, [ours(case, path) for case in ordinary], theirs)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
