"""DKIM among others: generated messages that `smtptool dkim`, dkimpy, opendkim and rspamd sign, and that all of
them judge, as they are and after one random change each. What one signs, the others must accept; after a change
they must agree. ARC chains that we, dkimpy and rspamd seal in turn must hold for all. Where verdicts differ, the
clause that decides stands in DIFFERENCES; any other difference fails.

    SEED=7 MESSAGES=5000 python3 tests/e2e/dkim_peers.py
"""
import base64
import collections
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import time

from _check import SMTPTOOL, Report, folder, need_program, tool, write
from _dns import NameServer, Zone
from _rspamd import Rspamd

SEED = int(os.environ.get("SEED", "6376"))
MESSAGES = int(os.environ.get("MESSAGES", "1000"))
OPENDKIM = tool("opendkim")
FORMS = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]
CHAINS = 60
ARC_FIELDS = ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results") # from the top
BATCH = 50 # messages for one run of opendkim

sys.path.append("/usr/lib/python3/dist-packages") # where Debian has dkimpy, whatever Python runs us
try:
    import dkim
except ImportError:
    dkim = None


def run(*command, stdin=None):
    return subprocess.run(command, capture_output=True, input=stdin, check=False)


# ---- messages ---------------------------------------------------------------------------------

WORDS = ["hello", "a", "Grüße", "--", ".", "x" * 70, "From", "=3D", "1,000", "<b>", "\\", "\"q\""]


def text(rand, most, blanks=(" ", "  ", "\t", " \t ")):
    words = [rand.choice(WORDS) for _ in range(rand.randint(1, most))]
    line = words[0]
    for word in words[1:]:
        line += rand.choice(blanks) + word
    return line


def field(rand, name):
    value = text(rand, 8)
    if rand.random() < 0.4: # folded, but never before a lone blank
        value = re.sub(r"[ \t]+", lambda m: "\r\n" + m[0] if rand.random() < 0.4 else m[0], value)
    blank = rand.choice(["", " ", "  ", "\t"])
    return f"{name}:{blank}{value}{rand.choice(['', '', ' '])}\r\n"


def body(rand):
    """Its last line ends, as SMTP has it: what the relaxed form makes of one that does not, RFC 6376 section 3.4.4
    says in two steps, and dkimpy and opendkim do one of them each."""
    lines = []
    for _ in range(rand.choice([0, 1, 2, 5, 30])):
        lines.append(rand.choice(["", " ", "\t ", text(rand, 6), text(rand, 6) + " ", " " + text(rand, 3)]))
    end = rand.choice(["\r\n", "\r\n\r\n\r\n", " \r\n", "\r\n \r\n"]) if lines else ""
    lines = ["" if line == "." else line for line in lines] # opendkim -t would stop there
    return "\r\n".join(lines) + end


def message(rand):
    names = ["To", "Subject", "Date", "Message-ID", "Received", "X-Odd", "List-Id", "MIME-Version",
             "Content-Type", "Cc", "REFERENCES", "in-reply-to", "Received"]
    chosen = rand.sample(names, rand.randint(1, len(names)))
    fields = [field(rand, name) for name in chosen]
    sender = rand.choice(["From: a@example.com\r\n", "FROM:\tBob <a@example.com>\r\n",
                          "From: \"A, B\"\r\n <a@example.com>\r\n"])
    fields.insert(rand.randint(0, len(fields)), sender)
    return ("".join(fields) + "\r\n" + body(rand)).encode()


# ---- one change -----------------------------------------------------------------------------------

def split_fields(header):
    return re.findall(rb"[^\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", header)


def change_letter(rand, part):
    places = [m.start() for m in re.finditer(rb"[a-z]", part)]
    if not places:
        end = part[-2:] if part.endswith(b"\r\n") else b""
        return part[:len(part) - len(end)] + b"x" + end
    at = rand.choice(places)
    return part[:at] + bytes([ord("a") + (part[at] - ord("a") + 1) % 26]) + part[at + 1:]


def in_signature(pattern, with_):
    def change(rand, fields, body_):
        del rand
        for i, one in enumerate(fields):
            if one.lower().startswith(b"dkim-signature"):
                fields[i] = re.sub(pattern, with_, one, count=1)
                break
        return fields, body_
    return change


def in_body(change):
    return lambda rand, fields, body_: (fields, change(rand, body_))


def in_field(change):
    """In one that is no signature and not the last blank of one."""
    def apply(rand, fields, body_):
        at = rand.choice([i for i, f in enumerate(fields) if not f.lower().startswith(b"dkim-")])
        fields[at] = change(rand, fields[at])
        return fields, body_
    return apply


def value_of(change):
    def apply(rand, one):
        name, value = one.split(b":", 1)
        return name + b":" + change(rand, value)
    return apply


def drop_field(rand, fields, body_):
    at = rand.choice([i for i, f in enumerate(fields) if not f.lower().startswith((b"dkim-", b"from"))] or [0])
    del fields[at]
    return fields, body_


def add_field(name):
    def apply(rand, fields, body_):
        at = rand.randint(0, len(fields))
        return fields[:at] + [name + b": added\r\n"] + fields[at:], body_
    return apply


def swap_fields(rand, fields, body_):
    if len(fields) > 1:
        at = rand.randint(0, len(fields) - 2)
        fields[at], fields[at + 1] = fields[at + 1], fields[at]
    return fields, body_


CHANGES = {
    "a letter of the body": in_body(change_letter),
    "a blank more in the body": in_body(lambda r, b: b.replace(b" ", b"  ", 1)),
    "blanks at a line's end": in_body(lambda r, b: b.replace(b"\r\n", b" \t\r\n", 1)),
    "empty lines at the end": in_body(lambda r, b: b + b"\r\n\r\n"),
    "text at the end": in_body(lambda r, b: b + b"more\r\n"),
    "an empty line in front": in_body(lambda r, b: b"\r\n" + b),
    "no last line end": in_body(lambda r, b: b[:-2] if b.endswith(b"\r\n") else b),
    "no body": in_body(lambda r, b: b""),
    "a letter of a field": in_field(value_of(change_letter)),
    "a field's name in capitals": in_field(lambda r, f: f.split(b":", 1)[0].upper() + b":" + f.split(b":", 1)[1]),
    "a blank more in a field": in_field(value_of(lambda r, v: v.replace(b" ", b"  ", 1))),
    "a blank before the line end": in_field(lambda r, f: f[:-2] + b" \r\n"),
    "a field is folded": in_field(value_of(lambda r, v: re.sub(rb"(?<=\S) ", b"\r\n ", v, count=1))),
    "a field is gone": drop_field,
    "fields change places": swap_fields,
    "an unknown field more": add_field(b"X-New"),
    "a Subject more": add_field(b"Subject"),
    "a To more": add_field(b"To"),
    "a From more": add_field(b"From"),
    "a letter of b=": in_signature(rb"(\bb=\s*)([A-Za-y])", lambda m: m[1] + bytes([m[2][0] ^ 1])),
    "a letter of bh=": in_signature(rb"(\bbh=\s*)([A-Za-y])", lambda m: m[1] + bytes([m[2][0] ^ 1])),
    "a blank in b=": in_signature(rb"(\bb=\s*\w\w)", rb"\1 "),
    "v=2": in_signature(rb"v=1", rb"v=2"),
    "a=rsa-sha1": in_signature(rb"a=rsa-sha256", rb"a=rsa-sha1"),
    "another t=": in_signature(rb"\bt=(\d)", rb"t=\g<1>0"),
    "d= in capitals": in_signature(rb"d=example", rb"d=EXAMPLE"),
    "another selector": in_signature(rb"\bs=(\w)", rb"s=no\1"),
    "another form": in_signature(rb"c=relaxed", rb"c=simple"),
    "an unknown tag": in_signature(rb"; ?d=", rb"; zz=1; d="),
    "a tag twice": in_signature(rb"; ?d=", rb"; v=1; d="),
    "h= without its first": in_signature(rb"\bh=\s*[\w-]+\s*:\s*", rb"h="),
    "l=0": in_signature(rb"; ?d=", rb"; l=0; d="),
}


def changed(rand, original):
    name = rand.choice(sorted(CHANGES))
    header, body_ = original.split(b"\r\n\r\n", 1)
    fields, body_ = CHANGES[name](rand, split_fields(header + b"\r\n"), body_)
    return name, b"".join(fields) + b"\r\n" + body_


# ---- who signs and who judges ------------------------------------------------------------------------

class Keys:
    """One RSA and one Ed25519 key, made by us, and what is published of them."""

    def __init__(self, path):
        self.zone, self.records = os.path.join(path, "zone"), {}
        self.files = {"r": os.path.join(path, "r.pem"), "e": os.path.join(path, "e.pem")}
        lines = ""
        for selector, kind in (("r", "rsa"), ("e", "ed25519")):
            run(SMTPTOOL, "dkim", "keygen", "--type", kind, "--out", self.files[selector])
            line = run(SMTPTOOL, "dkim", "dns", "--key", self.files[selector], "--domain", "example.com",
                       "--selector", selector).stdout.decode()
            lines += line
            self.records[f"{selector}._domainkey.example.com"] = "".join(re.findall(r'"([^"]*)"', line))
        write(self.zone, lines)
        self.opendkim = write(os.path.join(path, "keys"),
                              "".join(f"{name} {text_}\n" for name, text_ in self.records.items()))


def starts(signed):
    """The first eight characters of each b=: by them all sides name a signature."""
    found = []
    for one in split_fields(signed.split(b"\r\n\r\n", 1)[0] + b"\r\n"):
        if one.lower().startswith(b"dkim-signature"):
            tag = re.search(rb"[;\s:]b\s*=([^;]*)", one)
            found.append(re.sub(rb"\s", b"", tag[1])[:8].decode() if tag else "")
    return found


def who_signed(signed):
    """The domain and the selector of each signature."""
    found = []
    for one in split_fields(signed.split(b"\r\n\r\n", 1)[0] + b"\r\n"):
        if one.lower().startswith(b"dkim-signature"):
            tags = [re.search(rb"[;\s:]%s\s*=([^;]*)" % name, one) for name in (b"d", b"s")]
            found.append(tuple(tag[1].strip().decode().lower() if tag else "" for tag in tags))
    return found


class Ours:
    name = "smtptool"

    def __init__(self, keys):
        self.keys = keys

    def sign(self, rand, original):
        chosen = rand.choice(["r", "e", "re"])
        words = [word for s in chosen for word in ("--key", f"{s}={self.keys.files[s]}")]
        done = run(SMTPTOOL, "dkim", "sign", "--domain", "example.com", *words, "--canon", rand.choice(FORMS),
                   "--purpose", rand.choice(["mail", "bulk", "listed"]), "--fields", "-", stdin=original)
        return done.stdout + original

    def judge_one(self, signed):
        done = run(SMTPTOOL, "dkim", "verify", "--json", "--dns-zone", self.keys.zone, "-", stdin=signed)
        return [s["result"] == "pass" for s in json.loads(done.stdout)["signatures"]]

    def judge(self, all_signed):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.judge_one, all_signed))


class Dkimpy:
    name = "dkimpy"

    def __init__(self, keys):
        self.keys, self.pems = keys, {}
        with open(keys.files["r"], "rb") as f:
            self.rsa = f.read()

    def sign(self, rand, original):
        header, body_ = rand.choice(FORMS).split("/")
        return dkim.sign(original, b"r", b"example.com", self.rsa,
                         canonicalize=(header.encode(), body_.encode())) + original

    def ask(self, name, timeout=5):
        del timeout
        name = (name.decode() if isinstance(name, bytes) else name).rstrip(".").lower()
        return self.keys.records.get(name, "").encode() or None

    def judge(self, all_signed):
        return [[self.judge_one(signed, i) for i in range(len(starts(signed)))] for signed in all_signed]

    def judge_one(self, signed, i):
        try:
            return bool(dkim.DKIM(signed).verify(i, dnsfunc=self.ask))
        except Exception: # pylint: disable=broad-except
            return False # it refuses by exceptions of many kinds


def is_plain(signed):
    """opendkim -t knows a field as name and value, and takes one blank between them for granted: of the simple
    form it can judge no other."""
    header = signed.split(b"\r\n\r\n", 1)[0]
    if not re.search(rb"\bc\s*=\s*simple", header):
        return True
    return all(re.match(rb"[^:\s]+: \S", one) for one in split_fields(header + b"\r\n"))


class Opendkim:
    name = "opendkim"

    def __init__(self, keys, path):
        self.keys, self.path, self.count = keys, path, 0
        common = "Syslog no\nRequireSafeKeys no\n"
        self.verifying = write(os.path.join(path, "verify.conf"),
                               f"{common}Mode v\nTestDNSData file:{keys.opendkim}\nMaximumSignaturesToVerify 10\n")
        self.signing = {form: write(os.path.join(path, form.replace("/", "-") + ".conf"),
                                    f"{common}Mode s\nDomain example.com\nSelector r\nKeyFile {keys.files['r']}\n"
                                    f"Canonicalization {form}\nInternalHosts 0.0.0.0/0\n") for form in FORMS}

    def files(self, messages):
        paths = []
        for one in messages:
            self.count += 1
            paths.append(write(os.path.join(self.path, f"m{self.count}"), one))
        return ",".join(paths)

    def sign_all(self, rand, originals):
        """Of each batch in one form; [] when it did not sign all."""
        originals = [re.sub(rb"(?m)^([\w-]+):[ \t]*(?=\S)", rb"\1: ", one) for one in originals]
        done = run(OPENDKIM, "-t", self.files(originals), "-x", self.signing[rand.choice(FORMS)], "-vv")
        values = re.findall(rb"hname='DKIM-Signature' hvalue='(.*?)'\n", done.stdout, re.S)
        if len(values) != len(originals):
            return []
        return [b"DKIM-Signature: " + re.sub(rb"\r?\n", b"\r\n", value) + b"\r\n" + original
                for value, original in zip(values, originals)]

    def results(self, batch):
        """{start of b=: passed}; it says nothing of what stands behind a message that it cannot read."""
        done = run(OPENDKIM, "-t", self.files(batch), "-x", self.verifying, "-vv")
        found = re.findall(r"dkim=(\w+)[^;']*?header\.b=([\w+/]+)", done.stdout.decode(errors="replace"))
        return {start[:8]: result == "pass" for result, start in found}

    def judge(self, all_signed):
        verdicts = []
        for at in range(0, len(all_signed), BATCH):
            batch = all_signed[at:at + BATCH]
            passed = self.results(batch)
            for signed in batch:
                if not any(start in passed for start in starts(signed)):
                    passed |= self.results([signed])
            verdicts += [[passed.get(start, False) for start in starts(signed)] if is_plain(signed) else None
                         for signed in batch]
        return verdicts


class RspamdSide:
    name = "rspamd"

    def __init__(self, keys, daemon):
        self.daemon, self.raw = daemon, {}
        for selector, path in keys.files.items():
            with open(path, encoding="ascii") as f:
                der = base64.b64decode("".join(f.read().splitlines()[1:-1]))
            self.raw[selector] = base64.b64encode(der[-32:] if selector == "e" else der).decode()

    def fields(self, original, selector):
        """What it puts in front, by name."""
        added = self.daemon.sign(original, "example.com", selector, self.raw[selector])
        return {name: re.sub(r"\r?\n", "\r\n", value).strip().encode() for name, value in added.items()}

    def sign(self, rand, original):
        return b"DKIM-Signature: " + self.fields(original, rand.choice("re"))["DKIM-Signature"] + b"\r\n" + original

    def seal(self, original):
        added = self.fields(original, "r")
        return b"".join(b"%s: %s\r\n" % (name.encode(), added[name]) for name in ARC_FIELDS) + original

    def judge_one(self, signed):
        """It names a signature by domain and selector."""
        holds = {option.lower() for option in self.daemon.judge(signed).get("R_DKIM_ALLOW", [])}
        return [f"{domain}:s={selector}" in holds for domain, selector in who_signed(signed)]

    def judge(self, all_signed):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.judge_one, all_signed))


# ---- what may differ -----------------------------------------------------------------------------------

LINE_END_HASH = b"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=" # SHA-256 of CRLF


def is_blank(signed):
    """Its body has lines, and nothing but blanks in them; the first has some, or had them when it was signed."""
    body_ = signed.split(b"\r\n\r\n", 1)[1]
    return not body_.strip(b" \t\r\n") and (body_[:1] in (b" ", b"\t") or LINE_END_HASH in signed)


def has_twice(signed):
    """What RFC 5322 section 3.6 has once, of the fields that are signed."""
    fields = split_fields(signed.split(b"\r\n\r\n", 1)[0] + b"\r\n")
    counts = collections.Counter(one.split(b":", 1)[0].strip().lower() for one in fields)
    once = (b"date", b"from", b"to", b"cc", b"subject", b"message-id", b"in-reply-to", b"references")
    return any(counts[name] > 1 for name in once)


# Who differs, what RFC 6376 says, and by which sign the difference is known. Mail that came by SMTP always has the
# line end of "no last line end".
DIFFERENCES = [
    ("dkimpy", "3.4.4 ignores blanks at the end also of a line without an end; it keeps them",
     lambda label, signed: label == "no last line end"),
    ("opendkim", "3.4.4 adds the line end that a relaxed body lacks; it adds none",
     lambda label, signed: label == "no last line end"),
    ("rspamd", "3.4.4 ignores blanks at the end also of a line without an end; it keeps them",
     lambda label, signed: label == "no last line end"),
    ("rspamd", "3.4.4 leaves nothing of a relaxed body of blank lines; it leaves a line end if the first has blanks",
     lambda label, signed: is_blank(signed)),
    ("rspamd", "5.4.2 has the lowest of several fields signed; it refuses two where RFC 5322 section 3.6 has one",
     lambda label, signed: has_twice(signed)),
]


def explained(tally, who, label, signed):
    """One of them is known to differ here, and that is counted."""
    for name, why, sign in DIFFERENCES:
        if name in who and sign(label, signed):
            tally[f"{name}: RFC 6376 section {why}"] += 1
            return True
    return False


def compare(report, tally, peer, label, signed, ours, theirs):
    if theirs is None:
        tally[f"{peer.name} was not asked"] += 1
    elif ours == theirs:
        tally["agreed"] += 1
    elif not explained(tally, [peer.name], label, signed):
        report.check(f"{label}: {peer.name} agrees", False, f"{ours}, {theirs}\n{signed.decode(errors='replace')}")


def sign_all(report, rand, signers, originals):
    """Each message signed by the next of them; what no one signed is left out."""
    signed, batches = [], collections.defaultdict(list)
    for i, original in enumerate(originals):
        signer = signers[i % len(signers)]
        if isinstance(signer, Opendkim):
            batches[signer].append(original)
        else:
            signed.append((signer.name, signer.sign(rand, original)))
    for signer, all_ in batches.items():
        for at in range(0, len(all_), BATCH):
            batch = signer.sign_all(rand, all_[at:at + BATCH])
            report.check("opendkim signs", len(batch) > 0)
            signed += [(signer.name, one) for one in batch]
    return signed


# ---- ARC: chains of two sets, each set by one of us ----------------------------------------------------------

def seal(keys, message_, who):
    """With one set more; dkimpy takes the results from a field above the message."""
    if isinstance(who, RspamdSide):
        return who.seal(message_)
    chain = "pass" if b"ARC-Seal" in message_ else "none"
    results = f"mx.example.com; arc={chain}; spf=pass smtp.mailfrom=example.com"
    if isinstance(who, Ours):
        return run(SMTPTOOL, "arc", "seal", "--dns-zone", keys.zone, "--domain", "example.com", "--key",
                   f"r={keys.files['r']}", "--results", results, "-", stdin=message_).stdout
    with open(keys.files["r"], "rb") as f:
        pem = f.read()
    marked = f"Authentication-Results: {results}\r\n".encode() + message_
    return b"".join(dkim.arc_sign(marked, b"r", b"example.com", pem, b"mx.example.com")) + message_


def chain_holds(keys, message_, who):
    if isinstance(who, RspamdSide):
        return "ARC_ALLOW" in who.daemon.judge(message_)
    if isinstance(who, Ours):
        return run(SMTPTOOL, "arc", "verify", "-q", "--dns-zone", keys.zone, "-", stdin=message_).stdout == b"pass\n"
    return dkim.arc_verify(message_, dnsfunc=who.ask)[0] == b"pass"


def chains(report, rand, keys, all_, originals):
    """They sign what all know: RSA, as the others' ARC has nothing else."""
    for original in originals:
        sealed, order = original, [rand.choice(all_) for _ in range(2)]
        for who in order:
            sealed = seal(keys, sealed, who)
        broken = re.sub(rb"(?<=spf=)(pass|none)", b"fail", sealed, count=1)
        for who in all_:
            names = " and ".join(o.name for o in order)
            report.check(f"ARC: a chain by {names} holds for {who.name}", chain_holds(keys, sealed, who),
                         sealed.decode(errors="replace"))
            report.check(f"ARC: a change breaks it for {who.name}", not chain_holds(keys, broken, who),
                         broken.decode(errors="replace"))


def main():
    need_program()
    report, rand, path = Report(), random.Random(SEED), folder(0o700)
    keys = Keys(path)
    ours, peers = Ours(keys), []
    if dkim:
        peers.append(Dkimpy(keys))
    else:
        report.skip("dkimpy", "it is not installed")
    if OPENDKIM:
        peers.append(Opendkim(keys, path))
    else:
        report.skip("opendkim", "it is not installed")
    with open(keys.zone, encoding="ascii") as f:
        rspamd, why = Rspamd.make(NameServer(Zone(f.read())), workers=2)
    if rspamd:
        peers.append(RspamdSide(keys, rspamd))
    else:
        report.skip("rspamd", why)
    begun = time.monotonic()
    originals = [message(rand) for _ in range(MESSAGES)]
    signed = sign_all(report, rand, [ours, *peers], originals)
    tally = collections.Counter(name for name, _ in signed)

    everything = [one for _, one in signed]
    for judge in [ours, *peers]:
        for (signer, one), verdict in zip(signed, judge.judge(everything)):
            accepted = verdict is None or (verdict and all(verdict))
            if accepted or not explained(tally, [judge.name, signer], "", one):
                report.check(f"what {signer} signs, {judge.name} accepts", accepted,
                             f"{verdict}\n{one.decode(errors='replace')}")
    altered = [changed(rand, one) for one in everything]
    wrong = [one for _, one in altered]
    judged = ours.judge(wrong)
    tally["hold after a change"] = sum(all(v) for v in judged)
    for peer in peers:
        for (label, one), we, they in zip(altered, judged, peer.judge(wrong)):
            compare(report, tally, peer, label, one, we, they)
    report.passed += tally["agreed"]
    knows_arc = [who for who in [ours, *peers] if not isinstance(who, Opendkim)]
    if len(knows_arc) > 1:
        chains(report, rand, keys, knows_arc, [one for one in originals if not is_blank(one)][:CHAINS])
    for name, count in sorted(tally.items(), key=str):
        print(f"  {name}: {count}")
    print(f"  {len(signed)} messages, seed {SEED}, {time.monotonic() - begun:.0f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
