"""bench/run: the list of cells, a cell alone, a program that does not start, page and charts out of
results. What the figures are is nobody's business here.
"""
import json
import os
import subprocess
import sys
import xml.dom.minidom

from _check import PROJECT, SMTPTOOL, Report, folder

RUN = os.path.join(PROJECT, "bench", "run")
HEADER = {
    "program": "x", "full": False, "pairs": 2, "machine": "a machine", "version": "smtptool 1",
    "file_system": "ext4", "counted_by": "cgroup v2", "date": "2026-01-01", "notes": ["A note."],
    "peers": [{"name": "smtptool", "durable": True, "durability": "syncs", "version": ""},
              {"name": "postfix", "durable": True, "durability": "syncs", "version": "Postfix 3"},
              {"name": "opensmtpd", "durable": False, "durability": "does not", "version": "OpenSMTPD 6"}],
}


def runs(*cpu):
    return [{"cpu": c, "rate": 100.0, "p50": 1.0, "p99": 2.0, "load_cpu": 0.1, "lost": 0} for c in cpu]


CELLS = [
    {"cell": "accept-10k-50-many", "kind": "accept", "title": "10 KB", "rows": [
        {"peer": "smtptool", "runs": runs(0.1, 0.2)}, {"peer": "postfix", "runs": runs(0.5, 0.6)},
        {"peer": "opensmtpd", "not_run": "it does not answer"}]},
    {"cell": "idle-1000", "kind": "idle", "title": "1,000 connections", "rows": [
        {"peer": "smtptool", "kib": 5.0, "cpu_ms": 0.1, "base_kib": 9000}]},
    {"cell": "growth-20000", "kind": "growth", "title": "20,000 waiting messages of 2 KB", "rows": [
        {"peer": "smtptool", "chunks": [[1000, 900.0, 0.1], [2000, 800.0, 0.2]], "ended": "", "pss_empty_kib": 9000,
         "pss_kib": 20000, "rss_kib": 21000, "page_s": 0.01, "listing_s": None, "answer_s": 0.1, "message_s": 0.2}]},
    {"cell": "waiting-5000", "kind": "waiting", "title": "behind 5,000", "rows": [
        {"peer": "opensmtpd", "alone": {"ms": [1.0, 2.0], "missing": 0}, "behind": {"ms": [], "missing": 100}, "left": 7}]},
    {"cell": "syncs", "kind": "syncs", "title": "syncs", "rows": [
        {"peer": "postfix", "connections": 1, "messages": 200, "calls": {"fsync": 200}, "by": "strace"}]},
    {"cell": "relay-signed-50", "kind": "signed", "title": "signed", "rows": [
        {"peer": "smtptool", "runs": runs(0.5, 0.5)}, {"peer": "postfix", "runs": runs(4.0, 6.0)}]},
    {"cell": "judge-10k", "kind": "judge", "title": "judging", "rows": [
        {"peer": "rspamd over HTTP", "runs": [{"cpu": 1.25}, {"cpu": 1.75}]},
        {"peer": "opendkim -t, DKIM alone", "not_run": "opendkim is not installed"}]},
    {"cell": "signatures", "kind": "signatures", "title": "signatures", "rows": [
        {"peer": "sign, Ed25519", "runs": [{"rate": 30000.0, "openssl": 31250.0, "share": 96.0}]}]},
    {"cell": "client", "kind": "client", "title": "client", "rows": [], "not_run": "no sink"},
]
WANTED = {
    "ratios run by run": "| 4.0 (3.0–5.0) |", "why a peer was not run": "| not run: it does not answer |",
    "a dagger": "| opensmtpd † |", "first and last": "| 0.100 → 0.200 |", "syncs": "| postfix | 1 | 1.00 | 200 fsync",
    "what did not arrive": "| 100 of 100 | 7 |", "a cell that was not run": "client was not run: no sink.",
    "signed": "| 10.0 (8.0–12.0) |", "judging": "| rspamd over HTTP | 1.5 (1.25–1.75) |",
    "signatures": "| sign, Ed25519 | 30000 | 31250 | 96 |", "a note": "A note.", "what stood behind": "## Method",
}


def bench(*words, **environment):
    return subprocess.run([sys.executable, RUN, *words], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "SMTPTOOL": SMTPTOOL, **environment}, stdin=subprocess.DEVNULL)


def check_list(report):
    done = bench("--list")
    report.equal("--list", done.returncode, 0)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    report.check("names are unique", names and len(names) == len(set(names)), names)
    report.check("no such cell", bench("no-such-cell").returncode != 0)


def check_page(report):
    where = folder()
    results, page = os.path.join(where, "results"), os.path.join(where, "page.md")
    with open(results, "w", encoding="utf-8") as file:
        for line in [{"header": HEADER}] + [{"core": True, "seconds": 1, **cell} for cell in CELLS]:
            file.write(json.dumps(line) + "\n")
        file.write('{"cell": "cut')
    done = bench("--again", BENCH_RESULTS=results, BENCH_PAGE=page)
    if not report.equal("--again", done.returncode, 0):
        print(done.stderr)
        return
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for name, words in WANTED.items():
        report.check(name, words in text, words)
    for name in ("cpu", "rate", "idle", "growth"):
        path = os.path.join(where, f"performance-{name}.svg")
        report.check(f"a chart that is XML: {name}", os.path.exists(path) and xml.dom.minidom.parse(path))
        report.check(f"the page shows it: {name}", f"](performance-{name}.svg)" in text)


def check_cell(report):
    where = folder()
    done = bench("accept-1k-1-many", PAIRS="1", BENCH_PEERS="smtptool", BENCH_DIR=where)
    report.equal("a cell alone", done.returncode, 0)
    rows = [line for line in done.stdout.splitlines() if line.startswith("1 KB, 1 connection")]
    report.check("its rows", len(rows) == 2 and "not run" not in "".join(rows), done.stdout + done.stderr)
    report.equal("nothing is left", os.listdir(where), [])


def check_broken(report):
    where = folder()
    done = bench("accept-1k-1-many", PAIRS="1", BENCH_PEERS="smtptool", BENCH_DIR=where, SMTPTOOL="/bin/false")
    report.equal("a program that does not start", done.returncode, 0)
    report.check("is told in its row", "smtptool   not run: it does not answer" in done.stdout, done.stdout + done.stderr)
    report.equal("nothing is left of it", os.listdir(where), [])


def main():
    report = Report()
    check_list(report)
    check_page(report)
    check_cell(report)
    check_broken(report)
    sys.exit(report.finish())


if __name__ == "__main__":
    main()
