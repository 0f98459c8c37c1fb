"""A mailing that is killed again and again, and goes on: to a sink that tells recipients apart.

    sink = Counting(program)
    result = killed_mailing(program, folder, sink, 5000, kills=5, seed=1)
    counted = sink.end() # {"messages": …, "repeated": …, "distinct": …}
"""
import json
import os
import random
import signal
import subprocess
import threading
import time

FIRST_MAILS = 20 # a kill comes behind at least so many more
SECONDS_MAX = 4 * 3600


class Counting:
    """`smtptool bench sink --once`, a process of its own."""

    def __init__(self, program, every=10):
        self.process = subprocess.Popen([program, "bench", "sink", "--listen", "127.0.0.1:0", "--once", "--json", "--every", str(every)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.port = int(json.loads(self.process.stdout.readline())["address"].rsplit(":", 1)[1])
        self.taken, self.told = 0, {}
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            if told["event"] == "taken":
                self.taken = told["messages"]
            elif told["event"] == "sink":
                self.told = told

    def count(self):
        return self.taken

    def end(self):
        """What it took; accepts that it has been asked before."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.reader.join(60)
        return self.told


def make_list(folder, count):
    path = os.path.join(folder, f"list-{count}.csv")
    with open(path, "w") as file:
        file.write("email,name\n")
        file.writelines(f"user{i}@d{i % 997}.test,Name {i}\n" for i in range(count))
    return path


def high_water(pid):
    """The most memory so far, KiB."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


class Mailing:
    """One job; each run() goes on where the last one ended."""

    def __init__(self, program, folder, server, count, more=()):
        self.job = os.path.join(folder, f"job-{time.monotonic_ns()}.bulk")
        self.command = [program, "bulk", "run", "--json", "--campaign", "killed", "--job", self.job, "--list", make_list(folder, count),
                        "--from", "News <news@source.test>", "--to", "{{name}} <{{email}}>", "--subject", "Hello {{name}}", "--text",
                        "Dear {{name}},\n" + "this is a line of a newsletter as it is often seen.\n" * 18, "--server", server, *more]
        self.memory = 0

    def start(self):
        return subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kill_at(self, count, wanted):
        """Start it, and kill it when count() has come so far. False: it ended before."""
        process = self.start()
        end = time.monotonic() + SECONDS_MAX
        while count() < wanted and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        alive = process.poll() is None
        self.memory = max(self.memory, high_water(process.pid))
        process.kill()
        process.communicate()
        return alive

    def finish(self):
        """To its end: exit code, the summary, all that was said."""
        process = self.start()
        while process.poll() is None and process.stdout.readable():
            self.memory = max(self.memory, high_water(process.pid))
            time.sleep(0.02)
        out, err = process.communicate(timeout=60)
        try:
            said = json.loads(out)
        except ValueError:
            said = {}
        return process.returncode, said, (out + err).decode(errors="replace")


def moments(count, kills, seed):
    """Random ones, in order, in the first nine tenths."""
    draw = random.Random(seed)
    return sorted(draw.randint(FIRST_MAILS, count * 9 // 10) for _ in range(kills))


def killed_mailing(program, folder, sink, count, kills=5, seed=None, more=()):
    """To a Counting sink: killed at random moments, then to its end."""
    start, killed = time.monotonic(), 0
    mailing = Mailing(program, folder, f"smtp://127.0.0.1:{sink.port}?tls=none", count, more)
    for moment in moments(count, kills, seed):
        killed += mailing.kill_at(sink.count, max(moment, sink.count() + FIRST_MAILS))
    code, said, text = mailing.finish()
    return {"killed": killed, "code": code, "said": said, "text": text, "memory_kib": mailing.memory,
            "seconds": time.monotonic() - start}
