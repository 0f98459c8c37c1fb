"""Cells of mail to MX hosts: connections that are used again, and healthy sites beside one that defers a million."""
import array
import os
import time

import network
import peers
from measure import Failed, reason
from session import Load

SITES = 1000             # healthy ones
SITE_ADDRESSES = 50      # that they share
RATE = 1000              # healthy messages a second
ROUND = 5000             # of them to one server before it is the other's turn
LATE = network.Domain("late.bench.test", (("mx.late.bench.test", "11.0.1.1"),))
FULL_REPLY = "rcpt:452 4.2.2 Mailbox full" # tried once, and not again while we look
QUIET_SHARE = 0.02       # of a processor: nothing goes on any more
QUIET_SECONDS = 3
TRY_SECONDS_MAX = 1800   # until each of the million has been tried
ARRIVE_SECONDS_MAX = 60
REUSE_MESSAGES = 10000
REUSE_SECONDS_MAX = 120


def names(count):
    return [f"d{i}.bench.test" for i in range(1, count + 1)]


# ---- healthy beside deferred -----------------------------------------------------------------

class Healthy:
    """The healthy sites, all of them one sink that writes down when each message came."""

    def __init__(self, session, town):
        self.session, self.count = session, len(town)
        self.sent, self.came = (os.path.join(session.base, name) for name in ("sent", "came"))
        self.sink = session.bench.watched_sink(f"{town[0].hosts[0][1]}:{network.MX_PORT}", "--addresses",
                                               SITE_ADDRESSES, "--expose", "--record", self.came)

    def round(self, peer, messages):
        """Milliseconds of each from the 250 to the final dot at its site."""
        os.truncate(self.came, 0)
        load = Load("mx", 50, "many", 2048)
        self.session.bench.send(peer, load, messages, "--rate", RATE, "--domains", self.count,
                                "--record", self.sent, seconds=messages / RATE + 60)
        self.sink.await_more(messages, ARRIVE_SECONDS_MAX)
        took, came = (read_times(path) for path in (self.sent, self.came))
        if len(came) != messages or min(came) == 0:
            raise Failed(f"{messages - len(came) + came.count(0)} of {messages} messages did not arrive")
        return sorted(max(0, there - here) / 1e6 for here, there in zip(took, came))


def whole(rounds):
    """Of all rounds together."""
    ms = sorted(x for one in rounds for x in one)
    return {"messages": len(ms), "p50": at(ms, 500), "p99": at(ms, 990)}


def read_times(path):
    times = array.array("q")
    with open(path, "rb") as file:
        times.frombytes(file.read())
    return times


def at(ms, permille):
    return ms[min(len(ms) - 1, len(ms) * permille // 1000)]


def await_quiet(peer):
    """Until it has nothing to do. Seconds that it took, CPU seconds that it used."""
    begin, cpu, quiet = time.monotonic(), peer.account.cpu_seconds(), 0
    while quiet < QUIET_SECONDS:
        before = peer.account.cpu_seconds()
        time.sleep(1)
        quiet = quiet + 1 if peer.account.cpu_seconds() - before < QUIET_SHARE else 0
        if time.monotonic() - begin > TRY_SECONDS_MAX:
            raise Failed(f"not every message was tried once in {TRY_SECONDS_MAX} s")
    return time.monotonic() - begin, peer.account.cpu_seconds() - cpu


def fill(session, peer, count):
    """A million messages for the late site, accepted and tried."""
    cpu = peer.account.cpu_seconds()
    session.bench.send(peer, Load("mx", 50, "many", 2048), count, "--to", f"late@{LATE.name}", seconds=1200)
    accepted = peer.account.cpu_seconds() - cpu
    seconds, used = await_quiet(peer)
    return {"fill_cpu": (accepted + used) * 1000 / count, "tried_s": seconds}


def idle_share(peer, seconds=10):
    """Of a processor, with nothing to do, in percent."""
    before = peer.account.cpu_seconds()
    time.sleep(seconds)
    return (peer.account.cpu_seconds() - before) * 100 / seconds


def memory(peer):
    return {"pss_kib": peer.account.pss_kib(), "rss_kib": peer.account.rss_kib()}


def deferred(count, healthy, is_down):
    """Two servers beside each other, one with the million and one without, get healthy mail in turns."""
    def run(session):
        session.make_room()
        with network.Network():
            return measure_deferred(session, count, healthy, is_down)
    return run


def measure_deferred(session, count, messages, is_down):
    town = network.own_hosts(names(SITES), addresses=SITE_ADDRESSES)
    site = session.site._replace(town=[*town, LATE])
    if not is_down:
        session.bench.sink(f"{LATE.hosts[0][1]}:{network.MX_PORT}", "--expose", "--reply", FULL_REPLY)
    healthy = Healthy(session, town)
    empty, full = (session.start(peers.Smtptool, "mx", site) for _ in range(2))
    row = {"peer": "smtptool", "count": count, "empty": memory(empty)}
    row |= fill(session, full, count)
    row["full"] = memory(full)
    session.say(f"  {count} wait after {row['tried_s']:.0f} s, PSS {row['full']['pss_kib'] >> 10} MiB")
    row["idle"] = [idle_share(empty), idle_share(full)]
    for peer in (empty, full):
        healthy.round(peer, ROUND) # plans, connections
    every = {"empty": [], "full": []}
    row["rounds"] = [one_turn(healthy, empty, full, turn, every) for turn in range(-(-messages // ROUND))]
    row["whole"] = {which: whole(rounds) for which, rounds in every.items()}
    row["full_after"] = memory(full)
    return [row]


def one_turn(healthy, empty, full, turn, every):
    """What both came to; who begins changes from turn to turn."""
    got = {}
    for peer in (empty, full) if turn % 2 == 0 else (full, empty):
        cpu = peer.account.cpu_seconds()
        ms = healthy.round(peer, ROUND)
        which = "full" if peer is full else "empty"
        every[which].append(ms)
        got[which] = {
            "p50": at(ms, 500), "p90": at(ms, 900), "p99": at(ms, 990), "max": ms[-1],
            "cpu": (peer.account.cpu_seconds() - cpu) * 1000 / ROUND}
    healthy.session.say("  p99 {:.2f} ms without, {:.2f} with".format(got["empty"]["p99"], got["full"]["p99"]))
    return got


# ---- connections that are used again ---------------------------------------------------------

def reuse_once(session, server, town):
    """One run of a server that was just started: nothing is open yet."""
    first = min(int(address.rpartition(".")[2]) for domain in town for _, address in domain.hosts)
    addresses = len({address for domain in town for _, address in domain.hosts})
    certificate, key = session.site.certificates["ecdsa"]
    sink = session.bench.watched_sink(f"11.0.0.{first}:{network.MX_PORT}", "--addresses", addresses, "--expose",
                                      "--certificate", certificate, "--key", key)
    try:
        peer = session.start(server, server.reuse_mode, session.site._replace(town=town))
        cpu, start = peer.account.cpu_seconds(), time.monotonic()
        words = ["--domains", len(town)] if len(town) > 1 else ["--to", f"rcpt@{town[0].name}"]
        session.bench.send(peer, Load("mx", 50, "many", 10240), REUSE_MESSAGES, *words)
        sink.await_more(REUSE_MESSAGES, REUSE_SECONDS_MAX)
        seconds = time.monotonic() - start
        time.sleep(0.3)
        used = peer.account.cpu_seconds() - cpu
    finally:
        session.end_peers()
    took = session.bench.end_sink(sink)
    if took["handshakes"] == 0:
        raise Failed("no connection was private")
    return {"cpu": used * 1000 / REUSE_MESSAGES, "rate": REUSE_MESSAGES / seconds,
            "each": took["messages"] / took["handshakes"], "connections": took["connections"]}


def reuse(town):
    def run(session):
        if not session.site.certificates:
            raise Failed("there is no openssl program to make certificates")
        session.make_room()
        rows = {s.name: {"peer": s.name, "runs": []} for s in reusers(session)}
        with network.Network():
            for _ in range(session.pairs):
                for server in reusers(session):
                    if "not_run" not in rows[server.name]:
                        reuse_or_say(session, server, town, rows[server.name])
        return list(rows.values())
    return run


def reuse_or_say(session, server, town, row):
    try:
        row["runs"].append(reuse_once(session, server, town))
        run = row["runs"][-1]
        session.say(f"  {server.name}: {run['each']:.1f} messages a handshake, {run['cpu']:.3g} ms CPU a message, "
                    f"{run['rate']:.0f} /s")
    except Exception as why: # noqa: BLE001
        row |= {"runs": [], "not_run": reason(why)}
        session.say(f"  {server.name}: not run: {reason(why)}")
        session.bench.end()


def reusers(session):
    """Those that can send to MX hosts here; and Postfix as its makers advise who sends much."""
    return [kind for s in session.servers for kind in (s, *s.also_reusing) if kind.reuse_mode]


# ---- which -----------------------------------------------------------------------------------

def cells():
    """(name, kind, title, in the core table, what to do)"""
    yield "reuse-1", "reuse", "one site", True, reuse(network.own_hosts(names(1)))
    yield "reuse-20", "reuse", "twenty sites", True, reuse(network.own_hosts(names(20)))
    yield "reuse-shared", "reuse", "1,000 domains, the same two MX hosts", True, reuse(network.shared_hosts(names(1000)))
    for count, healthy in ((20000, 20000), (1000000, 100000)):
        yield (f"deferred-{count}", "deferred", f"beside {count:,} that were tried and put off", False,
               deferred(count, healthy, False))
        yield (f"down-{count}", "deferred", f"beside {count:,} for a site that is down", False,
               deferred(count, healthy, True))
