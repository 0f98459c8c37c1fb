"""kill -9 under load, ROUNDS times (attacks 182, 194): what was acknowledged is never lost.

A few clients submit without a pause and write down each 250 they hear: the ledger. The server is
killed in the middle, started again over the same spool, and so on; after the last start it drains
into the sink. Every message of the ledger must be there whole; repeats are allowed and counted.
Environment: ROUNDS (100), SEED.
"""
import collections
import hashlib
import os
import random
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


class Ledger:
    def __init__(self):
        self.lock, self.sent, self.acknowledged, self.count = threading.Lock(), {}, set(), 0

    def next(self, size):
        """A new message; its bytes are known by its id."""
        with self.lock:
            self.count += 1
            number = self.count
        name = f"k{number:06}"
        line = hashlib.sha256(name.encode()).hexdigest().encode() + b"\r\n"
        content = (f"From: {name}@sender.test\r\nMessage-ID: <{name}@sender.test>\r\n\r\n".encode()
                   + line * (size // len(line) + 1))
        with self.lock:
            self.sent[name] = hashlib.sha256(content).digest()
        return name, content

    def acknowledge(self, name):
        with self.lock:
            self.acknowledged.add(name)


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


def main():
    need_program()
    report, sink = Report(), Sink()
    seed = int(os.environ.get("SEED") or time.time())
    rng, ledger, started = random.Random(seed), Ledger(), time.monotonic()
    server = Server(routes=[route("sink.test", sink.port)], retry=retry_soon())
    report.on_fail.append(server.show)
    server.start()
    for number in range(ROUNDS):
        one_round(ledger, server, rng, number)
    killed = time.monotonic()
    end = time.monotonic() + DRAIN_SECONDS_MAX
    while time.monotonic() < end:
        found = {m.sender.split("@")[0] for m in sink.kept()}
        if ledger.acknowledged <= found:
            break
        time.sleep(0.2)
    arrived = wait_quiet(sink, 2, 30)
    counts = collections.Counter(m.sender.split("@")[0] for m in arrived)
    lost = sorted(ledger.acknowledged - set(counts))
    report.check(f"attack 182: nothing of {len(ledger.acknowledged)} acknowledged is lost "
                 f"(SEED={seed})", not lost, f"{len(lost)} lost: {lost[:20]}")
    report.check("the load was one", len(ledger.acknowledged) >= ROUNDS, len(ledger.acknowledged))
    broken = [m.sender for m in arrived if hashlib.sha256(drop_received(m.data)[0]).digest()
              != ledger.sent.get(m.sender.split("@")[0])]
    report.check("what arrived is whole", not broken, broken[:20])
    recipients = [m.recipients for m in arrived
                  if m.recipients != [m.sender.replace("sender", "sink")]]
    report.check("and is for whom it was sent", not recipients, recipients[:20])
    report.equal("SIGTERM", server.stop(), 0)
    extra = sum(counts.values()) - len(counts)
    print(f"    {ROUNDS} kills, {ledger.count} sent, {len(ledger.acknowledged)} acknowledged, "
          f"{len(counts)} arrived, {extra} duplicates; {killed - started:.0f} s, "
          f"drained in {time.monotonic() - killed:.0f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
