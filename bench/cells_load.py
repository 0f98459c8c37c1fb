"""Cells under load: accepting, relaying, TLS. Peers take turns, message after message."""
import time

import peers
from measure import WATCH_EVERY, Failed, Figure, free_port, reason
from peer_opensmtpd import OpenSmtpdSync
from session import Load

RUN_SECONDS = 1.0      # how long a measured run is to take
MESSAGES_MAX = 30000   # and what it may store
BYTES_MAX = 200 << 20
MESSAGES_MIN = 60      # to begin with
MESSAGES_SLOW = 20     # of whoever takes less in a second
LOST_MAX = 0.05        # of the messages: connections that a short listen queue swallowed
SETTLE_SECONDS = 0.3   # what a server does behind its last reply is counted, too
RELAY_SECONDS_MAX = 30 # until the sink has everything


def start_sink(session, mode, port):
    """Where relayed mail goes; None when nothing is relayed."""
    if mode in ("relay", "signed"):
        return session.bench.watched_sink(f"127.0.0.1:{port}")
    if mode == "relay20":
        return session.bench.watched_sink(f"{peers.next_hop(1)}:{port}", "--addresses", peers.DOMAINS)
    return None


def run_once(session, peer, load, messages):
    """Send so many; in a relay mode until the sink has them all. (seconds, figures)"""
    words = ["--domains", peers.DOMAINS] if load.mode == "relay20" else []
    lost_max = 0 if peer.sink else int(messages * LOST_MAX)
    cpu, start = peer.account.cpu_seconds(), time.monotonic()
    sent = session.bench.send(peer, load, messages, *words, lost_max=lost_max)
    seconds, lost, messages = sent["seconds"], messages - sent["messages"], sent["messages"]
    if peer.sink:
        peer.sink.await_more(messages, RELAY_SECONDS_MAX)
        seconds = time.monotonic() - start
    time.sleep(SETTLE_SECONDS)
    used = peer.account.cpu_seconds() - cpu
    return seconds, {"cpu": used * 1000 / messages, "rate": messages / seconds,
                     "p50": sent["latency_ms"]["p50"], "p99": sent["latency_ms"]["p99"],
                     "load_cpu": sent["own_cpu_seconds"] * 1000 / messages, "lost": lost}


def rounded(count):
    """Up, so that every domain gets as many and the sink can tell when it has them."""
    step = max(peers.DOMAINS, WATCH_EVERY)
    return -(-count // step) * step


def find_count(session, peer, load):
    """Warm up: double and more, until a run takes as long as it should."""
    floor = rounded(max(MESSAGES_MIN, load.connections))
    most = max(floor, rounded(min(MESSAGES_MAX, BYTES_MAX // load.size)))
    count = floor
    for _ in range(6):
        seconds, _ = run_once(session, peer, load, count)
        if seconds >= 0.6 * RUN_SECONDS or count >= most:
            break
        count = min(most, rounded(max(count * 2, min(count * 20, int(count * RUN_SECONDS / seconds)))))
    return min(most, rounded(max(MESSAGES_SLOW, load.connections, int(count * RUN_SECONDS / seconds))))


class Turns:
    """The peers of one cell: who fails is left out from then on."""

    def __init__(self, session, load):
        self.session, self.load = session, load
        self.running, self.rows = [], {}

    def attempt(self, name, action, *arguments):
        try:
            return action(*arguments)
        except Exception as why: # noqa: BLE001
            self.rows[name] = {"peer": name, "not_run": reason(why)}
            self.running = [entry for entry in self.running if entry[0].name != name]
            self.session.say(f"  {name}: not run: {reason(why)}")
            return None

    def begin(self, server, site):
        self.rows[server.name] = {"peer": server.name, "runs": []}
        port = free_port() # of its own next hop
        sink = start_sink(self.session, self.load.mode, port)
        peer = self.attempt(server.name, self.session.start, server, self.load.mode,
                            (site or self.session.site)._replace(sink_port=port))
        if peer:
            peer.sink = sink
        count = peer and self.attempt(server.name, find_count, self.session, peer, self.load)
        if count:
            self.running.append((peer, count))

    def take(self):
        for peer, count in list(self.running):
            done = self.attempt(peer.name, run_once, self.session, peer, self.load, count)
            if done:
                self.rows[peer.name]["runs"].append(done[1])

    def tell(self):
        for name, row in self.rows.items():
            if row.get("runs"):
                self.session.say(f"  {name}: {Figure(r['cpu'] for r in row['runs']).text()} ms CPU a message, "
                                 f"{Figure(r['rate'] for r in row['runs']).text('{:.0f}')} /s")


def measure_load(session, load, site=None):
    """Rows of all that can take part; interleaved, so that a bad moment hits all of them."""
    if load.tls and not session.site.certificates:
        raise Failed("there is no openssl program to make certificates")
    session.make_room()
    turns = Turns(session, load)
    others = [] if load.mode.startswith("relay") or load.mode == "signed" or load.tls else [peers.Sink]
    try:
        for server in session.servers + others:
            if load.mode == "signed" and not server.signs:
                continue
            if server is not OpenSmtpdSync or (takes_part(session, load) and site is None):
                turns.begin(server, site)
        for _ in range(session.pairs):
            turns.take()
    finally:
        session.bench.end()
        session.end_peers()
    turns.tell()
    return list(turns.rows.values())


def takes_part(session, load):
    """OpenSMTPD on synchronous files: where it shows what durability costs it."""
    return not load.tls and load.mode != "signed" and (session.full or (load.size == 10240 and load.per_connection == "many"
                                              and load.mode == "hold"))


def measure_in_memory(session, load):
    site = session.in_memory()
    if site is None:
        raise Failed("there is no tmpfs on /dev/shm")
    try:
        return measure_load(session, load, site)
    finally:
        session.forget_memory()


# ---- which -----------------------------------------------------------------------------------

SIZES = {"1k": 1024, "10k": 10240, "100k": 102400}


def plural(connections):
    return "1 connection" if connections == 1 else f"{connections} connections"


def accept_cells():
    for size, octets in SIZES.items():
        for many in ("many", "one"):
            for connections in (1, 10, 50, 200):
                core = size == "10k" and connections != 10 or (connections == 50 and many == "many")
                title = f"{size[:-1]} KB, {plural(connections)}, {many} each"
                yield (f"accept-{size}-{connections}-{many}", "accept", title, core,
                       lambda s, load=Load("hold", connections, many, octets): measure_load(s, load))


def relay_cells():
    for mode, where in (("relay", "one destination"), ("relay20", "twenty domains")):
        for connections in (1, 50):
            core = connections == 50 or mode == "relay"
            yield (f"{mode}-{connections}", "relay", f"{where}, {plural(connections)}", core,
                   lambda s, load=Load(mode, connections, "many", 10240): measure_load(s, load))


def cells():
    """(name, kind, title, in the core table, what to do)"""
    yield from accept_cells()
    yield from relay_cells()
    for mode, title in (("rsa", "RSA-2048"), ("ecdsa", "P-256")):
        yield (f"tls-{mode}", "tls", f"STARTTLS, {title}, 50 connections, one message each", True,
               lambda s, load=Load(mode, 50, "one", 10240, True): measure_load(s, load))
    for many in ("many", "one"):
        yield (f"tmpfs-50-{many}", "tmpfs", f"10 KB, 50 connections, {many} each, queue in memory",
               many == "many", lambda s, load=Load("hold", 50, many, 10240): measure_in_memory(s, load))
