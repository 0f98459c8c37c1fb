"""How private the way out is, in a small Internet of its own: real Postfix and Exim as remote servers, a signed zone
behind a real unbound, policies on a web server. Each verdict, what the events and the TLS reports count, and the
reports as somebody else reads them (attacks 207, 208, 209, 210, 211, 214).
"""
import datetime
import email
import gzip
import json
import os
import re
import smtplib
import sqlite3
import sys
import time
from collections import Counter

from _check import Report, need_program, until
from _lab import Authority, RemoteExim, RemotePostfix, Web, Zones, enter, find_exim, make_network
from _server import Server
from _smtp import Sink

sys.path.append("/usr/lib/python3/dist-packages") # where Debian has dkimpy, whatever Python runs us
try:
    import dkim
except ImportError:
    dkim = None
try:
    from parsedmarc import parse_smtp_tls_report_json as parse_elsewhere
except ImportError:
    parse_elsewhere = None

need_program()
enter()

POSTFIX, STRIPPED, EXIM, MISNAMED, KEEPER, REPORTS, WEB = (f"11.0.0.{n}" for n in range(1, 8))
WRONG = "00112233445566778899aabbccddeeff" * 2

# Domain, its server, TLSA or "-", mode of its MTA-STS policy or "-", what becomes of a mail, policy and result.
# A policy names the domain's MX host unless it says another.
CASES = [
    ("dane-good.lab", POSTFIX, "right", "-", "delivered", "tlsa", "success"),
    ("dane-bad.lab", POSTFIX, "wrong", "-", "deferred", "tlsa", "validation-failure"),
    ("dane-useless.lab", POSTFIX, "useless", "-", "delivered", "tlsa", "tlsa-invalid"),
    ("dane.bogus", POSTFIX, "right", "-", "deferred", "tlsa", "dnssec-invalid"),
    ("dane-stripped.lab", STRIPPED, "right", "-", "deferred", "tlsa", "starttls-not-supported"),
    ("dane-wins.lab", POSTFIX, "right", "enforce elsewhere.lab", "delivered", "tlsa", "success"),
    ("unsigned-tlsa.plain", POSTFIX, "wrong", "-", "delivered", "no-policy-found", "success"),
    ("sts-enforce.plain", EXIM, "-", "enforce", "delivered", "sts", "success"),
    ("sts-testing.plain", MISNAMED, "-", "testing", "delivered", "sts", "certificate-host-mismatch"),
    ("sts-none.plain", EXIM, "-", "none", "delivered", "no-policy-found", "success"),
    ("sts-misnamed.plain", MISNAMED, "-", "enforce", "deferred", "sts", "certificate-host-mismatch"),
    ("sts-stripped.plain", STRIPPED, "-", "enforce", "deferred", "sts", "starttls-not-supported"),
    ("sts-other.plain", EXIM, "-", "enforce elsewhere.plain", "deferred", "sts", "validation-failure"),
    ("sts-missing.plain", EXIM, "-", "missing", "delivered", "no-policy-found", "sts-policy-fetch-error"),
    ("nothing.plain", EXIM, "-", "-", "delivered", "no-policy-found", "success"),
    ("stripped.plain", STRIPPED, "-", "-", "delivered", "no-policy-found", "starttls-not-supported"),
]

# Domain, what the mail asks for, what becomes of it, its status.
WISHES = [
    ("dane-good.lab", "REQUIRETLS", "bounced", "5.7.30"),    # Postfix 3.7 knows none
    ("dane-stripped.lab", "REQUIRETLS", "bounced", "5.7.10"),
    ("nothing.plain", "REQUIRETLS", "bounced", "5.7.30"),    # and nobody says that the host is right
    ("keeper.lab", "REQUIRETLS", "delivered", ""),
    ("dane-bad.lab", "TLS-Required: No", "delivered", ""),
    ("sts-stripped.plain", "TLS-Required: No", "delivered", ""),
]


def policy_text(domain, mode):
    words = mode.split()
    host = words[1] if len(words) > 1 else f"mx.{domain}"
    return f"version: STSv1\nmode: {words[0]}\nmx: {host}\nmax_age: 86400\n"


def zone_of(domain, address, tlsa, mode, digest):
    data = {"right": f"3 1 1 {digest}", "wrong": f"3 1 1 {WRONG}", "useless": f"1 1 1 {WRONG}"}.get(tlsa)
    rua = "https://rua.plain/v1" if domain == "sts-enforce.plain" else "mailto:tls@reports.plain"
    lines = [f"{domain}. MX 10 mx.{domain}.", f"mx.{domain}. A {address}",
             f"_smtp._tls.{domain}. TXT \"v=TLSRPTv1; rua={rua}\""]
    if data:
        lines.append(f"_25._tcp.mx.{domain}. TLSA {data}")
    if mode != "-":
        lines += [f"_mta-sts.{domain}. TXT \"v=STSv1; id=1\"", f"mta-sts.{domain}. A {WEB}"]
    return "".join(f"{line}\n" for line in lines)


def records_of(text):
    """The TXT records of `domain add`, for dkimpy."""
    found = {}
    for line in text.splitlines():
        parts = re.match(r"(\S+)\s+(?:\d+\s+)?(?:IN\s+)?TXT\s+(.*)", line)
        if parts:
            found[parts[1].rstrip(".")] = "".join(re.findall(r'"([^"]*)"', parts[2]))
    return found


class Lab:
    def __init__(self):
        make_network([POSTFIX, STRIPPED, EXIM, MISNAMED, KEEPER, REPORTS, WEB])
        authority = Authority()
        keeper = authority.certify("mx.keeper.lab")
        dane = authority.certify("whatever.lab")
        domains = [case[0] for case in CASES]
        exim = authority.certify(*(f"mx.{c[0]}" for c in CASES if c[1] == EXIM))
        web = authority.certify("rua.plain", *(f"mta-sts.{d}" for d in domains))
        self.make_zones(authority.tlsa(dane[0]))
        self.web = Web(WEB, *web, {f"mta-sts.{c[0]}": policy_text(c[0], c[3]) for c in CASES
                                   if c[3] not in ("-", "missing")})
        RemotePostfix(POSTFIX, *dane)
        RemotePostfix(STRIPPED)
        RemotePostfix(MISNAMED, *authority.certify("another.plain"))
        if find_exim():
            RemoteExim(EXIM, *exim)
        self.reports = Sink(port=25, host=REPORTS)
        self.keeper = self.make_keeper(keeper)
        self.server = self.make_server()

    def make_zones(self, digest):
        root = "".join(zone_of(*c[:4], digest) for c in CASES if c[0].endswith(".lab"))
        plain = "".join(zone_of(*c[:4], digest) for c in CASES if c[0].endswith(".plain"))
        bogus = "".join(zone_of(*c[:4], digest) for c in CASES if c[0].endswith(".bogus"))
        root += f"keeper.lab. MX 10 mx.keeper.lab.\nmx.keeper.lab. A {KEEPER}\n"
        plain += f"reports.plain. MX 10 mx.reports.plain.\nmx.reports.plain. A {REPORTS}\nrua.plain. A {WEB}\n"
        Zones(root, plain, bogus, (digest, WRONG)).serve()

    def make_keeper(self, certificate):
        """One of ours, which knows REQUIRETLS; it has nowhere to hand a mail to."""
        keeper = Server(hostname="mx.keeper.lab", relay={"trusted": ["127.0.0.0/8", "11.0.0.0/16"]},
                        tls={"certificate": certificate[0], "key": certificate[1]})
        keeper.config["listeners"].append({"address": f"{KEEPER}:25", "role": "relay", "expose": True,
                                            "tls": "starttls"})
        keeper.save()
        ours = [l for l in keeper.config["listeners"] if l["address"].startswith("127.")]
        keeper.ports = lambda: [int(l["address"].rsplit(":", 1)[1]) for l in ours]
        return keeper.start()

    def make_server(self):
        server = Server(hostname="out.lab", routes="mx", outbound={"mta_sts": True},
                        dns={"servers": ["11.0.0.53"], "validate": "yes", "timeout": "5s"},
                        tls_reports={"send": "on"}, retry={"first": "1h"})
        server.config["listeners"][0]["tls"] = "starttls"
        server.save()
        self.records = records_of(server.tool("domain", "add", "out.lab").stdout.decode())
        return server.start()

    def send(self, domain, wish=""):
        """What became of it, as the first event of its recipient says."""
        number = len(self.server.events("accepted"))
        to = f"b{number}@{domain}"
        header = f"From: a@out.lab\r\nTo: {to}\r\nSubject: lab\r\n"
        if wish.startswith("TLS-Required"):
            header += wish + "\r\n"
        with smtplib.SMTP("127.0.0.1", self.server.relay, local_hostname="client.lab") as client:
            client.ehlo()
            if wish == "REQUIRETLS":
                client.starttls()
                client.ehlo()
            options = ["REQUIRETLS"] if wish == "REQUIRETLS" else []
            client.sendmail("", [to], (header + "\r\nhello\r\n").encode(), mail_options=options)
        return self.fate(to)

    def fate(self, to):
        def told():
            return [e for e in self.server.events() if e.get("recipient") == to and
                    e["event"] in ("delivered", "deferred", "bounced")]
        events = until(60, told) or [{"event": "nothing"}]
        return events[0]

    def ledger(self, domain):
        return Counter((e["tls_policy"], e["tls_result"]) for e in self.server.events("tls_session")
                       if e["destination"] == domain)


# ---- verdicts ----------------------------------------------------------------------------------

def verdicts(report, lab):
    for domain, address, _, _, fate, policy, result in CASES:
        if address == EXIM and not find_exim():
            continue
        event = lab.send(domain)
        report.equal(f"{domain}: its fate ({event.get('reason', '')})", event["event"], fate)
        report.equal(f"{domain}: the ledger", lab.ledger(domain), Counter([(policy, result)]))
        in_clear = result == "starttls-not-supported"
        if fate == "delivered":
            report.equal(f"{domain}: TLS", "tls_version" in event, not in_clear)
        else:
            report.equal(f"{domain}: status", event["status"], "4.7.5")


def wishes(report, lab):
    for domain, wish, fate, status in WISHES:
        if domain == "nothing.plain" and not find_exim():
            continue
        before = lab.ledger(domain)
        event = lab.send(domain, wish)
        report.equal(f"{domain}, {wish}: its fate ({event.get('reason', '')})", event["event"], fate)
        if fate != "delivered":
            report.equal(f"{domain}, {wish}: status", event["status"], status)
        if wish.startswith("TLS-Required"):
            report.equal(f"{domain}, {wish}: not told", lab.ledger(domain), before)
    kept = lab.keeper.tool("queue", "ls", "--json").stdout.decode()
    report.check("keeper.lab has the mail", "keeper.lab" in kept, kept)


# ---- counts and reports -------------------------------------------------------------------------

def counters(document):
    """Of a report as RFC 8460 section 4 describes it, checked field by field."""
    counts = Counter()
    for key in ("organization-name", "contact-info", "report-id"):
        assert isinstance(document[key], str) and document[key], key
    times = [datetime.datetime.strptime(document["date-range"][k], "%Y-%m-%dT%H:%M:%SZ")
             for k in ("start-datetime", "end-datetime")]
    assert times[1] - times[0] == datetime.timedelta(seconds=86399)
    for item in document["policies"]:
        policy, summary = item["policy"], item["summary"]
        assert policy["policy-type"] in ("tlsa", "sts", "no-policy-found")
        assert isinstance(policy["policy-domain"], str)
        details = item.get("failure-details", [])
        failed = sum(d["failed-session-count"] for d in details)
        assert failed == summary["total-failure-session-count"], item
        if summary["total-successful-session-count"]:
            counts[policy["policy-type"], "success"] += summary["total-successful-session-count"]
        for d in details:
            counts[policy["policy-type"], d["result-type"]] += d["failed-session-count"]
    return counts


def counters_elsewhere(document):
    """The same as parsedmarc, the reader of TLS reports that most have, finds them."""
    counts = Counter()
    for policy in parse_elsewhere(json.dumps(document))["policies"]:
        kind, details = policy["policy_type"], policy.get("failure_details", [])
        assert policy["failed_session_count"] == sum(d["failed_session_count"] for d in details), policy
        if policy["successful_session_count"]:
            counts[kind, "success"] += policy["successful_session_count"]
        for d in details:
            counts[kind, d["result_type"]] += d["failed_session_count"]
    return counts


def check_document(report, lab, what, domain, document):
    report.equal(f"{domain}: {what}", counters(document), lab.ledger(domain))
    if parse_elsewhere:
        report.equal(f"{domain}: {what}, as parsedmarc reads it", counters_elsewhere(document), lab.ledger(domain))


def check_counts(report, lab):
    """Attack 214: the database, as JSON, against the events."""
    time.sleep(3)  # counts are written every two seconds
    for domain in sorted({e["destination"] for e in lab.server.events("tls_session")}):
        shown = lab.server.tool("tls-reports", "show", domain)
        document = json.loads(shown.stdout or b"{}")
        report.equal(f"{domain}: counted", counters(document) if document else None, lab.ledger(domain))


def a_day_later(lab):
    """Without waiting for it."""
    lab.server.stop()
    with sqlite3.connect(os.path.join(lab.server.state, "reports", "tls.db")) as db:
        db.execute("UPDATE reports SET day = day - 1, due_ms = 0")
    db.close()
    lab.server.start()


def unpack(mail):
    message = email.message_from_bytes(mail)
    for part in message.walk():
        if part.get_content_type() == "application/tlsrpt+gzip":
            return message, json.loads(gzip.decompress(part.get_payload(decode=True)))
    return message, None


def check_mail(report, lab, raw):
    message, document = unpack(raw)
    domain = message["TLS-Report-Domain"]
    check_document(report, lab, "the mail's counts", domain, document)
    report.equal(f"{domain}: by whom", message["TLS-Report-Submitter"], "out.lab")
    report.check(f"{domain}: the subject",
                 re.fullmatch(rf"Report Domain: {domain} Submitter: out.lab Report-ID: <.+>",
                              re.sub(r"\s+", " ", message["Subject"])), message["Subject"])
    report.equal(f"{domain}: TLS-Required", message["TLS-Required"], "No")
    report.check(f"{domain}: signed by us", "d=out.lab;" in (message["DKIM-Signature"] or ""), raw[:600])
    if dkim:
        look = lambda name, timeout=5: lab.records.get(name.decode().rstrip("."), "").encode()
        report.check(f"{domain}: as dkimpy sees it", dkim.verify(raw, dnsfunc=look), raw[:600])
    path = os.path.join(lab.server.folder, "report.eml")
    with open(path, "wb") as f:
        f.write(raw)
    read = lab.server.tool("tls-reports", "read", path)
    failed = sum(n for (_, result), n in lab.ledger(domain).items() if result != "success")
    report.equal(f"{domain}: tls-reports read ({read.stderr.decode()})", read.returncode, 1 if failed else 0)
    return domain


def check_reports(report, lab):
    ledger = {e["destination"] for e in lab.server.events("tls_session")}
    asked = ledger & {case[0] for case in CASES}
    posted = asked & {"sts-enforce.plain"}
    a_day_later(lab)
    mails = lab.reports.wait(len(asked - posted), 120)
    told = Counter(check_mail(report, lab, m.data) for m in mails)
    report.equal("a mail to each that asked", told, Counter(asked - posted))
    until(60, lambda: len(lab.web.posts) >= len(posted))
    report.equal("one by HTTPS", len(lab.web.posts), len(posted))
    for kind, body in lab.web.posts:
        report.equal("its type", kind, "application/tlsrpt+gzip")
        check_document(report, lab, "its counts", "sts-enforce.plain", json.loads(gzip.decompress(body)))
    keep = os.environ.get("SMTPTOOL_LAB_KEEP")
    for number, m in enumerate(mails if keep else ()):
        with open(os.path.join(keep, f"report-{number}.eml"), "wb") as f:
            f.write(m.data)


def main():
    report = Report()
    lab = Lab()
    report.on_fail.append(lab.server.show)
    if not find_exim():
        report.skip("Exim", "it is not here, or lacks libraries: tools/unpack fetches it")
    if dkim is None:
        report.skip("signatures of reports", "dkimpy is not installed")
    if parse_elsewhere is None:
        report.skip("reports as parsedmarc reads them", "it is not installed, and neither Debian 12 nor npm has it")
    verdicts(report, lab)
    wishes(report, lab)
    check_counts(report, lab)
    check_reports(report, lab)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
