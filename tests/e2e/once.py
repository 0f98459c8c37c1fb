"""Each recipient exactly once: the sender is killed, the server is killed, both are, and all goes on.

Covers attacks 182 and 194 for mail under keys (XONCE). Environment: COUNT (5000), SEED.
"""
import os
import random
import re
import sys
import threading
import time

from _bulk_kill import Counting, Mailing, killed_mailing
from _check import SMTPTOOL, Report, at_end, folder, need_program, until, write
from _server import Server, retry_soon, route
from _smtp import CAPABILITIES, Client, Sink, wait_quiet

COUNT = int(os.environ.get("COUNT") or 5000)
SEED = int(os.environ.get("SEED") or 1)
SERVED, SERVER_KILLS, SENDER_KILLS = 800, 3, 3
QUEUE_ID = re.compile(rb"\bid\s+([0-9A-Z]{13})\b")
KEY = "00112233445566778899aabbccddeeff"


def sender_killed(report):
    sink = Counting(SMTPTOOL)
    at_end(sink.end)
    result = killed_mailing(SMTPTOOL, folder(), sink, COUNT, seed=SEED)
    counted = sink.end()
    report.equal("it was killed in the middle, five times", result["killed"], 5)
    report.equal("then it ends well", (result["code"], result["said"].get("in_doubt")), (0, 0))
    report.equal("recipients at the sink", counted.get("distinct"), COUNT)
    report.equal("and as many mails", counted.get("messages"), COUNT)
    report.equal("the journal says so", result["said"].get("sent"), COUNT)
    print(f"{COUNT} recipients in {result['seconds']:.1f} s, {counted.get('repeated')} repeated, "
          f"{result['memory_kib'] / 1024:.0f} MiB at most")


# ---- our own server ------------------------------------------------------------------------------


class Accepted:
    """How many messages the server has accepted so far, by its events."""

    def __init__(self, server):
        self.server, self.at, self.found, self.repeated = server, 0, 0, 0

    def count(self):
        try:
            with open(self.server.events_file, "rb") as file:
                file.seek(self.at)
                new = file.read()
        except OSError:
            return self.found
        new = new[:new.rfind(b"\n") + 1]
        self.at += len(new)
        self.found += new.count(b'"event":"accepted"')
        self.repeated += new.count(b'"event":"repeated"')
        return self.found


def kill_servers(server, stop, draw):
    """Now and then, until told to stop. The last thing is a start."""
    for _ in range(SERVER_KILLS):
        if stop.wait(draw.uniform(0.3, 0.8)):
            return
        server.kill()
        server.start()


def both_killed(report):
    draw = random.Random(SEED)
    sink = Sink()
    server = Server(routes=[route("*", sink.port)], retry=retry_soon(), workers=1).start()
    accepted = Accepted(server)
    mailing = Mailing(SMTPTOOL, folder(), f"smtp://127.0.0.1:{server.relay}?tls=none", SERVED,
                      ("--pass-wait", "1s", "--passes", "10", "--connections", "8", "--rate", "400/s"))
    stop = threading.Event()
    killer = threading.Thread(target=kill_servers, args=(server, stop, draw), daemon=True)
    killer.start()
    killed = 0
    for i in range(SENDER_KILLS):
        killed += mailing.kill_at(accepted.count, (i + 1) * SERVED // (SENDER_KILLS + 3))
    code, said = 1, {}
    for _ in range(30): # a server that is away ends a run: it goes on with the same command
        code, said, text = mailing.finish()
        if code == 0:
            break
        time.sleep(0.3)
    stop.set()
    killer.join(60)
    report.check("its words", code == 0, text)
    report.check("the sender was killed in the middle", killed > 0, killed)
    report.equal("in the end all is sent, nobody in doubt", (code, said.get("sent"), said.get("in_doubt")), (0, SERVED, 0))
    judge_deliveries(report, server, sink, accepted)
    server.kill()


def judge_deliveries(report, server, sink, accepted):
    """Queue IDs tell whether a recipient was accepted twice; a delivery may be repeated after a kill."""
    until(60, lambda: b'"messages":0' in server.tool("queue", "stats", "--json").stdout.replace(b" ", b""))
    wait_quiet(sink)
    accepted.count()
    ids = {}
    for m in sink.kept():
        ids.setdefault(m.recipients[0], set()).add(QUEUE_ID.search(m.data)[1])
    report.equal("each recipient", len(ids), SERVED)
    twice = {who: found for who, found in ids.items() if len(found) > 1}
    report.check("each accepted once", not twice, list(twice.items())[:3])
    print(f"our own server: {SERVED} recipients, {accepted.repeated} repeated, {len(sink.kept())} deliveries")


# ---- what may not be done ------------------------------------------------------------------------


def doubt_stays(report):
    """Who is in doubt stays so while the server with keys cannot say, and gets nothing without a key."""
    where = folder()
    listed = write(os.path.join(where, "one.csv"), "email\na@x.test\n")
    sinks = [Sink(CAPABILITIES + ("XONCE",), lambda verb, line, session: b"" if verb == "DOT" else None),
             Sink(CAPABILITIES + ("XONCE",), lambda verb, line, session: "450 4.5.0 under way" if verb == "MAIL" else None),
             Sink(), Sink(CAPABILITIES + ("XONCE",))]
    seen = []
    for sink in sinks:
        mailing = Mailing(SMTPTOOL, where, f"smtp://127.0.0.1:{sink.port}?tls=none", 1, ("--passes", "1"))
        mailing.job = os.path.join(where, "doubt.bulk")
        mailing.command[mailing.command.index("--job") + 1] = mailing.job
        mailing.command[mailing.command.index("--list") + 1] = listed
        mailing.command = [word.replace("{{name}} <{{email}}>", "{{email}}").replace("{{name}}", "you") for word in mailing.command]
        _, said, text = mailing.finish()
        seen.append((said.get("sent"), said.get("in_doubt")))
        if said == {}:
            report.check("it says what became of it", False, text)
    report.equal("no reply, under way, no keys, keys", seen, [(0, 1), (0, 1), (0, 1), (1, 0)])
    report.equal("the server without keys got nothing", len(sinks[2].kept()), 0)


def over_sockets(report):
    """The dialog over real sockets, and what the events say of it."""
    sink = Sink()
    server = Server(routes=[route("*", sink.port)])
    server.start()

    def send():
        client = Client(server.relay)
        client.ehlo()
        client.mail("a@x.test", "b@y.test", params=f"XONCE={KEY}")
        reply = client.data(b"Subject: x\r\n\r\nx\r\n")
        client.close()
        return str(reply)

    first = send()
    server.kill()
    server.start()
    second = send()
    report.check("accepted", "250" in first and "already" not in first, first)
    report.check("after kill -9, as before", "already accepted" in second, second)
    names = [re.search(r"2\.0\.0 (\w+)", reply) for reply in (first, second)]
    report.check("under the first's name", all(names) and names[0][1] == names[1][1], first + second)
    accepted = Accepted(server)
    report.check("an event tells it", until(20, lambda: accepted.count() >= 0 and accepted.repeated == 1))
    # a kill between a delivery and its record repeats the delivery: what arrived says nothing
    report.check("one mail was accepted", accepted.count() <= 1, str(accepted.count()))
    server.kill()


def main():
    need_program()
    report = Report()
    for work in (sender_killed, both_killed, doubt_stays, over_sockets):
        work(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
