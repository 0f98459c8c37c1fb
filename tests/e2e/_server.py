"""Our own server in a temporary folder, on free loopback ports.

    server = Server(routes=[route("*", sink.port)])
    server.add_user("tester", "secret")
    server.start()
    Client(server.submission) ...

Ports: server.relay (no TLS), .submission (STARTTLS required), .tls (implicit), .mx.
Peers (Postfix, Dovecot) stand in _peers.py, the byte client and the byte sink in _smtp.py.
"""
import json
import os
import signal
import subprocess
import sys
import time

from _check import SMTPTOOL, at_end, folder, free_port, port_answers, port_speaks, tool, until, wait_gone, write

STOP_SECONDS_MAX = 40
START_SECONDS_MAX = 20
LIMITS = {"per_address": 1000, "connect_rate_per_minute": 1000000,
          "messages_per_connection": 0, "commands_per_message": 100}


def route(to, port, name=None, scheme="smtp", query="?tls=none"):
    r = {"to": to, "via": [f"{scheme}://127.0.0.1:{port}{query}"]}
    return {**r, "name": name} if name else r


def make_certificate(where, days=60):
    """A self-made one for localhost and 127.0.0.1; returns its path and the key's."""
    certificate, key = os.path.join(where, "tls.crt"), os.path.join(where, "tls.key")
    subprocess.run(
        [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", str(days), "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    return certificate, key


class Server:
    """Keyword arguments become keys of the configuration; a dictionary joins the default's."""

    def __init__(self, **config):
        self.folder = folder()
        self.state = os.path.join(self.folder, "state")
        self.file = os.path.join(self.folder, "smtptool.yaml")
        self.events_file = os.path.join(self.state, "events", "events.jsonl") # the default
        self.stderr_file = os.path.join(self.folder, "stderr.txt")
        self.certificate, key = make_certificate(self.folder)
        self.relay, self.submission, self.tls, self.mx = (free_port() for _ in range(4))
        self.process = None
        self.zone = None # a file that answers DNS questions
        self.shown = False
        os.mkdir(self.state, 0o700)
        self.config = {
            "hostname": "mail.test",
            "state": self.state,
            "workers": 2,
            "tls": {"certificate": self.certificate, "key": key},
            "listeners": [
                {"address": f"127.0.0.1:{self.relay}", "role": "relay"},
                {"address": f"127.0.0.1:{self.submission}", "role": "submission"},
                {"address": f"127.0.0.1:{self.tls}", "role": "submission", "tls": "implicit"},
                {"address": f"127.0.0.1:{self.mx}", "role": "mx"},
            ],
            "limits": dict(LIMITS),
            "dns": {"servers": ["127.0.0.1"], "validate": "no", "timeout": "1s"},
            "outbound": {"port_25_test": False}, # a test asks nobody in the world
        }
        for name, value in config.items():
            if isinstance(value, dict) and isinstance(self.config.get(name), dict):
                self.config[name].update(value)
            else:
                self.config[name] = value
        self.save()
        at_end(self.kill)

    def save(self):
        """JSON is YAML, and the standard library writes it."""
        write(self.file, json.dumps(self.config, indent=2) + "\n")

    def tool(self, *args, **more):
        return subprocess.run([SMTPTOOL, "-C", self.file, *args], capture_output=True, timeout=60,
                              **more)

    def add_user(self, name, password, senders="*"):
        secret = write(os.path.join(self.folder, "password"), password + "\n", 0o600)
        done = self.tool("user", "add", name, "--senders", senders, "--password-file", secret)
        if done.returncode != 0:
            raise RuntimeError(f"user add: {done.stderr.decode()}")

    # ---- its life

    def ports(self):
        return [int(l["address"].rsplit(":", 1)[1]) for l in self.config["listeners"]
                if not l["address"].startswith("unix:")]

    def start(self, wrapper=()):
        """wrapper: a command that runs ours, such as strace."""
        with open(self.stderr_file, "ab") as out:
            zone = ["--dns-zone", self.zone] if self.zone else []
            self.process = subprocess.Popen([*wrapper, SMTPTOOL, "-C", self.file, "serve", *zone],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        ready = until(START_SECONDS_MAX, lambda: self.process.poll() is not None or
                      all(port_answers(p) for p in self.ports()) and port_speaks(self.ports()[0]))
        if not ready or self.process.poll() is not None:
            self.show()
            raise RuntimeError(f"the server did not start (exit {self.process.poll()})")
        return self

    def children(self):
        """Every process below ours."""
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            for task in (os.listdir(f"/proc/{pid}/task") if os.path.exists(f"/proc/{pid}") else ()):
                try:
                    with open(f"/proc/{pid}/task/{task}/children") as f:
                        below = [int(p) for p in f.read().split()]
                except OSError:
                    continue
                found += below
                waiting += below
        return found

    def stop(self, sig=signal.SIGTERM, seconds=STOP_SECONDS_MAX):
        """End it; returns the exit status. A server that stays is shown, killed and an error."""
        if self.process is None:
            return None
        below = self.children()
        self.process.send_signal(sig)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.show()
            self.kill()
            raise RuntimeError(f"not ended {seconds} s after signal {sig}") from None
        self.process = None
        for pid in below:
            if not wait_gone(pid, 5):
                os.kill(pid, signal.SIGKILL)
                raise RuntimeError("a child outlived the server")
        return status

    def kill(self):
        """kill -9, the whole of it: a power cut for one program."""
        if self.process is None:
            return
        below = self.children()
        for pid in (*below, self.process.pid):  # children first: an orphan would stop politely
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None
        for pid in below:
            wait_gone(pid, 5)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    # ---- what it says

    def stderr(self):
        try:
            with open(self.stderr_file, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def events(self, kind=None):
        """Its event lines as dictionaries; a last line still being written is left out."""
        try:
            with open(self.events_file, errors="replace") as f:
                lines = f.read().split("\n")[:-1]
        except FileNotFoundError:
            return []
        events = [json.loads(line) for line in lines if line]
        return [e for e in events if kind in (None, e.get("event"))]

    def show(self):
        """Its last words, for a test that failed."""
        if not self.shown:
            print("---- the server's stderr", file=sys.stderr)
            print(self.stderr()[-4000:], file=sys.stderr, flush=True)
        self.shown = True


def retry_soon():
    """For tests that look at second attempts."""
    return {"first": "1s", "factor": 1, "longest": "2s",
            "classes": {"greylist": ["1s"], "rate": ["1s"], "mailbox_full": ["1s"], "blocked": ["1s"]}}


def timed(seconds):
    """A claim for loops: `while more():`."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end
