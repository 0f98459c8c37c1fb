"""smtptool verify: messages judged on a zone of its own; what is said and how it exits."""
import json
import os
import subprocess
import sys
import tempfile

from _check import Report, SMTPTOOL

# The message and the key of RFC 8463, appendix A.
SIGNED = """\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
ZONE = """\
brisbane._domainkey.football.example.com TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
football.example.com TXT "v=spf1 ip4:192.0.2.1 -all"
other.example TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.football.example.com TXT "v=DMARC1; p=reject"
_dmarc.broken.example FAIL servfail
"""
CHANGED = SIGNED.replace("hungry", "angry")
PLAIN = "From: a@%s\nSubject: x\n\nbody\n"

JOE = ["--ip", "192.0.2.1", "--helo", "mail.example.com", "--from", "joe@football.example.com"]
OTHER = ["--ip", "192.0.2.1", "--from", "<x@other.example>"]

# The message, arguments, how it exits, words that the output holds.
CASES = [
    (SIGNED, JOE, 0, ["SPF: pass", "DKIM: pass", "ARC: none", "DMARC: pass",
                      "verdict: dmarc=pass: SPF and DKIM speak for football.example.com",
                      "Authentication-Results: localhost;"]),
    (SIGNED, [], 0, ["the client's address is not known", "verdict: dmarc=pass: DKIM speaks"]),
    (SIGNED, ["-q", *OTHER], 0, ["verdict: dmarc=pass: DKIM speaks"]),
    (CHANGED, OTHER, 1, ["a receiver that enforces policies would refuse it", "the body was changed",
                         "-> SPF was asked for other.example"]),
    (CHANGED, JOE, 0, ["SPF speaks", "-> sign it with DKIM as well"]),
    (PLAIN % "football.example.com", ["--ip", "192.0.2.9", "--from", "a@football.example.com"], 1,
     ["-> if this client does send for football.example.com", "-> sign it with a key of"]),
    (PLAIN % "none.example", OTHER, 1, ["no policy is published", "-> publish a policy"]),
    (PLAIN % "broken.example", OTHER, 2, ["verdict: dmarc=temperror", "-> ask again later"]),
    ("From: a@none.example\n" + PLAIN % "football.example.com", OTHER, 1, ["asks to reject it"]),
    ("Subject: x\n\nbody\n", OTHER, 1, ["verdict: dmarc=permerror", "-> write exactly one From"]),
    (SIGNED, ["--time", "1500000000"], 1, ["comes from the future"]),
    (SIGNED, ["--ip", "somewhere"], 64, []),
    (SIGNED, ["--time", "now"], 64, []),
    (SIGNED, ["--sealer", "not a domain"], 64, []),
    ("X: y\n" * 10001 + "\nbody\n", [], 65, []),
]


def run(message, arguments, zone):
    done = subprocess.run([SMTPTOOL, "verify", *arguments, "--dns-zone", zone, "-"], input=message,
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def check_json(report, zone):
    code, output = run(CHANGED, [*OTHER, "--json"], zone)
    told = json.loads(output)
    report.equal("json: exit", code, 1)
    report.equal("json: results", (told["result"], told["disposition"], told["spf"]["result"],
                                   told["dkim"][0]["result"], told["arc"]["result"]),
                 ("fail", "reject", "pass", "fail", "none"))
    report.check("json: the field", "dmarc=fail" in told["authentication_results"])
    report.check("json: a story of each", all(told["story"].values()), told["story"])
    report.check("json: questions", 0 < told["questions"] < 10, told["questions"])


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        zone = os.path.join(folder, "zone.txt")
        with open(zone, "w", encoding="ascii") as file:
            file.write(ZONE)
        for number, (message, arguments, want, words) in enumerate(CASES):
            code, output = run(message, arguments, zone)
            report.equal(f"{number} {arguments}: exit", code, want)
            for word in words:
                report.check(f"{number} {arguments}: says {word!r}", word in output, output)
        check_json(report, zone)
        done = subprocess.run([SMTPTOOL, "verify", os.path.join(folder, "none")],
                              capture_output=True, timeout=60, check=False)
        report.equal("no such file: exit", done.returncode, 66)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
