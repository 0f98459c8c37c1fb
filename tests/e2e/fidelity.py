"""Byte for byte: random messages of 0 to 5 MiB in every chunking (attack 205).

A message goes out by DATA in writes of so many bytes and by BDAT in chunks of so many; the sink
hashes what arrives behind our Received field. Bodies are random bytes between line ends, dots at
line starts and lines of 998 octets among them. Environment: SECONDS_MAX (1), SEED.
"""
import hashlib
import os
import random
import sys
import threading
import time

from _check import Report, need_program, until
from _server import Server, route
from _smtp import Client, Sink, drop_received, stuff

SECONDS_MAX = float(os.environ.get("SECONDS_MAX") or 1)
CHUNKINGS = (1, 2, 4095, 32767, 32768, 65537)
SIZE_MAX = 5 << 20
CHUNKS_MAX = 30000 # of one message: in single bytes only small ones go
SINK = ("PIPELINING", "8BITMIME", "SIZE 100000000", "CHUNKING")


def line(rng):
    length = rng.choice((0, 1, 2, 60, 76, 500, 998))
    text = rng.randbytes(length).translate(NO_LINE_ENDS)
    return rng.choice((b"", b"", b"", b".", b"..", b".\t"))[:998 - length if length else 2] + text


NO_LINE_ENDS = bytes(b if b not in (0, 10, 13) else 32 for b in range(256))


def message(rng, name, size):
    """A header, and lines up to the size."""
    lines, total = [f"From: a@sink.test\r\nSubject: {name}\r\n".encode()], 0
    while total < size:
        lines.append(line(rng))
        total += len(lines[-1]) + 2
    whole = b"\r\n".join(lines)[:max(size, len(lines[0]) + 2)]
    return whole.rstrip(b"\r") + b"\r\n" # a CR alone would be refused


def sizes(rng, chunk):
    most = min(SIZE_MAX, chunk * CHUNKS_MAX)
    edges = [0, chunk - 1, chunk, chunk + 1, 2 * chunk, 262143, 262144, 262145, most]
    return [s for s in edges if 0 <= s <= most] + [rng.randrange(most) for _ in range(2)]


def by_data(client, content, chunk):
    stuffed = stuff(content)
    if client.command("DATA").code != 354:
        return None
    for at in range(0, len(stuffed), chunk):
        client.send(stuffed[at:at + chunk])
    return client.reply()


def by_bdat(client, content, chunk):
    """Chunks are pipelined; a thread reads, or both sides would wait for each other."""
    count = (len(content) + chunk - 1) // chunk
    replies = []
    reader = threading.Thread(target=lambda: replies.extend(client.reply() for _ in range(count)))
    reader.start()
    for n in range(count):
        part = content[n * chunk:(n + 1) * chunk]
        client.send(b"BDAT %d%s\r\n" % (len(part), b" LAST" if n == count - 1 else b"") + part)
    reader.join()
    bad = [r for r in replies if r.code != 250]
    return bad[0] if bad else replies[-1]


class Trial:
    def __init__(self, report, seed, server):
        self.report, self.seed, self.server = report, seed, server
        self.rng, self.sent, self.octets = random.Random(seed), {}, 0

    def send(self, way, chunk, size):
        number = len(self.sent) + 1
        name = f"{way.__name__}.{chunk}.{size}.{number}"
        content = message(self.rng, name, size)
        self.octets += len(content)
        self.sent[f"n{number}@sink.test"] = (name, hashlib.sha256(content).digest())
        with Client(self.server.relay, seconds=60) as c:
            c.ehlo()
            c.mail(f"n{number}@sink.test", "x@sink.test", params="BODY=8BITMIME")
            r = way(c, content, chunk)
        if r is None or r.code != 250:
            self.report.check(f"attack 205: {name} is taken (SEED={self.seed})", False, r)

    def judge(self, sink):
        until(60, lambda: {m.sender for m in sink.kept()} >= set(self.sent))
        arrived = {m.sender: hashlib.sha256(drop_received(m.data)[0]).digest()
                   for m in sink.kept()}
        for sender, (name, digest) in self.sent.items():
            self.report.check(
                f"attack 205: {name} arrives as it was sent (SEED={self.seed})",
                arrived.get(sender) == digest, "other bytes" if sender in arrived else "lost")


def main():
    need_program()
    report, sink = Report(), Sink(capabilities=SINK)
    server = Server(routes=[route("sink.test", sink.port)],
                    limits={"commands_per_message": 100000}).start()
    report.on_fail.append(server.show)
    trial = Trial(report, int(os.environ.get("SEED") or time.time()), server)
    end, rounds = time.monotonic() + SECONDS_MAX, 0
    while rounds == 0 or time.monotonic() < end:
        for chunk in CHUNKINGS:
            for size in sizes(trial.rng, chunk):
                trial.send(by_data, chunk, size)
                trial.send(by_bdat, chunk, size)
        rounds += 1
        trial.judge(sink)
        sink.clear()
        octets, count = trial.octets, report.passed
        trial.sent.clear()
    report.equal("SIGTERM", server.stop(), 0)
    print(f"    {count} messages, {octets >> 20} MiB in {rounds} rounds of {len(CHUNKINGS)} chunkings")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
