"""The order of system calls: data is on the disk before the client hears 250 (attack 181).

strace shows, for DATA, for BDAT and on a new segment: a write into the spool, an fdatasync of that
file that came back, and only then the write of "250 2.0.0 <queue id>".
"""
import os
import re
import subprocess
import sys

from _check import Report, need_program, skip_all, tool, until
from _server import Server
from _smtp import Client

CALLS = ("openat,close,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,send,fsync,fdatasync,"
         "sync_file_range,rename,renameat,renameat2")
LINE = re.compile(r"^(?P<pid>\d+) +(?P<at>[\d.]+) (?P<call>\w+)\((?P<rest>.*)$")
RESUMED = re.compile(r"^(?P<pid>\d+) +(?P<at>[\d.]+) <\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")


def calls_of(path):
    """Each finished call: (begun, ended, name, arguments with its result); by line numbers."""
    open_calls, calls = {}, []
    with open(path, errors="replace") as f:
        for number, line in enumerate(f):
            m = RESUMED.match(line)
            if m and (m["pid"], m["call"]) in open_calls:
                begun, rest = open_calls.pop((m["pid"], m["call"]))
                calls.append((begun, number, m["call"], rest + m["rest"]))
                continue
            m = LINE.match(line)
            if m and "<unfinished" in m["rest"]:
                open_calls[(m["pid"], m["call"])] = (number, m["rest"].split("<unfinished")[0])
            elif m:
                calls.append((number, number, m["call"], m["rest"]))
    return calls


def synced_in_time(calls, mark):
    """(good, why) for the 250 that answers the message which holds mark."""
    spool = [c for c in calls if c[2].startswith(("write", "pwrite")) and mark in c[3]
             and "/spool" in c[3].split(",")[0]]
    if not spool:
        return False, "the message was never written into the spool"
    number = spool[-1][1]
    file = spool[-1][3].split(",")[0]
    answer = [c for c in calls if c[0] > number and '"250 2.0.0 ' in c[3]
              and c[2] in ("write", "writev", "sendto", "sendmsg")]
    if not answer:
        return False, "no 250 was seen"
    syncs = [c for c in calls if c[2] in ("fdatasync", "fsync") and c[0] > number
             and c[1] < answer[0][0] and c[3].split(")")[0].strip() == file and "= 0" in c[3]]
    return bool(syncs), f"{file}: no fdatasync between line {number} and line {answer[0][0]}"


def may_trace():
    done = subprocess.run([tool("strace"), "-f", "-o", "/dev/null", "true"], capture_output=True)
    return done.returncode == 0


def main():
    need_program()
    if not tool("strace"):
        skip_all("order of system calls", "strace is not installed")
    if not may_trace():
        skip_all("order of system calls", "strace is not permitted here")
    report, server = Report(), Server()
    trace = os.path.join(server.folder, "trace")
    server.start(wrapper=[tool("strace"), "-f", "-ttt", "-y", "-s", "2000", "-e", f"trace={CALLS}",
                          "-o", trace])
    for way in ("DATA", "BDAT", "DATA again"):
        mark = way.replace(" ", "-") + "-mark"
        content = f"From: a@b.test\r\nSubject: {mark}\r\n\r\n{mark}\r\n".encode()
        with Client(server.relay) as c:
            c.ehlo()
            c.mail("a@b.test", "x@y.test")
            r = c.bdat(content, last=True) if way == "BDAT" else c.data(content)
            report.equal(f"{way}: taken", r.code, 250)
    until(5, lambda: os.path.getsize(trace) > 0)
    tracer = server.process
    below = server.children()
    os.kill(below[0], 15)
    tracer.wait(30)
    server.process = None
    calls = calls_of(trace)
    for way in ("DATA", "BDAT", "DATA again"):
        good, why = synced_in_time(calls, way.replace(" ", "-") + "-mark")
        report.check(f"attack 181, {way}: fdatasync before 250", good, why)
    made = [c for c in calls if c[2] == "openat" and "O_CREAT" in c[3] and "/spool/log/" in c[3]
            and "= -1" not in c[3]]
    folders = [c for c in calls if c[2] in ("fsync", "fdatasync")
               and re.match(r"\d+<[^>]*/spool/log>", c[3])]
    report.check("attack 181: the log's folder is synced after a segment is made in it",
                 made and any(c[0] > made[0][1] for c in folders), (made[:1], folders[:1]))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
