"""What every script shares: counting checks, temporary folders, processes that surely end.

    report = Report()
    report.check("attack 61: plain relay", code == 554, f"got {code}")
    report.skip("Dovecot", "it is not installed")
    sys.exit(report.finish())
"""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SMTPTOOL = os.environ.get("SMTPTOOL") or os.path.join(PROJECT, "build", "smtptool")
DETAIL_CHARS_MAX = 2000

# What commands remember is not to lie in the home of whoever runs the tests.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="smtptool-e2e-home-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)


class Report:
    """Counts checks; the last line is what tools/test reads."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()
        self.on_fail = []  # called once, at the end, when something failed

    def check(self, name, good, detail=""):
        with self.lock:
            if good:
                self.passed += 1
            else:
                self.failed += 1
                print(f"FAILED {name}: {str(detail)[:DETAIL_CHARS_MAX]}", flush=True)
        return bool(good)

    def equal(self, name, got, want):
        return self.check(name, got == want, f"got {got!r}, want {want!r}")

    def skip(self, what, why):
        self.skipped += 1
        print(f"skipped {what}: {why}", flush=True)

    def finish(self):
        if self.failed:
            for show in self.on_fail:
                show()
        end_everything()
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0


def skip_all(what, why):
    """A script that cannot run at all."""
    print(f"skipped {what}: {why}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def need_program():
    if not os.access(SMTPTOOL, os.X_OK):
        skip_all(os.path.basename(sys.argv[0]), f"there is no {SMTPTOOL}")
    done = subprocess.run([SMTPTOOL, "serve", "--help"], capture_output=True)
    if done.returncode != 0:
        skip_all(os.path.basename(sys.argv[0]), "this smtptool has no `serve`")


def suite(name):
    """A folder of public test data beside the project, or None."""
    root = os.environ.get("SMTPTOOL_SUITES") or os.path.join(PROJECT, "..", "shared", "suites")
    path = os.path.join(root, name)
    return path if os.path.isdir(path) else None


def tool(name):
    """The path of an installed program, or None. Daemons live in sbin."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


# ---- what must be gone at the end ----------------------------------------------------------

_closers, _folders = [], []


def at_end(close):
    _closers.append(close)


def end_everything():
    while _closers:
        try:
            _closers.pop()()
        except Exception as e:  # pylint: disable=broad-except
            print(f"while ending: {e}", file=sys.stderr)
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


atexit.register(end_everything)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def folder(mode=0o755):
    """A temporary folder. 0755: daemons of other users must find their way in."""
    path = tempfile.mkdtemp(prefix="smtptool-e2e-")
    os.chmod(path, mode)
    _folders.append(path)
    return path


def write(path, content, mode=0o644):
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)
    return path


_ports_given = set()


def free_port():
    """A loopback port nobody listens on, below the range that outgoing connections use."""
    base = 10000 + (os.getpid() * 61) % 20000
    for port in range(base, base + 2000):
        if port in _ports_given:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports_given.add(port)
        return port
    raise RuntimeError("no free port")


def until(seconds, true):
    """Wait for true() to hold; returns its last value."""
    end = time.monotonic() + seconds
    while True:
        value = true()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def port_answers(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def port_speaks(port):
    """Somebody greets there; that it is bound does not mean that anybody listens to you yet."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            return s.recv(1) != b""
    except OSError:
        return False


def wait_gone(pid, seconds):
    """True once there is no process pid any more (a zombie counts as gone)."""
    def gone():
        try:
            with open(f"/proc/{pid}/stat") as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True
    return until(seconds, gone)
