"""smtptool dmarc: walk, eval and record on a zone of its own; what is said and how it exits (attack 124)."""
import json
import os
import subprocess
import sys
import tempfile

from _check import Report, SMTPTOOL

ZONE = """\
_dmarc.example.com TXT "v=DMARC1; p=reject; np=reject; sp=none; rua=mailto:a@example.com,mailto:b@red.example.net"
example.com._report._dmarc.red.example.net TXT "v=DMARC1"
_dmarc.test.example.com TXT "v=DMARC1; p=reject; t=y"
_dmarc.odd.example TXT "v=DMARC1; p=reject; fo=x; rua=mailto:a@victim.example"
_dmarc.bank TXT "v=DMARC1; p=reject; psd=y"
_dmarc.broken.example FAIL servfail
shop.example.com A 192.0.2.1
"""

# Arguments behind "dmarc", how it exits, words that its output holds.
CASES = [
    (["walk", "a.example.com"], 0, ["organization: example.com", "policy at: example.com"]),
    (["walk", "example.bank"], 0, ["organization: example.bank", "policy at: bank"]),
    (["walk", "example.org"], 1, ["policy at: none"]),
    (["walk", "broken.example"], 2, ["policy at: not known"]),
    (["walk", "not a domain"], 64, []),
    (["eval", "--from", "a@example.com", "--spf", "example.com"], 0, ["dmarc=pass"]),
    (["eval", "--from", "example.com", "--dkim", "mail.example.com"], 0, ["dmarc=pass"]),
    (["eval", "--from", "example.com", "--dkim", "evil.test", "--dkim", "example.com=fail"], 1,
     ["fail, asked for: reject"]),
    (["eval", "--from", "a@shop.example.com"], 1, ["sp=none holds", "asked for: none"]),
    (["eval", "--from", "a@nothing.example.com"], 1, ["np=reject holds", "asked for: reject"]),
    (["eval", "--from", "a@test.example.com"], 1, ["t=y makes it quarantine"]),
    (["eval", "--from", "a@example.com, b@evil.test", "--spf", "evil.test"], 1,
     ["several domains in From", "asked for: reject"]),
    (["eval", "--from", "broken.example", "--spf", "broken.example"], 2, ["temperror"]),
    (["eval", "--from", "example.com", "--spf", "example.com=perhaps"], 64, []),
    (["eval"], 64, []),
    (["record", "example.com"], 0, ["of the same organization", "its domain agrees"]),
    (["record", "odd.example"], 1, ["error: fo", "its domain does not agree"]),
    (["record", "none.example"], 1, ["no DMARC record"]),
    (["record", "broken.example"], 2, []),
    (["record", "v=DMARC1; p=none; rua=mailto:a@example.com"], 0, ["for the domain itself: none"]),
    (["record", "v=DMARC1; p=none; p=none"], 1, []),
]


def run(arguments, zone):
    done = subprocess.run([SMTPTOOL, "dmarc", *arguments, "--dns-zone", zone], capture_output=True,
                          text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def check_json(report, zone):
    code, output = run(["eval", "--from", "example.com", "--spf", "example.com", "--json"], zone)
    told = json.loads(output)
    report.equal("json: exit", code, 0)
    report.equal("json: result", (told["result"], told["disposition"], told["policy"]),
                 ("pass", "none", "reject"))
    code, output = run(["walk", "a.b.c.d.e.f.g.h.i.example.com", "--json"], zone)
    report.equal("attack 124: eight questions", len(json.loads(output)["steps"]), 8)
    code, output = run(["record", "odd.example", "--json"], zone)
    report.equal("json: remarks", [r["tag"] for r in json.loads(output)["remarks"]], ["fo"])


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        zone = os.path.join(folder, "zone.txt")
        with open(zone, "w", encoding="ascii") as file:
            file.write(ZONE)
        for arguments, want, words in CASES:
            code, output = run(arguments, zone)
            report.equal(f"{arguments}: exit", code, want)
            for word in words:
                report.check(f"{arguments}: says {word!r}", word in output, output)
        check_json(report, zone)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
