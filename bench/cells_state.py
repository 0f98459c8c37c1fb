"""Cells about what a peer holds: idle connections, a long queue, mail behind mail that waits."""
import collections
import os
import re
import select
import shutil
import signal
import subprocess
import time

import measure
from measure import Failed
from probe import Probe
from session import Load

PAGE_LINES = 20          # a first page of a listing
LISTING_SECONDS_MAX = 60
EMPTY_TURNS = 7
MEMORY_SHARE_MAX = 0.6   # of what is available, for connections that wait
STRACE_MESSAGES = 200
SYNC_CALLS = "fsync,fdatasync,sync_file_range,msync,syncfs,sync"
OPEN_CALLS = "open,openat,creat"


# ---- connections that wait -------------------------------------------------------------------

def hold(session, peer, count, tls):
    """Kilobytes of memory for each of so many connections that have said EHLO."""
    before = peer.account.pss_kib()
    words = ["idle", "--server", f"smtp://127.0.0.1:{peer.port}", "--connections", count]
    if peer.opening:
        words += ["--workers", 1, "--opening", peer.opening]
    cpu = peer.account.cpu_seconds()
    held = session.bench.start(*words, *(["--tls"] if tls else []))
    ready = session.bench.await_line(held, 300)
    time.sleep(1.5)
    cpu = peer.account.cpu_seconds() - cpu
    after = peer.account.pss_kib()
    result = session.bench.stop(held, 60)
    if ready["connections"] != count or result["lost"]:
        errors = "; ".join(f"{e['stage']} {e['code'] or ''} {e['text']}" for e in result["errors"][:2])
        raise Failed(f"it held {result['messages']} of {count} connections ({errors})")
    return {"kib": (after - before) / count, "cpu_ms": cpu * 1000 / count, "base_kib": before}


def idle_one(session, server, count, tls):
    if tls and not session.site.certificates:
        raise Failed("there is no openssl program to make certificates")
    peer = session.start(server, "rsa" if tls else "hold")
    session.bench.send(peer, Load("hold", 1, "one", 10240, tls), 1) # what is loaded once is not a connection's
    time.sleep(0.5)
    if count > 1000: # would it fit?
        each = hold(session, peer, 300, tls)["kib"]
        if each * count > measure.available_kib() * MEMORY_SHARE_MAX:
            raise Failed(f"{count} connections of {each:.0f} KiB each do not fit into this machine's memory")
        time.sleep(2)
    return hold(session, peer, count, tls)


def idle(count, tls):
    return lambda session: session.one_by_one(
        [s for s in session.servers if s.name != "opensmtpd, sync"],
        lambda server: idle_one(session, server, count, tls))


# ---- a queue that grows ----------------------------------------------------------------------

def send_chunk(session, peer, size, chunk, seconds):
    """What the generator says of it, and the peer's CPU ms a message."""
    cpu = peer.account.cpu_seconds()
    sent = session.bench.send(peer, Load("defer", 50, "many", size), chunk, seconds=seconds)
    return sent, (peer.account.cpu_seconds() - cpu) * 1000 / chunk


def fill(session, peer, size, total, chunk, seconds):
    """[[messages so far, rate, CPU ms a message], …], and why it ended."""
    chunks, spent = [], 0.0
    while (len(chunks) + 1) * chunk <= total and spent < seconds:
        try:
            sent, used = send_chunk(session, peer, size, chunk, max(120, seconds))
        except Failed as why:
            return chunks, str(why)
        spent += sent["seconds"]
        chunks.append([(len(chunks) + 1) * chunk, sent["rate"], used])
    return chunks, "" if len(chunks) * chunk >= total else f"stopped after {spent:.0f} s"


def compare_with_empty(session, server, full, size, chunk):
    """[[CPU ms a message of an empty one, of the full one], …], in turns: what a page of memory costs
    changes while a queue grows, and has nothing to do with how much waits."""
    empty = session.start(server, "defer")
    send_chunk(session, empty, size, chunk, 120)
    turns = []
    for _ in range(EMPTY_TURNS):
        turns.append([])
        for peer in (empty, full):
            turns[-1].append(send_chunk(session, peer, size, chunk, 120)[1])
            time.sleep(1)
    empty.end()
    return turns


def list_queue(peer):
    """Seconds to the first page of its listing and to its end (None: not in the time that it has)."""
    start, lines, page = time.monotonic(), 0, None
    process = subprocess.Popen(peer.listing(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() - start < LISTING_SECONDS_MAX:
            ready, _, _ = select.select([process.stdout], [], [], 1)
            data = os.read(process.stdout.fileno(), 1 << 16) if ready else None
            if data == b"":
                return page, time.monotonic() - start, lines
            lines += data.count(b"\n") if data else 0
            if page is None and lines >= PAGE_LINES:
                page = time.monotonic() - start
        return page, None, lines
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def restart(session, peer):
    """Seconds to stop, to answer again, and to take the first message; with all that waits."""
    start = time.monotonic()
    peer.end()
    stopped = time.monotonic()
    peer.start_seconds = 300
    peer.resume()
    answered = time.monotonic()
    session.bench.send(peer, Load("defer", 1, "one", 2048), 1, seconds=300, patience=300)
    return {"stop_s": stopped - start, "answer_s": answered - stopped,
            "message_s": time.monotonic() - stopped, "pss_restarted_kib": peer.account.pss_kib()}


def grow_one(session, server, size, total, seconds):
    peer = session.start(server, "defer")
    session.bench.send(peer, Load("defer", 1, "many", size), 20)
    time.sleep(1)
    row = {"pss_empty_kib": peer.account.pss_kib()}
    row["chunks"], row["ended"] = fill(session, peer, size, total, max(1000, total // 20), seconds)
    time.sleep(2)
    row |= {"pss_kib": peer.account.pss_kib(), "rss_kib": peer.account.rss_kib()}
    row["page_s"], row["listing_s"], lines = list_queue(peer)
    made = row["chunks"][-1][0] if row["chunks"] else 0
    if server.several and made:
        row["turns"] = compare_with_empty(session, server, peer, size, max(1000, made // 50))
    if row["listing_s"] is not None and lines < made: # else it has not kept what it was given
        row["ended"] = f"{row['ended']}; only {lines} lines in its listing".strip("; ")
    try:
        row |= restart(session, peer)
    except Failed as why:
        row["ended"] = f"{row['ended']}; restart: {why}".strip("; ")
    return row


def growth(size, total, seconds):
    def run(session):
        session.make_room()
        servers = [s for s in session.servers if s.name != "opensmtpd, sync"]
        return session.one_by_one(servers, lambda server: grow_one(session, server, size, total, seconds))
    return run


# ---- mail behind mail that waits -------------------------------------------------------------

def waiting_one(session, server, count):
    peer = session.start(server, "mixed")
    slow = session.bench.watched_sink(f"127.0.0.1:{session.site.slow_port}", "--slow", "20s")
    with Probe(session.site.sink_port) as probe:
        alone = probe.measure(peer.port, "fresh@fast.bench.test")
        session.bench.send(peer, Load("mixed", 50, "many", 2048), count, "--to", "late@slow.bench.test",
                           seconds=300)
        time.sleep(1)
        left = count - slow.taken
        if left < count // 2:
            raise Failed(f"only {left} of {count} messages waited when the fresh ones came")
        behind = probe.measure(peer.port, "fresh@fast.bench.test")
    return {"alone": alone, "behind": behind, "left": left}


def waiting(count):
    def run(session):
        servers = [s for s in session.servers if s.name != "opensmtpd, sync"]
        return session.one_by_one(servers, lambda server: waiting_one(session, server, count))
    return run


# ---- what makes a 250 durable ----------------------------------------------------------------

def trace(session, peer, load, messages):
    """The calls that peer makes for so many messages, by strace."""
    path = os.path.join(session.base, "strace")
    session.bench.send(peer, load, max(20, load.connections))
    pids = [w for pid in peer.account.pids() for w in ("-p", str(pid))]
    watch = subprocess.Popen(["strace", "-f", "-qq", "-o", path, "-e", f"trace={SYNC_CALLS},{OPEN_CALLS}", *pids],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.5) # until it has attached to all of them
        session.bench.send(peer, load, messages)
        time.sleep(0.5)
    finally:
        watch.send_signal(signal.SIGINT)
        watch.wait(timeout=20)
    said = measure.read(path)
    os.unlink(path)
    return said


def syncs_of(session, server, connections):
    if not shutil.which("strace"):
        raise Failed("strace is not installed")
    peer = session.start(server, "hold")
    said = trace(session, peer, Load("hold", connections, "many", 10240), STRACE_MESSAGES)
    calls = collections.Counter(re.findall(rf"^\d+ +({SYNC_CALLS.replace(',', '|')})\(", said, re.M))
    opens = len(re.findall(r"^\d+ +(?:open|openat)\(.*\bO_D?SYNC\b", said, re.M))
    if opens:
        calls["open with O_SYNC"] = opens
    row = {"connections": connections, "messages": STRACE_MESSAGES, "calls": dict(calls), "by": "strace"}
    if not calls and server.durable:
        row["by"] = synchronous_files(peer)
    return row


def synchronous_files(peer):
    """The file system's own word that every file in the queue is written synchronously."""
    files = [os.path.join(where, name) for where, _, names in os.walk(peer.path("spool")) for name in names]
    done = subprocess.run(["lsattr", "-d", *files[:1000]], capture_output=True, text=True)
    flags = {said.split(" ")[0] for said in done.stdout.splitlines()}
    if not flags or any("S" not in f for f in flags):
        raise Failed("no sync was counted, and its files are not synchronous either")
    return f"lsattr says so of its files: {min(flags)}"


def syncs(session):
    rows = []
    for connections in (1, 50):
        rows += session.one_by_one(session.servers, lambda server: syncs_of(session, server, connections))
    return rows


# ---- which -----------------------------------------------------------------------------------

def cells():
    """(name, kind, title, in the core table, what to do)"""
    yield "syncs", "syncs", "calls that make a message durable", True, syncs
    for count in (1000, 10000):
        for tls in (False, True):
            yield (f"idle-{count}" + ("-tls" if tls else ""), "idle", f"{count:,} connections"
                   + (" with TLS" if tls else ""), count == 1000, idle(count, tls))
    yield "growth-20000", "growth", "20,000 waiting messages of 2 KB", True, growth(2048, 20000, 30)
    yield "growth-1000000", "growth", "1,000,000 waiting messages of 2 KB", False, growth(2048, 1000000, 1200)
    yield "growth-100k", "growth", "20,000 waiting messages of 100 KB", False, growth(102400, 20000, 300)
    yield "waiting-5000", "waiting", "behind 5,000 messages to a slow destination", True, waiting(5000)
    yield "waiting-50000", "waiting", "behind 50,000 messages to a slow destination", False, waiting(50000)
    yield ("waiting-1000000", "waiting", "behind 1,000,000 messages to a slow destination", False,
           waiting(1000000))
