"""kill -9 under load, ROUNDS times (attacks 182, 194): what was acknowledged is never lost.

A few clients submit without a pause and write down each 250 they hear: the ledger. Deliveries go on
meanwhile; every eighth message is refused by its next hop and returned to its sender. The server is
killed in the middle, started again over the same spool, and so on; after the last start it drains
into the sink. Every message of the ledger must be there whole, or one report of its failure:
repeats of a delivery are allowed and counted, a second report is not.
Environment: ROUNDS (100), SEED.
"""
import collections
import hashlib
import os
import random
import re
import sys
import threading
import time

from _check import Report, need_program
from _server import Server, retry_soon, route
from _smtp import Client, Closed, Sink, drop_received, wait_quiet

ROUNDS = int(os.environ.get("ROUNDS") or 100)
CLIENTS = 4
LOAD_MS = (50, 200)
DRAIN_SECONDS_MAX = 120
REFUSED_EACH = 8
MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.IGNORECASE | re.MULTILINE)


class Ledger:
    def __init__(self):
        self.lock, self.sent, self.acknowledged, self.count = threading.Lock(), {}, set(), 0

    def next(self, size):
        """A new message; its bytes are known by its id. Names of those to be refused start with r."""
        with self.lock:
            self.count += 1
            number = self.count
        name = f"{'k' if number % REFUSED_EACH else 'r'}{number:06}"
        line = hashlib.sha256(name.encode()).hexdigest().encode() + b"\r\n"
        content = (f"From: {name}@sender.test\r\nMessage-ID: <{name}@sender.test>\r\n\r\n".encode()
                   + line * (size // len(line) + 1))
        with self.lock:
            self.sent[name] = hashlib.sha256(content).digest()
        return name, content

    def acknowledge(self, name):
        with self.lock:
            self.acknowledged.add(name)


class Arrivals:
    """What came into the sink: the bytes are hashed and let go, round by round."""

    def __init__(self, sink):
        self.sink, self.counts, self.reports = sink, collections.Counter(), {}
        self.broken, self.misled = [], []

    def take(self, ledger):
        with self.sink.lock:
            messages, self.sink.messages = self.sink.messages, []
        for m in messages:
            if m.sender == "":
                name = m.recipients[0].split("@")[0]
                found = MESSAGE_ID.search(m.data)
                self.reports.setdefault(name, set()).add(found[1] if found else None)
                continue
            name = m.sender.split("@")[0]
            self.counts[name] += 1
            if hashlib.sha256(drop_received(m.data)[0]).digest() != ledger.sent.get(name):
                self.broken.append(name)
            if m.recipients != [f"{name}@sink.test"]:
                self.misled.append(m.recipients)

    def names(self):
        return set(self.counts) | set(self.reports)


def refuse_some(verb, line, session):
    if verb == "DATA" and not session.message.rcpts:
        return "554 5.5.1 no recipients"
    refused = verb == "RCPT" and re.match(rb"RCPT TO:<r\d+@sink", line, re.IGNORECASE)
    return "550 5.1.1 nobody" if refused else None


def submit(ledger, port, stop, rng, use_bdat):
    """Messages on one connection after another until told to stop or cut off."""
    while not stop.is_set():
        try:
            with Client(port, seconds=10) as c:
                c.ehlo()
                while not stop.is_set():
                    name, content = ledger.next(rng.choice((200, 2000, 20000, 120000)))
                    c.mail(f"{name}@sender.test", f"{name}@sink.test")
                    r = c.bdat(content, last=True) if use_bdat else c.data(content)
                    if r.code == 250:
                        ledger.acknowledge(name)
        except (Closed, OSError):
            time.sleep(0.002)


def one_round(ledger, server, rng, number):
    stop = threading.Event()
    threads = [threading.Thread(target=submit, args=(
        ledger, server.relay, stop, random.Random(rng.random()), n % 2 == number % 2))
        for n in range(CLIENTS)]
    for t in threads:
        t.start()
    time.sleep(rng.uniform(*LOAD_MS) / 1000)
    server.kill()
    stop.set()
    for t in threads:
        t.join()
    server.start()


def drain(ledger, arrivals):
    end = time.monotonic() + DRAIN_SECONDS_MAX
    while time.monotonic() < end and not ledger.acknowledged <= arrivals.names():
        time.sleep(0.2)
        arrivals.take(ledger)
    wait_quiet(arrivals.sink, 2, 30)
    arrivals.take(ledger)


def main():
    need_program()
    report, sink = Report(), Sink(answer=refuse_some)
    seed = int(os.environ.get("SEED") or time.time())
    rng, ledger, started = random.Random(seed), Ledger(), time.monotonic()
    arrivals = Arrivals(sink)
    server = Server(routes=[route("sink.test", sink.port), route("sender.test", sink.port)],
                    retry=retry_soon())
    report.on_fail.append(server.show)
    server.start()
    for number in range(ROUNDS):
        one_round(ledger, server, rng, number)
        arrivals.take(ledger)
    killed = time.monotonic()
    drain(ledger, arrivals)
    lost = sorted(ledger.acknowledged - arrivals.names())
    report.check(f"attack 182: nothing of {len(ledger.acknowledged)} acknowledged is lost "
                 f"(SEED={seed})", not lost, f"{len(lost)} lost: {lost[:20]}")
    report.check("the load was one", len(ledger.acknowledged) >= ROUNDS, len(ledger.acknowledged))
    report.check("what arrived is whole", not arrivals.broken, arrivals.broken[:20])
    report.check("and is for whom it was sent", not arrivals.misled, arrivals.misled[:20])
    doubled = {n: ids for n, ids in arrivals.reports.items() if len(ids) != 1 or None in ids}
    report.check("attack 194: no failure has two reports", not doubled, list(doubled.items())[:5])
    report.check("attack 194: there were reports", len(arrivals.reports) > ROUNDS // 10,
                 len(arrivals.reports))
    returned = {n for n in arrivals.reports if n[0] != "r"}
    report.check("what was taken is not returned", not returned, sorted(returned)[:20])
    report.equal("SIGTERM", server.stop(), 0)
    extra = sum(arrivals.counts.values()) - len(arrivals.counts)
    print(f"    {ROUNDS} kills, {ledger.count} sent, {len(ledger.acknowledged)} acknowledged, "
          f"{len(arrivals.counts)} arrived, {extra} duplicates, {len(arrivals.reports)} returned once; "
          f"{killed - started:.0f} s, drained in {time.monotonic() - killed:.0f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
