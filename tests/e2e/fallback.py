"""A route with two providers: the first dies in the middle, comes back, and uses up its quota.

Each message is delivered once, whoever takes it, and the events tell what was decided and why.
"""
import os
import sys

from _check import Report, folder, until, write
from _server import Server, retry_soon
from _smtp import CAPABILITIES, Client, Sink

BODY = b"Subject: hello\r\n\r\nhello\r\n"
QUOTA = 120 # of the first provider, in an hour
DIES_AFTER = 40


class Provider:
    """Takes mail until it dies: then every connection is closed before a word is said."""

    def __init__(self):
        self.dead, self.dies_after = False, None
        self.sink = Sink((*CAPABILITIES, "AUTH PLAIN"), self.answer)

    def answer(self, verb, _line, _session):
        if verb == "MAIL" and self.dies_after is not None and len(self.sink.messages) >= self.dies_after:
            self.dead = True
        if self.dead:
            return b""
        return b"235 2.7.0 in\r\n" if verb == "AUTH" else None

    def taken(self):
        return [m.recipients[0] for m in self.sink.kept()]


def send(server, numbers):
    with Client(server.relay) as c:
        c.ehlo()
        for number in numbers:
            replies = c.mail("news@sender.test", f"user{number}@site.test")
            if not all(r.code == 250 for r in replies) or c.data(BODY).code != 250:
                raise RuntimeError(f"message {number} is not taken in")


def delivered(server):
    return [e["recipient"] for e in server.events("delivered")]


def main():
    report = Report()
    first, second = Provider(), Provider()
    server = Server(
        accounts={"one": {"user": "me", "secret": "file:" + write(os.path.join(folder(), "secret"), "pass", 0o600),
                          "servers": [f"smtp://127.0.0.1:{first.sink.port}?tls=none"],
                          "quota": {"per_hour": QUOTA, "spread": "none"}}},
        routes=[{"to": "*", "via": ["account:one", f"smtp://127.0.0.1:{second.sink.port}?tls=none"]}],
        retry=retry_soon()).start()
    report.on_fail.append(server.show)

    first.dies_after = DIES_AFTER
    send(server, range(100))
    report.check("all arrive while the first is dead", until(60, lambda: len(delivered(server)) == 100),
                 len(delivered(server)))
    report.check("the first had its share before it died", len(first.sink.messages) >= DIES_AFTER,
                 len(first.sink.messages))
    report.check("the second took the rest", len(second.sink.messages) == 100 - len(first.sink.messages))
    paused = server.events("shaping_paused")
    report.check("an event says that the first is down", any(str(first.sink.port) in e["site"] or "one" in e["site"]
                                                             for e in paused), paused)

    first.dead, first.dies_after = False, None
    before = len(first.sink.messages)
    number = [100]

    def comes_back():
        send(server, [number[0]])
        number[0] += 1
        return len(first.sink.messages) > before

    report.check("it is used again when it is back", until(90, comes_back), server.events("shaping_resumed"))
    report.check("an event says so", len(server.events("shaping_resumed")) >= 1)

    start = number[0]
    send(server, range(start, start + QUOTA))
    total = start + QUOTA
    report.check("all arrive when the quota is used up", until(60, lambda: len(delivered(server)) == total),
                 f"{len(delivered(server))} of {total}")
    report.check("the first got no more than its quota", len(first.sink.messages) <= QUOTA, len(first.sink.messages))
    report.check("and nearly all of it", len(first.sink.messages) >= QUOTA * 0.9, len(first.sink.messages))
    report.check("an event says that the quota is used up", len(server.events("quota_full")) >= 1)

    everybody = sorted(first.taken() + second.taken())
    report.check("each message was taken once", everybody == sorted(set(everybody)) and len(everybody) == total,
                 f"{len(everybody)} taken, {len(set(everybody))} different, {total} sent")
    report.check("each was told once", len(delivered(server)) == len(set(delivered(server))) == total)
    report.check("nothing bounced", not server.events("bounced") and not server.events("expired"))
    server.stop()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
