"""docs/attacks.md is true: every attack has a row, every test that a row names exists and names the
attack in turn ("attack 57", "attacks 21, 22", "attacks 182 to 184").
"""
import os
import re
import sys

from _check import PROJECT, Report

TABLE = os.path.join(PROJECT, "docs", "attacks.md")
NUMBERS = [*range(1, 83), *range(85, 125), *range(130, 157), *range(166, 174), *range(181, 206),
           *range(207, 215)]
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$")
NAMED = re.compile(r"attacks?\s+(\d+(?:\s*(?:,|and|to|-)\s*\d+)*)", re.IGNORECASE)
FILE = re.compile(r"`([^`]+\.(?:c|py|talk))`")


def attacks_named(text):
    numbers = set()
    for found in NAMED.finditer(text):
        for first, last in re.findall(r"(\d+)(?:\s*(?:to|-)\s*(\d+))?", found[1]):
            numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def rows():
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            row = ROW.match(line.rstrip("\n"))
            if row:
                yield int(row[1]), row[3]


def judge_row(report, number, tests):
    files = FILE.findall(tests)
    report.check(f"attack {number}: a test, or why there is none",
                 files or re.match(r"not (built|offered): ", tests), tests)
    for name in files:
        path = os.path.join(PROJECT, name)
        if not report.check(f"attack {number}: there is a file {name}", os.path.isfile(path)):
            continue
        with open(path, encoding="utf-8", errors="replace") as f:
            report.check(f"attack {number}: {name} names it", number in attacks_named(f.read()))


def main():
    report, seen = Report(), []
    for number, tests in rows():
        seen.append(number)
        judge_row(report, number, tests)
    report.equal("a row for each attack, in order", seen, NUMBERS)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
