"""DMARC reports: counted behind the 250, written and sent once, signed, valid by the schema (xmllint); a dry
run sends nothing; a damaged database stops no mail. Days pass by a change of the database between two runs."""
import email
import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys

from _check import Report, need_program, suite, until, write
from _server import Server, route
from _smtp import Client, Sink, wait_quiet

ZONE = """\
bank.example TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.bank.example TXT "v=DMARC1; p=reject; rua=mailto:first@bank.example,mailto:second@agrees.example,mailto:third@victim.example"
bank.example._report._dmarc.agrees.example TXT "v=DMARC1"
_dmarc.small.example TXT "v=DMARC1; p=none; rua=mailto:a@small.example!1k"
"""
CONTENT = (b"From: Bank <x@bank.example>\r\nTo: b@here.test\r\nSubject: hello\r\n"
           b"Date: Sat, 21 Nov 2026 08:48:16 +0000\r\nMessage-ID: <1@bank.example>\r\n\r\nHello\r\n")
SMALL = CONTENT.replace(b"bank.example", b"small.example")
DAY_MS = 24 * 3600 * 1000


class Place:
    """A server that judges what comes from loopback, and a sink for all that leaves it."""

    def __init__(self, report, **reports):
        self.report, self.sink = report, Sink()
        self.server = Server(
            hostname="mail.mta.test", routes=[route("*", self.sink.port)],
            relay={"trusted": ["127.0.0.2/32"]},
            mailauth={"policy": "enforce", "reports": reports},
            domains={"mta.test": {}, "here.test": {
                "deliver": f"smtp://127.0.0.1:{self.sink.port}?tls=none", "recipients": ["b"]}})
        self.server.zone = write(os.path.join(self.server.folder, "zone.txt"), ZONE)
        self.database = os.path.join(self.server.state, "reports", "reports.db")
        report.on_fail.append(self.server.show)

    def send(self, sender, content=CONTENT):
        with Client(self.server.mx) as c:
            c.ehlo()
            return c.message(sender, "b@here.test", content).code

    def tool(self, *args):
        return self.server.tool("dmarc", "reports", *args)

    def listed(self):
        done = self.tool("ls", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def counted(self, messages):
        """So many messages were counted, a little while behind their replies."""
        return until(20, lambda: sum(r["messages"] for r in self.listed()) == messages)

    def let_a_day_pass(self):
        with sqlite3.connect(self.database) as db:
            db.execute("UPDATE reports SET day = day - 1, due_ms = 0 WHERE state = 0")
        db.close()

    def reports(self):
        return [m for m in self.sink.kept() if b"Report Domain:" in m.data]


def unpack(content):
    """The packed report in a mail, as XML."""
    for part in email.message_from_bytes(content).walk():
        if part.get_content_type() == "application/gzip":
            return gzip.decompress(part.get_payload(decode=True))
    return b""


# The published schema names its types without the namespace that it targets: a strict reader wants both.
ANCHOR = 'targetNamespace="urn:ietf:params:xml:ns:dmarc-2.0"'
NAMESPACE = ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0" elementFormDefault="qualified"'


def check_schema(report, what, xml, folder):
    suite_folder = suite("dmarc-schema")
    if not suite_folder or not shutil.which("xmllint"):
        return report.skip(what, "no schema or no xmllint")
    with open(os.path.join(suite_folder, "rua-schema.xsd"), encoding="utf-8") as file:
        schema = write(os.path.join(folder, "schema.xsd"), file.read().replace(ANCHOR, ANCHOR + NAMESPACE))
    path = os.path.join(folder, "report.xml")
    with open(path, "wb") as file:
        file.write(xml)
    done = subprocess.run(["xmllint", "--noout", "--schema", schema, path], capture_output=True, check=False)
    return report.check(f"{what}: valid by the schema", done.returncode == 0, done.stderr + xml)


def check_counting(report, place):
    for sender, content, want in [("x@bank.example", CONTENT, 250), ("x@bank.example", CONTENT, 250),
                                  ("x@elsewhere.example", CONTENT, 550), ("x@small.example", SMALL, 250)]:
        report.equal(f"mail from {sender}", place.send(sender, content), want)
    report.check("four are counted", place.counted(4), place.listed())
    report.equal("by domain", {r["domain"]: (r["messages"], r["state"]) for r in place.listed()},
                 {"bank.example": (3, "counting"), "small.example": (1, "counting")})
    shown = place.tool("show", "bank.example").stdout.decode()
    report.check("show: what passed", "2  127.0.0.1        none, dkim fail, spf pass" in shown, shown)
    report.check("show: what was refused", "1  127.0.0.1        reject, dkim fail, spf fail" in shown, shown)
    written = place.tool("write", "bank.example", "--xml")
    check_schema(report, "write --xml", written.stdout, place.server.folder)
    mail = place.tool("write", "bank.example").stdout
    check_schema(report, "write", unpack(mail), place.server.folder)
    report.check("write: to the first address", b"\r\nTo: first@bank.example\r\n" in mail, mail)
    report.equal("show: another day", place.tool("show", "bank.example", "2001-01-01").returncode, 66)
    report.equal("the database is ours alone", os.stat(place.database).st_mode & 0o777, 0o600)


def check_sending(report, place):
    server = place.server
    server.stop()
    place.sink.clear()
    place.let_a_day_pass()
    server.start()
    place.sink.wait(2)
    wait_quiet(place.sink)
    sent = place.reports()
    report.equal("sent to", sorted(m.recipients[0] for m in sent), ["first@bank.example", "second@agrees.example"])
    for mail in sent:
        to = mail.recipients[0]
        report.equal(f"{to}: a null sender", mail.sender, "")
        report.check(f"{to}: signed", mail.data.startswith(b"DKIM-Signature:"), mail.data)
        check_schema(report, f"mailed to {to}", unpack(mail.data), server.folder)
        report.check(f"{to}: counts", unpack(mail.data).count(b"<count>2</count>") == 1, unpack(mail.data))
    dropped = {e.get("recipient"): e["reason"] for e in server.events("report_dropped")}
    report.check("nothing to who does not agree", "does not agree" in dropped.get("third@victim.example", ""), dropped)
    report.check("nothing above the size", "more than" in dropped.get("a@small.example", ""), dropped)
    report.check("both are done", until(5, lambda: all(r["state"] == "done" for r in place.listed())), place.listed())


def check_once(report, place):
    """Stopped between the two notes: what is in the queue, or was, under the old name."""
    server = place.server
    server.stop()
    place.sink.clear()
    server.start()
    report.equal("a restart sends nothing", len(wait_quiet(place.sink) or place.reports()), 0)
    server.stop()
    with sqlite3.connect(place.database) as db:
        first = db.execute("SELECT report_id FROM reports WHERE domain = 'bank.example'").fetchone()[0]
        db.execute("UPDATE reports SET state = 0 WHERE domain = 'bank.example'")
        db.execute("UPDATE mails SET state = 0 WHERE recipient = 'first@bank.example'")
    db.close()
    server.start()
    place.sink.wait(1)
    wait_quiet(place.sink)
    again = place.reports()
    report.equal("what nobody knows of is sent once more", [m.recipients for m in again], [["first@bank.example"]])
    report.check("under its old id", again and f"<{first}@mail.mta.test>".encode() in again[0].data, first)


def check_damage(report, place):
    server = place.server
    server.stop()
    for name in os.listdir(os.path.dirname(place.database)):
        with open(os.path.join(os.path.dirname(place.database), name), "wb") as file:
            file.write(b"no database" * 1000)
    server.start()
    report.equal("a damaged database: mail comes in", place.send("x@bank.example"), 250)
    report.check("a damaged database: it is said", until(20, lambda: "reports.db" in server.stderr()), server.stderr())
    report.check("a damaged database: an event", until(20, lambda: any(
        "database cannot be used" in e["reason"] for e in server.events("report_dropped"))))
    done = place.tool("ls")
    report.check("a damaged database: ls says so", done.returncode != 0 and b"reports.db" in done.stderr, done)
    report.equal("and again", place.send("x@bank.example"), 250)
    report.equal("it still stops", server.stop(), 0)


def check_dry_run(report):
    place = Place(report, aggregate="dry-run", failure="dry-run")
    place.server.start()
    place.send("x@bank.example")
    report.check("dry-run: counted", place.counted(1), place.listed())
    place.server.stop()
    place.let_a_day_pass()
    place.sink.clear()
    place.server.start()
    folder = os.path.join(place.server.state, "reports", "dry-run")
    report.check("dry-run: written", until(20, lambda: os.path.isdir(folder) and len(os.listdir(folder)) == 2))
    wait_quiet(place.sink)
    report.equal("dry-run: nothing is sent", len(place.sink.kept()), 0)
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            check_schema(report, "dry-run", unpack(file.read()), place.server.folder)
    report.equal("dry-run: told", len(place.server.events("report_written")), 2)
    place.server.stop()


def check_off(report):
    place = Place(report, aggregate="off")
    report.check("off: who looks is told so", b"mailauth.reports.aggregate is off" in place.tool("ls").stderr)


def main():
    need_program()
    report = Report()
    check_off(report)
    place = Place(report, aggregate="on", org="Example & Sons", contact="https://mta.test/<dmarc>")
    place.server.tool("domain", "add", "mta.test")
    report.equal("ls, before the first start", place.tool("ls").returncode, 66)
    place.server.start()
    report.equal("ls, before anything is counted", (place.tool("ls").returncode, place.listed()), (0, []))
    check_counting(report, place)
    check_sending(report, place)
    check_once(report, place)
    check_damage(report, place)
    check_dry_run(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
