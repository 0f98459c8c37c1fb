"""smtptool tls-reports read: what others report, in each form in which it comes; what is said and how it exits."""
import base64
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

from _check import Report, SMTPTOOL, need_program, suite, write

DETAIL = {"result-type": "certificate-expired", "sending-mta-ip": "192.0.2.1", "receiving-mx-hostname": "mx.example.com",
          "receiving-ip": "192.0.2.9", "failed-session-count": 3, "failure-reason-code": "X509_V_ERR_CERT_HAS_EXPIRED"}


def document(details):
    return {"organization-name": "Example \u001b[31mLtd.", "contact-info": "tls@example.net", "report-id": "r1",
            "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
            "policies": [{"policy": {"policy-type": "sts", "policy-string": ["version: STSv1"],
                                     "policy-domain": "example.com", "mx-host": ["mx.example.com"]},
                          "summary": {"total-successful-session-count": 7,
                                      "total-failure-session-count": sum(d["failed-session-count"] for d in details)},
                          "failure-details": details}]}


def mail(packed):
    return (b"From: tls@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report;\r\n"
            b" report-type=\"tlsrpt\"; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
            b"--b\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            base64.encodebytes(packed).replace(b"\n", b"\r\n") + b"--b--\r\n")


def run(*args):
    done = subprocess.run([SMTPTOOL, "tls-reports", *args], capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check_forms(report, folder):
    text = json.dumps(document([DETAIL])).encode()
    for name, content in (("a.json", text), ("a.json.gz", gzip.compress(text)), ("a.eml", mail(gzip.compress(text)))):
        path = write(os.path.join(folder, name), content)
        code, out, err = run("read", path)
        report.equal(f"{name}: something failed ({err})", code, 1)
        for word in ("example.com, sts: 7 succeeded, 3 failed", "certificate-expired, at mx.example.com 192.0.2.9",
                     "renew it, and reload", "from 192.0.2.1"):
            report.check(f"{name}: {word}", word in out, out)
        report.check(f"{name}: nothing for the terminal", "\x1b" not in out, repr(out))
        code, out, _ = run("--json", "read", path)
        report.equal(f"{name}: as JSON", json.loads(out)["policies"][0]["details"][0]["count"], 3)


def check_exits(report, folder):
    good = write(os.path.join(folder, "good.json"), json.dumps(document([])))
    report.equal("nothing failed", run("read", good)[0], 0)
    report.equal("the worst of several", run("read", good, os.path.join(folder, "a.json"))[0], 1)
    report.equal("no such file", run("read", os.path.join(folder, "none"))[0], 66)
    report.equal("no report", run("read", write(os.path.join(folder, "b"), "From: a\r\n\r\nhello\r\n"))[0], 65)
    bomb = write(os.path.join(folder, "bomb.gz"), gzip.compress(b" " * (64 << 20)))
    report.equal("a bomb", run("read", bomb)[0], 65)
    report.equal("usage", run("read")[0], 64)


def check_suite(report):
    root = suite("dmarc-reports-parsedmarc")
    if root is None:
        report.skip("reports of others", "the suite is not here")
        return
    for path in sorted(glob.glob(os.path.join(root, "smtp_tls", "*"))):
        code, out, err = run("read", path)
        report.check(f"{os.path.basename(path)} is read", code in (0, 1) and "succeeded" in out, err)


def main():
    need_program()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        check_forms(report, folder)
        check_exits(report, folder)
    check_suite(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
