"""One mailing to many, killed in the middle: each recipient exactly once at a sink that knows keys (XONCE).

BULK_COUNT: recipients (1000000: minutes); KILLS (5); SEED. The list of a million takes 30 MB below BENCH_DIR.
"""
import os
import sys

from measure import Failed
from session import ROOT

sys.path.append(os.path.join(ROOT, "tests", "e2e"))
from _bulk_kill import Counting, killed_mailing # noqa: E402


def number(name, normal):
    return int(os.environ.get(name) or normal)


def judge(result, counted, count, kills):
    """What is wrong, or None."""
    wanted = {"killed in the middle": (result["killed"], kills), "exit": (result["code"], 0),
              "in doubt": (result["said"].get("in_doubt"), 0), "sent, by the journal": (result["said"].get("sent"), count),
              "mails at the sink": (counted.get("messages"), count), "recipients at the sink": (counted.get("distinct"), count)}
    wrong = [f"{what}: {got}, not {want}" for what, (got, want) in wanted.items() if got != want]
    return "; ".join(wrong) or None


def killed(session):
    count, kills = number("BULK_COUNT", 1_000_000), number("KILLS", 5)
    sink = Counting(session.program, max(10, count // 1000))
    try:
        result = killed_mailing(session.program, session.base, sink, count, kills, number("SEED", 1), ("--connections", "20"))
    finally:
        counted = sink.end()
    wrong = judge(result, counted, count, kills)
    if wrong:
        raise Failed(wrong)
    session.say(f"  {counted['distinct']} recipients, each once, in {result['seconds']:.0f} s; {kills} kills, {counted['repeated']} "
                f"repeats taken once, nobody in doubt, at most {result['memory_kib'] / 1024:.0f} MiB")
    return [{"peer": "`smtptool bulk run`", "count": counted["distinct"], "kills": kills, "repeated": counted["repeated"],
             "in_doubt": 0, "memory": result["memory_kib"] / 1024, "rate": count / result["seconds"]}]


def cells():
    """(name, kind, title, in the core table, what to do)"""
    yield "bulk-kill", "bulk-kill", "one mailing to many, killed five times", False, killed
