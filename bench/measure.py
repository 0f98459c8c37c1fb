"""What a measurement is made of: processes whose CPU time is counted, load, and figures.

Everything that is started is started here, so everything can be ended here: by process id, and
only what was started.
"""
import json
import os
import re
import resource
import select
import signal
import socket
import statistics
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
WATCH_EVERY = 10    # messages
DESCRIPTORS = 65536 # both ends of the most connections that a cell opens, with room


class Failed(Exception):
    """A measurement could not be made; the text says which and why."""


def reason(why):
    """Of whatever went wrong with one peer: hours of others must not be lost for it."""
    return str(why) if isinstance(why, Failed) else f"{type(why).__name__}: {why}"


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def raise_descriptors():
    """For this process and all that it starts: as many as root may give, else as there are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, DESCRIPTORS),) * 2)
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# ---- who uses how much -----------------------------------------------------------------------

def cgroup_root():
    """(folder, kind) of the hierarchy that counts CPU time: "cgroup v2", "cgroup v1" or "/proc"."""
    first = None
    for line in read("/proc/mounts").splitlines():
        _, where, kind, options = line.split()[:4]
        if kind == "cgroup2" and os.access(where, os.W_OK) and "usage_usec" in read(f"{where}/cpu.stat"):
            return where, "cgroup v2"
        if kind == "cgroup" and "cpuacct" in options.split(",") and os.access(where, os.W_OK):
            first = first or where
    return (first, "cgroup v1") if first else (None, "/proc")


class Account:
    """The processes of one peer: a control group, or else a process and all that came from it."""

    def __init__(self, name):
        self.name, self.root, self.group = name, None, None
        top, self.kind = cgroup_root()
        if top:
            path = os.path.join(top, f"smtptool-bench-{os.getpid()}-{name}")
            try:
                os.makedirs(path, exist_ok=True)
                self.group = path
            except OSError:
                self.kind = "/proc"

    def start(self, command, **options):
        group = self.group

        def enter():
            if group:
                with open(os.path.join(group, "cgroup.procs"), "w") as file:
                    file.write(str(os.getpid()))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=enter, **options)
        self.root = self.root or process
        return process

    def pids(self):
        if self.group:
            return [int(p) for p in read(os.path.join(self.group, "cgroup.procs")).split()]
        return descendants(self.root.pid) if self.root else []

    def cpu_seconds(self):
        """Used so far by all of them, by those that have ended as well."""
        if self.group and self.kind == "cgroup v2":
            return int(re.search(r"^usage_usec (\d+)", read(f"{self.group}/cpu.stat"), re.M)[1]) / 1e6
        if self.group:
            return int(read(f"{self.group}/cpuacct.usage")) / 1e9
        fields = [read(f"/proc/{pid}/stat").rpartition(")")[2].split() for pid in self.pids()]
        return sum(sum(int(x) for x in f[11:15]) for f in fields if f) / TICKS

    def pss_kib(self):
        return self.memory_kib("smaps_rollup", "Pss")

    def rss_kib(self):
        """Counts what processes share as often as they share it."""
        return self.memory_kib("status", "VmRSS")

    def memory_kib(self, name, field):
        total = 0
        for pid in self.pids():
            found = re.search(rf"^{field}:\s+(\d+)", read(f"/proc/{pid}/{name}"), re.M)
            total += int(found[1]) if found else 0
        return total

    def end(self):
        """SIGTERM to what was started, then, by their ids, to what is left of it."""
        known = self.pids()
        if self.root and self.root.poll() is None:
            self.root.terminate()
            wait_until(lambda: self.root.poll() is not None, 30)
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = self.pids() if self.group else [p for p in known if os.path.exists(f"/proc/{p}")]
            for pid in left:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            if left:
                wait_until(lambda: not self.pids(), 5)
        if self.root:
            self.root.poll()
        if self.group:
            wait_until(self.remove_group, 3)
        self.root = None

    def remove_group(self):
        try:
            os.rmdir(self.group)
            self.group = None
        except OSError:
            return False
        return True


def descendants(root):
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if fields:
            children.setdefault(int(fields[1]), []).append(int(pid))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children.get(pid, [])
    return found


# ---- waiting ---------------------------------------------------------------------------------

def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
            greeting = s.recv(3)
            s.sendall(b"QUIT\r\n")
            return greeting == b"220"
    except OSError:
        return False


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- load ------------------------------------------------------------------------------------

class Watch:
    """How many messages a sink has, in steps of WATCH_EVERY.

    The sink goes on: what keeps a connection to it for the next message must not find it gone."""

    def __init__(self, process):
        self.process, self.taken, self.wanted, self.last = process, 0, 0, {}
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            with self.news:
                self.last = said
                self.taken = max(self.taken, said.get("messages", 0))
                self.news.notify_all()

    def await_more(self, count, seconds):
        """Until it has count more than it was last waited for."""
        before, self.wanted = self.wanted, self.wanted + count
        with self.news:
            if not self.news.wait_for(lambda: self.taken >= self.wanted, seconds):
                raise Failed(f"{self.taken - before} of {count} messages had arrived after {seconds:.0f} s")

    def end(self):
        """End the sink; what it counted."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.reader.join(20)
        return self.last


class Bench:
    """smtptool bench, as generator, sink and holder of connections."""

    def __init__(self, program):
        self.program, self.running = program, []

    def start(self, *words):
        command = [self.program, "bench", *[str(w) for w in words], "--json"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.running.append(process)
        return process

    def result(self, process, seconds, quiet=False):
        """The last line that it says, as an object. quiet: also when not all went well."""
        try:
            out, error = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f"bench {process.args[2]} was not done in {seconds:.0f} s") from None
        finally:
            self.running.remove(process)
        lines = out.strip().splitlines()
        if not lines or (process.returncode != 0 and not quiet):
            raise Failed(f"bench {process.args[2]}: {(error or ' '.join(lines)).strip()[-300:]}")
        return json.loads(lines[-1])

    def stop(self, process, seconds=20):
        """End what runs until it is told to; what it counted."""
        process.send_signal(signal.SIGINT)
        return self.result(process, seconds, quiet=True)

    def await_line(self, process, seconds):
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else ""
        if not line:
            raise Failed(f"bench {process.args[2]} did not become ready: "
                         f"{process.stderr.read() if process.poll() is not None else 'no word'}")
        return json.loads(line)

    def watched_sink(self, address, *words):
        """One that says again and again how many messages it has."""
        return Watch(self.sink(address, "--every", WATCH_EVERY, *words))

    def sink(self, address, *words):
        sink = self.start("sink", "--listen", address, *words)
        self.await_line(sink, 10)
        return sink

    def send(self, peer, load, messages, *words, seconds=90, patience=20, lost_max=0):
        """load: connections, per_connection, size, tls. patience: seconds for each reply.
        lost_max: so many connections may get no answer."""
        command = ["send", "--server", f"smtp://127.0.0.1:{peer.port}", "--size", f"{load.size}B",
                   "--connections", load.connections, "--messages", messages,
                   "--per-connection", load.per_connection, "--timeout", f"{patience}s", *words]
        if load.tls:
            command.append("--tls")
        if peer.stagger and load.connections > 1:
            command += ["--stagger", peer.stagger]
        process = self.start(*command)
        sent = self.result(process, seconds, quiet=True)
        if process.returncode != 0 and (sent["refused"] or sent["lost"] > lost_max or not sent["messages"]):
            raise Failed(explain(sent))
        return sent

    def end_sink(self, watch):
        self.running.remove(watch.process)
        return watch.end()

    def end(self):
        for process in self.running:
            process.kill()
            process.wait()
        self.running = []


def explain(sent):
    """What went wrong, as short as it can be said."""
    faults = [f"{f['count']} x {f['stage']} {f['code'] or ''} {f['text']}" for f in sent["errors"][:2]]
    return (f"{sent['messages']} messages were taken, {sent['refused']} refused, {sent['lost']} lost: "
            + "; ".join(faults))


# ---- figures ---------------------------------------------------------------------------------

class Figure:
    """Median, lowest, highest of some runs."""

    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values)

    def text(self, form="{:.3g}"):
        low, high = form.format(min(self.values)), form.format(max(self.values))
        middle = form.format(self.median)
        return middle if low == high else f"{middle} ({low}–{high})"


def machine():
    model = re.search(r"^model name\s*:\s*(.*)", read("/proc/cpuinfo"), re.M)
    memory = int(re.search(r"^MemTotal:\s+(\d+)", read("/proc/meminfo"), re.M)[1]) // (1 << 20)
    return (f"{os.cpu_count()} × {model[1] if model else os.uname().machine}, "
            f"{memory} GiB, Linux {os.uname().release.split('-')[0]}")


def available_kib():
    return int(re.search(r"^MemAvailable:\s+(\d+)", read("/proc/meminfo"), re.M)[1])


def file_system(path):
    path, best = os.path.realpath(path), ("", "?")
    for line in read("/proc/mounts").splitlines():
        _, where, kind = line.split()[:3]
        inside = path == where or path.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best[0]):
            best = (where, kind)
    return best[1]
