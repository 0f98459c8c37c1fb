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
import re
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, skip_all, write
from _dns import NameServer, Zone
from _rspamd import Rspamd

SEED = int(os.environ.get("SEED", "9989"))
MESSAGES = int(os.environ.get("MESSAGES", "1000"))
IP = "192.0.2.1"
BODY = "Subject: hello\r\nDate: Sat, 21 Nov 2026 08:48:16 +0000\r\n\r\nHello\r\n"


def record(rand):
    """A policy; now and then not a good one."""
    tags = ["p=" + rand.choice(["none", "quarantine", "reject", "reject"])]
    for tag, values, often in (("sp", ["none", "quarantine", "reject"], 0.4), ("np", ["none", "reject"], 0.15),
                               ("adkim", ["r", "s"], 0.4), ("aspf", ["r", "s"], 0.4), ("t", ["y", "n"], 0.1),
                               ("pct", ["100", "0"], 0.1), ("fo", ["1"], 0.1), ("psd", ["n", "u"], 0.05),
                               ("rua", ["mailto:r@example.net"], 0.3), ("zz", ["1"], 0.1)):
        if rand.random() < often:
            tags.append(f"{tag}={rand.choice(values)}")
    if rand.random() < 0.15:
        tags[0] = rand.choice(["p=refuse", "P=REJECT", "p = reject", "sp=reject", "p=reject; p=none"])
    joint = rand.choice(["; ", ";", " ; "])
    return rand.choice(["v=DMARC1"] * 12 + ["v=DMARC2", "v = DMARC1", "V=dmarc1"]) + joint + joint.join(tags) + \
        rand.choice(["", ";"])


class Case:
    """Names of its own, so that nobody's cache knows them."""

    def __init__(self, number, rand, published):
        org = f"o{number}.com"
        names = [org, f"mail.{org}", f"a.mail.{org}"]
        self.author = rand.choice(names)
        self.envelope = rand.choice([*names, f"other{number}.net"])
        self.signer = rand.choice([None, *names, f"list{number}.org"])
        self.lines = [f'{self.envelope}. TXT "v=spf1 {rand.choice(["ip4:" + IP, "ip4:" + IP, ""])} -all"']
        self.policies = {}
        for name, often in zip(names, (0.85, 0.3, 0.2)):
            if rand.random() < often:
                self.policies[name] = [record(rand) for _ in range(rand.choice([1] * 15 + [2]))]
        self.lines += [f'_dmarc.{name}. TXT "{text}"' for name, texts in self.policies.items() for text in texts]
        if self.signer:
            self.lines.append(published.replace("SIGNER", self.signer))
        if rand.random() < 0.5: # does it exist, for np=
            self.lines.append(f"{self.author}. A 192.0.2.7")
        if rand.random() < 0.03:
            self.lines.append(f"_dmarc.{self.author}. FAIL servfail")
        self.plain = f"From: Alice <a@{self.author}>\r\n{BODY}".encode()
        self.spoiled = rand.random() < 0.2

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

def said(case, pattern):
    return any(re.search(pattern, text, re.I) for texts in case.policies.values() for text in texts)


DIFFERENCES = []


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
        row = next((r for r in DIFFERENCES if r[1](case, told, result)), None)
        seen[row] += 1
        if row is None:
            report.check(f"From {case.author}, sender {case.envelope}, signed by {case.signer}", False,
                         f"{in_words(told)} ({told.get('reason')}) but rspamd says {result} {options}\n"
                         + "\n".join(case.lines) + f"\n{told['story'].get('dmarc')}")
    report.check("most are judged alike", alike > MESSAGES * 0.7, alike)
    report.passed += alike
    print(f"rspamd: {alike} of {MESSAGES} alike")
    for row in DIFFERENCES:
        print(f"  {seen[row]} differ: {row[0]}")
        if MESSAGES >= 1000:
            report.check(f"it still differs: {row[0]}", seen[row])
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
