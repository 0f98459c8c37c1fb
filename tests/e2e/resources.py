"""What is scarce: connections, descriptors, memory, a log that nobody reads (attacks 85, 94-96, 148).

Each is scaled down. What is judged are counts and the order of things, not the speed of the machine;
the few times there are stand an order of magnitude above what is usual.
"""
import fcntl
import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from _check import SMTPTOOL, Report, need_program, port_speaks, until
from _server import Server, retry_soon, route
from _smtp import Client, Closed, Sink, client_tls, wait_quiet

SLOW = 300           # connections that say a byte now and then
MAILS = 60           # with a blocked log: their events are several pipes full
FILES_MAX = 80       # descriptors of the whole process
CPU_PER_SECOND = 0.5 # of a server that has nothing to do but to refuse


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def main_process(server):
    """The one that talks to strangers: the keeper's child, or the only one there is."""
    return (server.children() or [server.process.pid])[0]


def mail(port, sender="a@sink.test"):
    with Client(port, seconds=20) as c:
        c.ehlo()
        return c.message(sender, "x@sink.test", b"From: a@sink.test\r\n\r\nhi\r\n").code


def closed_with(sock, seconds):
    """What was said until the server closed, or None while it does not."""
    sock.settimeout(seconds)
    said = b""
    try:
        while True:
            more = sock.recv(4096)
            if not more:
                return said
            said += more
    except socket.timeout:
        return None
    except OSError:
        return said


# ---- slow clients -----------------------------------------------------------------------------

def slow_clients(report):
    """Attack 85: hundreds of sessions at a byte a second hold up nobody and end at their deadline."""
    sink = Sink()
    server = Server(routes=[route("*", sink.port)], timeouts={"server_command": "4s"}).start()
    report.on_fail.append(server.show)
    pid = main_process(server)
    mail(server.relay)
    before = resident_kib(pid)
    socks = [socket.create_connection(("127.0.0.1", server.relay), 10) for _ in range(SLOW)]
    report.check("attack 85: all are greeted",
                 all(s.recv(4096).startswith(b"220 ") for s in socks))
    begun, served = time.monotonic(), 0
    for byte in b"NOO":
        for s in socks:
            try:
                s.send(bytes([byte]))
            except OSError:
                pass
        served += mail(server.relay) == 250
        time.sleep(0.8)
    report.equal("attack 85: others are served meanwhile", served, 3)
    per_connection = (resident_kib(pid) - before) / SLOW
    report.check("attack 85: at most 32 KiB for each", per_connection <= 32, per_connection)
    said = [closed_with(s, 15) for s in socks]
    report.check("attack 85: a byte now and then does not move the deadline",
                 all(w is not None and w.startswith(b"421 4.4.2") for w in said), said[:3])
    report.check("attack 85: they are ended", time.monotonic() - begun < 20,
                 time.monotonic() - begun)
    report.equal("attack 85: SIGTERM", server.stop(), 0)
    sink.stop()


# ---- TLS ----------------------------------------------------------------------------------------

def client_hello(context):
    """The bytes of a first flight."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context.wrap_bio(into, out, server_hostname="localhost")
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def byte_by_byte(port, context):
    """A handshake and an EHLO of which each byte is a packet of its own; one byte a record after."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context.wrap_bio(into, out, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def pump(step):
            while True:
                try:
                    value, wait = step(), False
                except ssl.SSLWantReadError:
                    value, wait = None, True
                for byte in out.read():
                    s.send(bytes([byte]))
                if not wait:
                    return value
                into.write(s.recv(65536) or b"")

        pump(side.do_handshake)
        said = pump(lambda: side.read(4096))
        for byte in b"NOOP\r\n":
            pump(lambda b=byte: side.write(bytes([b])))
        return said[:4], pump(lambda: side.read(4096))[:4]


def tls_floods(report):
    """Attack 94: handshakes that stay half done, a giant ClientHello, records of one byte."""
    sink = Sink()
    server = Server(routes=[route("*", sink.port)], timeouts={"server_command": "5s"}).start()
    report.on_fail.append(server.show)
    context = client_tls(server.certificate)
    hello = client_hello(context)
    half = []
    for n in range(SLOW):
        s = socket.create_connection(("127.0.0.1", server.tls), 10)
        s.send(hello[:n % len(hello)])
        half.append(s)
    for _ in range(5):
        with Client(server.tls, tls=context) as c:
            report.equal("attack 94: a whole handshake beside half ones", c.ehlo().code, 250)
    report.equal("attack 94: and mail in clear", mail(server.relay), 250)
    ends = [closed_with(s, 20) for s in half]
    report.check("attack 94: half handshakes end at their deadline", None not in ends,
                 ends.count(None))
    with socket.create_connection(("127.0.0.1", server.tls), 10) as s:
        # One record of 16 KiB after another of a message that says that it has 16 MiB.
        body = b"\x01\xff\xff\xff" + b"\x03\x03" + b"\0" * (16384 - 6)
        try:
            for n in range(64):
                s.sendall(b"\x16\x03\x01\x40\x00" + (body if n == 0 else b"\0" * 16384))
        except OSError:
            pass
        report.check("attack 94: a ClientHello of megabytes is refused",
                     closed_with(s, 15) is not None)
    try:
        report.equal("attack 94: one byte a record", byte_by_byte(server.tls, context),
                     (b"220 ", b"250 "))
    except (OSError, ssl.SSLError) as e:
        report.check("attack 94: one byte a record", False, repr(e))
    report.check("attack 94: failures are told as events", len(server.events("tls_failed")) > 0)
    report.equal("attack 94: SIGTERM", server.stop(), 0)
    sink.stop()


# ---- descriptors --------------------------------------------------------------------------------

def few_files(report):
    """Attack 95: with no descriptor left the server waits, without a busy loop, and recovers."""
    sink = Sink()
    server = Server(routes=[route("*", sink.port)], retry=retry_soon(), workers=1).start()
    report.on_fail.append(server.show)
    pid = main_process(server)
    code = mail(server.relay)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))
    socks = [socket.create_connection(("127.0.0.1", server.relay), 10) for _ in range(FILES_MAX + 40)]
    used = cpu_seconds(pid)
    time.sleep(2)
    used = (cpu_seconds(pid) - used) / 2
    report.equal("attack 95: before", code, 250)
    report.check("attack 95: the limit is reached", "Too many open files" in server.stderr(),
                 server.stderr()[-500:])
    report.check("attack 95: no busy loop", used < CPU_PER_SECOND, f"{used:.2f} s of CPU a second")
    report.check("attack 95: the log is not flooded", server.stderr().count("pauses") <= 4,
                 server.stderr().count("pauses"))
    report.check("attack 95: it lives", server.process.poll() is None)
    within_a_session(report, socks)
    for s in socks:
        s.close()
    report.check("attack 95: then it recovers", until(20, lambda: port_speaks(server.relay)))
    # 452 for some seconds when the spool wanted a new segment meanwhile: it looks again in time
    report.check("attack 95: and takes mail",
                 until(20, lambda: mail(server.relay, "after@sink.test") == 250))
    report.check("attack 95: which arrives", until(20, lambda: any(
        m.sender == "after@sink.test" for m in sink.kept())), [m.sender for m in sink.kept()])
    report.equal("attack 95: SIGTERM", server.stop(), 0)
    sink.stop()


def within_a_session(report, socks):
    """Who is connected may speak on; a message is taken, or refused for now."""
    s = socks[0]
    s.settimeout(15)
    said = s.recv(4096)
    for words in (b"EHLO a.test\r\n", b"MAIL FROM:<full@sink.test>\r\n", b"RCPT TO:<x@sink.test>\r\n",
                  b"DATA\r\n", b"From: a@sink.test\r\n\r\n" + b"x" * 70 + b"\r\n.\r\n"):
        s.sendall(words)
        said = s.recv(4096)
        if said[:1] not in b"23":
            break
    report.check("attack 95: a session there is gets an answer: taken, or come again",
                 said[:3] in (b"250", b"421", b"451", b"452"), said)


# ---- memory -------------------------------------------------------------------------------------

def submit(port, stop, acknowledged, number):
    count = 0
    while not stop.is_set():
        try:
            with Client(port, seconds=10) as c:
                c.ehlo()
                while not stop.is_set():
                    count += 1
                    name = f"m{number}.{count}@sink.test"
                    content = b"From: a@sink.test\r\n\r\n" + b"x" * 70 + b"\r\n"
                    if c.message(name, "x@sink.test", content).code == 250:
                        acknowledged.append(name)
        except (Closed, OSError):
            time.sleep(0.05)


def no_memory(report):
    """Attack 96: without memory the server stops at once; what it had answered for is all there."""
    sink = Sink()
    server = Server(routes=[route("*", sink.port)], retry=retry_soon()).start()
    report.on_fail.append(server.show)
    stop, acknowledged = threading.Event(), []
    threads = [threading.Thread(target=submit, args=(server.relay, stop, acknowledged, n))
               for n in range(3)]
    for t in threads:
        t.start()
    until(20, lambda: len(acknowledged) > 50)
    pid = main_process(server)
    with open(f"/proc/{pid}/statm") as f:
        size = int(f.read().split()[0]) * 4096
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
    socks = []
    ended = until(20, lambda: more_connections(socks, server.relay) or
                  server.process.poll() is not None)
    if not ended: # it got along with what it had
        os.kill(pid, signal.SIGKILL)
        server.process.wait(20)
    report.check("attack 96: memory did end", "no memory" in server.stderr()
                 or "out of memory" in server.stderr() or not ended, server.stderr()[-300:])
    stop.set()
    for t in threads:
        t.join()
    for s in socks:
        s.close()
    server.process = None
    server.start()
    names = set(acknowledged)
    until(30, lambda: names <= {m.sender for m in sink.kept()})
    lost = names - {m.sender for m in wait_quiet(sink)}
    report.check(f"attack 96: nothing of {len(names)} acknowledged is lost", not lost,
                 sorted(lost)[:10])
    report.check("attack 96: the load was one", len(names) > 50, len(names))
    report.equal("attack 96: SIGTERM", server.stop(), 0)
    sink.stop()


def more_connections(socks, port):
    for _ in range(20):
        try:
            s = socket.create_connection(("127.0.0.1", port), 1)
            s.sendall(b"EHLO a.test\r\nMAIL FROM:<a@sink.test>\r\n")
            socks.append(s)
        except OSError:
            return False
    return False


# ---- a log that nobody reads --------------------------------------------------------------------

def blocked_log(report):
    """Attack 148: stderr is a pipe that nobody reads, and events go there: mail goes on."""
    sink = Sink()
    server = Server(routes=[route("*", sink.port)], events={"to": "stderr"})
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    server.process = subprocess.Popen([SMTPTOOL, "-C", server.file, "serve"],
                                      stdin=subprocess.DEVNULL, stderr=writing)
    report.check("attack 148: it starts", until(20, lambda: port_speaks(server.relay)))
    taken = 0
    for n in range(MAILS):
        with Client(server.relay, seconds=20) as c:
            c.ehlo(".".join(["h" * 60] * 3))
            taken += c.message(f"b{n}@sink.test", "x@sink.test",
                               b"From: a@sink.test\r\n\r\nhi\r\n").code == 250
    report.equal("attack 148: mail is taken with the log blocked", taken, MAILS)
    server.config["hostname"] = "mail..test"  # a broken file: a reload logs lines of the other kind
    server.save()
    for _ in range(50):
        server.reload()
        time.sleep(0.01)
    report.equal("attack 148: also after 50 refused reloads", mail(server.relay), 250)
    arrived = {m.sender for m in sink.wait(MAILS + 1, 30)}
    report.equal("attack 148: and delivered", len(arrived), MAILS + 1)
    report.check("attack 148: the pipe is full", not select.select([], [writing], [], 0)[1])
    report.equal("attack 148: SIGTERM with the log blocked", server.stop(), 0)
    os.close(writing)
    os.close(reading)
    sink.stop()


def main():
    need_program()
    report = Report()
    for part in (slow_clients, tls_floods, few_files, no_memory, blocked_log):
        try:
            part(report)
        except (Closed, OSError, RuntimeError, ValueError) as e:
            report.check(f"{part.__name__} to its end", False, repr(e))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
