"""Signals: SIGHUP with a broken file and with a good one, SIGTERM under load, two on one spool
(attacks 143, 199, 201, 213).
"""
import os
import subprocess
import sys
import threading
import time

from _check import SMTPTOOL, Report, free_port, need_program, port_answers, port_speaks, until, write
from _server import Server, make_certificate, retry_soon, route
from _smtp import Client, Closed, Sink, client_tls, wait_quiet

STOP_SECONDS_MAX = 30
BROKEN = [
    ("not YAML", "hostname: [mail.test\n"),
    ("an unknown key", "hostnam: mail.test\n"),
    ("a value of the wrong kind", "limits:\n  message: maybe\n"),
    ("a listener without a role", "listeners:\n  - address: 127.0.0.1:1\n"),
    ("no listener at all", "listeners: []\n"),
    ("a certificate that is not there", None),
]


def still_serves(server, name, report):
    with Client(server.relay) as c:
        c.ehlo()
        r = c.message("a@sink.test", "x@sink.test", b"From: a@sink.test\r\n\r\nhi\r\n")
        report.equal(f"attack 143: {name}: mail is still taken", r.code, 250)
    greeted = sum(port_speaks(server.relay) for _ in range(16))
    report.equal(f"attack 143: {name}: every connection is greeted", greeted, 16)


def broken_files(report, server):
    with open(server.file) as f:
        good = f.read()
    for number, (name, text) in enumerate(BROKEN, 1):
        if text is None:
            text = good.replace(server.certificate, "/nowhere/tls.crt")
        before = len(server.stderr())
        write(server.file, text)
        server.reload()
        said = until(5, lambda: "not reloaded" in server.stderr()[before:])
        told = server.stderr()[before:]
        report.check(f"attack 143: {name}: refused", said, told)
        if name != "a certificate that is not there":
            report.check(f"attack 143: {name}: file:line:col", server.file + ":" in told, told)
        report.check(f"attack 143: {name}: as an event",
                     until(5, lambda n=number: len(server.events("config_refused")) == n))
        still_serves(server, name, report)
        report.check(f"attack 143: {name}: the process stays", server.process.poll() is None)
    write(server.file, good)


def good_files(report, server):
    """A reload: another name, one listener more, one less, another certificate."""
    sessions = [Client(server.relay)]
    sessions[0].ehlo()
    port = free_port()
    gone = server.config["listeners"].pop(3)
    server.config["hostname"] = "other.test"
    server.config["listeners"].append({"address": f"127.0.0.1:{port}", "role": "relay"})
    certificate, key = make_certificate(server.folder)
    server.config["tls"] = {"certificate": certificate, "key": key}
    server.save()
    server.reload()
    report.check("SIGHUP: the new listener answers", until(5, lambda: port_answers(port)))
    gone_port = int(gone["address"].rsplit(":", 1)[1])
    report.check("SIGHUP: the old one is closed", until(5, lambda: not port_answers(gone_port)))
    with Client(port) as c:
        report.check("SIGHUP: the new name greets", "other.test" in c.greeting.texts[0], c.greeting)
    with Client(server.tls, tls=client_tls(certificate)) as c:
        report.equal("attack 213: the new certificate is shown", c.greeting.code, 220)
    report.check("attack 213: that the first one expires in two days is told", server.events("certificate_late"), server.events()[-3:])
    r = sessions[0].message("a@sink.test", "x@sink.test", b"From: a@sink.test\r\n\r\nhi\r\n")
    report.equal("SIGHUP: a session goes on", r.code, 250)
    sessions[0].close()


def submit(port, stop, acknowledged, refused, number):
    count = 0
    while not stop.is_set():
        try:
            with Client(port, seconds=40) as c:
                c.ehlo()
                while not stop.is_set():
                    count += 1
                    name = f"t{number}.{count}@sink.test"
                    content = b"From: " + name.encode() + b"\r\n\r\n" + b"x" * 70 + b"\r\n"
                    r = c.message(name, "x@sink.test", content)
                    (acknowledged if r.code == 250 else refused).append((time.monotonic(), name, r))
                    if r.code != 250:
                        break
        except (Closed, OSError):
            time.sleep(0.02)


def stop_under_load(report, server, sink):
    sink.clear()
    stop, acknowledged, refused = threading.Event(), [], []
    threads = [threading.Thread(target=submit, args=(server.relay, stop, acknowledged, refused, n))
               for n in range(4)]
    for t in threads:
        t.start()
    time.sleep(1)
    begun = time.monotonic()
    status = server.stop(seconds=STOP_SECONDS_MAX + 5)
    ended = time.monotonic()
    stop.set()
    for t in threads:
        t.join()
    report.equal("attack 199: SIGTERM under load: exit status", status, 0)
    report.check("attack 199: ended in time", ended - begun <= STOP_SECONDS_MAX, ended - begun)
    late = [a for a in acknowledged if a[0] > begun + 2]
    report.check("attack 199: no new 250 after the stop", not late, late[:3])
    codes = {(r.code, r.enhanced) for _, _, r in refused}
    report.check("attack 199: who was connected hears 421 4.3.2, if anything",
                 codes <= {(421, "4.3.2")}, codes)
    report.check("the load was one", len(acknowledged) > 50, len(acknowledged))
    server.start()
    names = {name for _, name, _ in acknowledged}
    until(60, lambda: names <= {m.sender for m in sink.kept()})
    arrived = [m.sender for m in wait_quiet(sink)]
    lost = names - set(arrived)
    report.check("attack 199: nothing acknowledged is lost", not lost, sorted(lost)[:10])
    print(f"    {len(names)} acknowledged, {len(arrived) - len(set(arrived))} duplicates, "
          f"stopped in {ended - begun:.1f} s")


def idle_sessions(report, server):
    """Sessions that do nothing hear 421 and do not hold the stop up."""
    clients = [Client(server.relay) for _ in range(10)]
    clients[0].ehlo()
    begun = time.monotonic()
    report.equal("SIGTERM with idle sessions: exit status", server.stop(), 0)
    report.check("SIGTERM with idle sessions: at once", time.monotonic() - begun < 5,
                 time.monotonic() - begun)
    for c in clients:
        c.closed()
        report.check("idle sessions hear 421 4.3.2", c.rest.startswith(b"421 4.3.2"), c.rest)
        c.close()


def second_server(report, server):
    """Attack 201: one spool has one server."""
    config = dict(server.config, listeners=[{"address": f"127.0.0.1:{free_port()}",
                                             "role": "relay"}])
    other = Server()
    other.config = config
    other.save()
    try:
        done = subprocess.run([SMTPTOOL, "-C", other.file, "serve"], capture_output=True, timeout=10)
        report.check("attack 201: a second server refuses", done.returncode != 0, done)
        report.check("attack 201: and says why", b"state" in done.stderr or b"spool" in done.stderr,
                     done.stderr)
    except subprocess.TimeoutExpired:
        report.check("attack 201: a second server refuses", False, "it runs")
    still_serves(server, "a second server", report)


def main():
    need_program()
    report, sink = Report(), Sink()
    server = Server(routes=[route("*", sink.port)], retry=retry_soon())
    report.on_fail.append(server.show)
    make_certificate(server.folder, days=2) # over the other one
    server.start()
    broken_files(report, server)
    good_files(report, server)
    second_server(report, server)
    stop_under_load(report, server, sink)
    idle_sessions(report, server)
    return report.finish()


if __name__ == "__main__":
    os.environ.pop("SMTPTOOL_CONFIG", None)
    sys.exit(main())
