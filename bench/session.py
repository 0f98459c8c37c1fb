"""One whole run of the benchmark: its folder, the peers that are here, what was found out on the way."""
import collections
import os
import shutil
import tempfile
import time

import measure
import peers
from measure import Failed, reason
from peer_exim import Exim
from peer_haraka import Haraka
from peer_opensmtpd import OpenSmtpd, OpenSmtpdSync
from peer_postfix import Postfix

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVERS = (peers.Smtptool, peers.SmtptoolBefore, Postfix, Exim, OpenSmtpd, OpenSmtpdSync, Haraka)
LOAD_QUIET = 0.5     # the load average of a machine that has nothing else to do
FREE_BYTES_MIN = 15 << 30
SETTLE_SECONDS = 30  # behind a deletion, which makes the syncs that follow slow on some disks
TMPFS = "/dev/shm"

# What is sent: in which mode of the peer, over how many connections, …
Load = collections.namedtuple("Load", "mode connections per_connection size tls", defaults=(False,))


class Session:
    def __init__(self, program, full, pairs, say):
        self.program, self.full, self.pairs, self.say = program, full, pairs, say
        self.base = tempfile.mkdtemp(prefix="smtptool-bench-", dir=os.environ.get("BENCH_DIR", "/var/tmp"))
        os.chmod(self.base, 0o755) # servers change their user
        self.memory_base = None
        self.bench = measure.Bench(program)
        self.site = peers.Site(self.base, measure.free_port(), measure.free_port(),
                               peers.make_certificates(self.base), program)
        self.started, self.aside, self.notes = [], [], []
        self.servers = []
        wanted = os.environ.get("BENCH_PEERS", "").split()
        for server in SERVERS:
            why = server.missing() if server.name in wanted or not wanted else "it was not asked for"
            if why is None:
                self.servers.append(server)
            elif server not in (OpenSmtpdSync, peers.SmtptoolBefore):
                self.notes.append(f"{server.name} was not measured: {why}.")
        if os.getloadavg()[0] > LOAD_QUIET:
            self.notes.append(f"The machine had other work (load average {os.getloadavg()[0]:.1f} before "
                              "the run): the lowest figures for CPU are the better guide.")

    def start(self, server, mode, site=None):
        started = server(site or self.site, mode)
        self.started.append(started)
        return started

    def end_peers(self):
        while self.started:
            peer = self.started.pop()
            self.aside.append(peer.folder)
            try:
                peer.end()
            except Exception as why: # noqa: BLE001
                self.say(f"  {peer.name}: end: {reason(why)}")

    def one_by_one(self, servers, measure_one):
        """A row for each; who cannot do it says why, and the others go on."""
        rows = []
        for server in servers:
            try:
                rows.append({"peer": server.name, **measure_one(server)})
            except Exception as why: # noqa: BLE001
                rows.append({"peer": server.name, "not_run": reason(why)})
            self.bench.end()
            self.end_peers()
            self.say(f"  {server.name}: {rows[-1].get('not_run') or 'done'}")
        return rows

    def in_memory(self):
        """A site whose files are in memory; None: there is no tmpfs."""
        if measure.file_system(TMPFS) != "tmpfs":
            return None
        self.memory_base = tempfile.mkdtemp(prefix="smtptool-bench-", dir=TMPFS)
        os.chmod(self.memory_base, 0o755)
        return self.site._replace(base=self.memory_base)

    def forget_memory(self):
        if self.memory_base:
            shutil.rmtree(self.memory_base, ignore_errors=True)
        self.memory_base = None

    def make_room(self):
        """Queues of earlier cells stay where they are, unless the disk gets full."""
        if shutil.disk_usage(self.base).free > FREE_BYTES_MIN:
            return
        self.say("the disk gets full: deleting the queues of earlier cells …")
        for folder in self.aside:
            shutil.rmtree(folder, ignore_errors=True)
        self.aside = []
        os.sync()
        time.sleep(SETTLE_SECONDS)
        if shutil.disk_usage(self.base).free < FREE_BYTES_MIN:
            raise Failed(f"less than {FREE_BYTES_MIN >> 30} GiB are free in {self.base}")

    def close(self):
        self.bench.end()
        self.end_peers()
        self.forget_memory()
        shutil.rmtree(self.base, ignore_errors=True)
