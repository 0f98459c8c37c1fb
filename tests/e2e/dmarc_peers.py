"""DMARC judged by two programs: a thousand messages whose From, signature and envelope sender are of one
organization or of several, under random policies, by `smtptool verify` and by rspamd. rspamd goes by RFC 7489 and
the public suffix list, we go by RFC 9989: where that decides, the clause stands in DIFFERENCES; any other
difference fails.

    SEED=7 MESSAGES=5000 python3 tests/e2e/dmarc_peers.py
"""
import collections
import concurrent.futures
import json
import os
import random
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, skip_all, write
from _dns import NameServer, Zone
from _rspamd import Rspamd

SEED = int(os.environ.get("SEED", "9989"))
MESSAGES = int(os.environ.get("MESSAGES", "1000"))
IP = "192.0.2.1"
BODY = "Subject: hello\r\nDate: Sat, 21 Nov 2026 08:48:16 +0000\r\n\r\nHello\r\n"


# What only some cases have, so that a difference can be laid to it.
ODDITIES = ("blanks", "version", "no p=", "a tag twice", "two records", "pct=", "np=", "t=y", "psd=", "server fails",
            "a policy between")


class Case:
    """Names of its own, so that nobody's cache knows them."""

    def __init__(self, number, rand, published):
        self.rand, self.odd = rand, {name for name in ODDITIES if rand.random() < 0.06}
        org = f"o{number}.com"
        names = [org, f"mail.{org}", f"a.mail.{org}"]
        self.author = rand.choice(names)
        self.envelope = rand.choice([*names, f"other{number}.net"])
        self.signer = rand.choice([None, *names, f"list{number}.org"])
        self.lines = [f'{self.envelope}. TXT "v=spf1 {rand.choice(["ip4:" + IP, "ip4:" + IP, ""])} -all"']
        self.publish(org, names)
        if self.signer:
            self.lines.append(published.replace("SIGNER", self.signer))
        if rand.random() < 0.5: # does it exist, for np=
            self.lines.append(f"{self.author}. A 192.0.2.7")
        if "server fails" in self.odd:
            self.lines.append(f"_dmarc.{self.author}. FAIL servfail")
        self.plain = f"From: Alice <a@{self.author}>\r\n{BODY}".encode()
        self.spoiled = rand.random() < 0.2

    def publish(self, org, names):
        """Policies of the organization, of the author's domain, and only as an oddity of one between."""
        rand = self.rand
        chosen = {name for name in (org, self.author) if rand.random() < 0.7}
        if "a policy between" in self.odd:
            self.author, chosen = names[2], {names[1]}
        elif self.author == names[2]:
            chosen.discard(names[1])
        if org not in chosen and chosen:
            self.odd.add("the organization has none")
        for name in sorted(chosen):
            for _ in range(2 if "two records" in self.odd else 1):
                self.lines.append(f'_dmarc.{name}. TXT "{self.record()}"')

    def record(self):
        rand = self.rand
        tags = ["p=" + rand.choice(["none", "quarantine", "reject"])]
        for tag, values, often in (("sp", ["none", "quarantine", "reject"], 0.4), ("adkim", ["r", "s"], 0.4),
                                   ("aspf", ["r", "s"], 0.4), ("fo", ["1"], 0.1), ("zz", ["1"], 0.1),
                                   ("rua", ["mailto:r@example.net"], 0.3), ("t", ["n"], 0.1), ("pct", ["100"], 0.1)):
            if rand.random() < often:
                tags.append(f"{tag}={rand.choice(values)}")
        for oddity, tag in (("pct=", "pct=0"), ("np=", "np=" + rand.choice(["none", "reject"])), ("t=y", "t=y"),
                            ("psd=", "psd=" + rand.choice("ny")), ("a tag twice", "p=none; p=reject")):
            if oddity in self.odd:
                tags.append(tag)
        if "no p=" in self.odd:
            tags[0] = rand.choice(["p=refuse", "fo=1"])
        joint = rand.choice([" ; ", "  ;"]) if "blanks" in self.odd else rand.choice(["; ", ";"])
        version = rand.choice(["v=DMARC2", "V=dmarc1", "v=dmarc1"]) if "version" in self.odd else "v=DMARC1"
        return joint.join([version, *tags]) + rand.choice(["", ";"])

    def sign(self, key):
        self.message = self.plain
        if self.signer:
            done = subprocess.run([SMTPTOOL, "dkim", "sign", "--domain", self.signer, "--key", f"s={key}", "--fields",
                                   "-"], input=self.plain, capture_output=True, check=True)
            self.message = done.stdout + self.plain
        if self.spoiled:
            self.message = self.message.replace(b"Hello", b"Hallo")


# ---- who judges ---------------------------------------------------------------------------------

def ours(case, path):
    zone = write(os.path.join(path, case.author), "\n".join(case.lines) + "\n")
    done = subprocess.run([SMTPTOOL, "verify", "--json", "--dns-zone", zone, "--ip", IP, "--helo", "mail.example.org",
                           "--from", f"a@{case.envelope}", "-"], input=case.message, capture_output=True, check=False)
    return json.loads(done.stdout)


SYMBOLS = {"DMARC_POLICY_ALLOW": "pass", "DMARC_POLICY_REJECT": "fail, reject", "DMARC_NA": "none",
           "DMARC_POLICY_QUARANTINE": "fail, quarantine", "DMARC_POLICY_SOFTFAIL": "fail, none",
           "DMARC_BAD_POLICY": "permerror", "DMARC_DNSFAIL": "temperror"}


def theirs(case, rspamd):
    symbols = rspamd.judge(case.message, ip=IP, sender=f"a@{case.envelope}")
    found = [(text, symbols[name]) for name, text in SYMBOLS.items() if name in symbols]
    return found[0] if len(found) == 1 else ("nothing", sorted(symbols))


def in_words(told):
    return told["result"] + (f", {told['disposition']}" if told["result"] == "fail" else "")


# ---- differences ----------------------------------------------------------------------------------

# The sign by which a difference is known, and what the RFC says.
DIFFERENCES = [
    ("blanks", "4.7 allows blanks in front of \";\"; it does not read on behind them"),
    ("version", "4.7 has \"DMARC1\" in capitals; it looks less closely"),
    ("no p=", "4.7 has no policy without p=, unless there is an address in rua=; it takes it for none"),
    ("a tag twice", "4.7, by RFC 6376 section 3.2, gives up a record with a tag twice; it takes one of them"),
    ("two records", "4.10 leaves several records of one name aside; it calls them a permanent error"),
    ("pct=", "4.7 has no pct= any more (appendix C); it draws lots"),
    ("np=", "4.7 has a policy for names that do not exist; it has none"),
    ("t=y", "4.7 lowers the policy of who is testing; it does not know t="),
    ("psd=", "4.10 has the organization end where psd= says; it asks the public suffix list"),
    ("server fails", "9.1 has a temporary error when the policy cannot be had; it goes on without"),
    ("a policy between", "4.10 asks for the policies of all names up to the organization; it asks for two"),
    ("the organization has none", "4.10.2 has an organization where a policy is found; it asks the public suffix list"),
]


def main():
    need_program()
    report, rand, path = Report(), random.Random(SEED), folder(0o700)
    key = os.path.join(path, "key.pem")
    subprocess.run([SMTPTOOL, "dkim", "keygen", "--type", "rsa", "--out", key], check=True, capture_output=True)
    published = subprocess.run([SMTPTOOL, "dkim", "dns", "--key", key, "--domain", "SIGNER", "--selector", "s"],
                               check=True, capture_output=True, text=True).stdout
    cases = [Case(i, rand, published) for i in range(MESSAGES)]
    rspamd, why = Rspamd.make(NameServer(Zone("\n".join(line for case in cases for line in case.lines))), workers=2)
    if rspamd is None:
        skip_all("rspamd", why)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda case: case.sign(key), cases))
        we = list(pool.map(lambda case: ours(case, path), cases))
        they = list(pool.map(lambda case: theirs(case, rspamd), cases))
    print(f"smtptool: {dict(collections.Counter(map(in_words, we)))}")
    alike, seen = 0, collections.Counter()
    for case, told, (result, options) in zip(cases, we, they):
        if in_words(told) == result:
            alike += 1
            continue
        row = next((r for r in DIFFERENCES if r[0] in case.odd), None)
        seen[row] += 1
        if row is None:
            report.check(f"From {case.author}, sender {case.envelope}, signed by {case.signer}", False,
                         f"{sorted(case.odd)} {in_words(told)} ({told.get('reason')}) but rspamd says {result} {options}\n"
                         + "\n".join(case.lines) + f"\n{told['story'].get('dmarc')}")
    report.check("most are judged alike", alike > MESSAGES * 0.6, alike)
    report.passed += alike
    print(f"rspamd: {alike} of {MESSAGES} alike")
    for row in DIFFERENCES:
        print(f"  {seen[row]} differ: RFC 9989 section {row[1]}")
        if MESSAGES >= 1000:
            report.check(f"it still differs: {row[1]}", seen[row])
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
