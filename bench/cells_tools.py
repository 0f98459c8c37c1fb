"""Cells about the tools themselves: the generator's own bound, the bare TLS handshake, the
command-line client."""
import os
import re
import shutil
import subprocess
import threading
import time

import peers
from measure import Account, Failed, free_port, listens, reason, wait_until
from session import Load

CLIENT_RUNS = 20
CLIENT_SECONDS_MAX = 30
HANDSHAKE_SECONDS = 2


# ---- generators ------------------------------------------------------------------------------

def source(peer, messages, size):
    """Messages a second by Postfix's generator."""
    start = time.monotonic()
    subprocess.run(["smtp-source", "-d", "-s", "50", "-m", str(messages), "-l", str(size),
                    f"127.0.0.1:{peer.port}"], check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)
    return messages / (time.monotonic() - start)


def rates(session, server, each, by):
    """Against a server that keeps nothing, 50 connections."""
    peer = session.start(server, "hold")
    load, messages = Load("hold", 50, each, 10240), 20000
    got = [by(peer, messages, load.size) if by else session.bench.send(peer, load, messages)["rate"]
           for _ in range(3)]
    session.end_peers()
    return got


def generator(session):
    rows = [{"peer": f"`smtptool bench send` to `bench sink`, {each} each", "rates": rates(session, peers.Sink, each, None)}
            for each in ("many", "one")]
    if peers.SmtpSink.missing() or not shutil.which("smtp-source"):
        return rows
    return rows + [
        {"peer": "`smtptool bench send` to smtp-sink, many each", "rates": rates(session, peers.SmtpSink, "many", None)},
        {"peer": "smtp-source to smtp-sink, many each", "rates": rates(session, peers.SmtpSink, "many", source)},
    ]


# ---- the handshake alone ---------------------------------------------------------------------

def handshake_one(session, kind):
    """Handshakes by OpenSSL's own server and client: what no server of mail can be cheaper than."""
    certificate, key = session.site.certificates[kind]
    account, port = Account("handshake"), free_port()
    account.start(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", key,
                   "-quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not wait_until(lambda: listens(port), 10):
            raise Failed("openssl s_server does not answer")
        runs = []
        for _ in range(session.pairs):
            cpu = account.cpu_seconds()
            done = subprocess.run(["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new",
                                   "-time", str(HANDSHAKE_SECONDS)], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)
            count = re.search(r"^(\d+) connections in [\d.]+ real seconds", done.stdout, re.M)
            if not count or not int(count[1]):
                raise Failed(f"openssl s_time: {(done.stderr or done.stdout).strip()[-200:]}")
            used = account.cpu_seconds() - cpu
            runs.append({"cpu": used * 1000 / int(count[1]), "rate": int(count[1]) / HANDSHAKE_SECONDS})
        return runs
    finally:
        account.end()


def handshake(session):
    if not session.site.certificates:
        raise Failed("there is no openssl program")
    return [{"peer": f"openssl s_server, {title}", "runs": handshake_one(session, kind)}
            for kind, title in (("rsa", "RSA-2048"), ("ecdsa", "P-256"))]


# ---- one message from the command line -------------------------------------------------------

def client_commands(session, port):
    """{name: (command, what stands on its standard input)}"""
    message = os.path.join(session.base, "message")
    with open(message, "w") as file:
        file.write("From: a@source.test\r\nTo: b@sink.test\r\nSubject: one message\r\n"
                   "Date: Sat, 21 Nov 2026 00:00:00 +0000\r\n\r\n" + ("x" * 70 + "\r\n") * 14)
    at = f"127.0.0.1:{port}"
    return {
        "smtptool send": ([session.program, "send", "-q", "--server", f"smtp://{at}?tls=none", "--from", "a@source.test",
                           "--eml", message, "b@sink.test"], None),
        "curl": (["curl", "-sS", f"smtp://{at}", "--mail-from", "a@source.test", "--mail-rcpt", "b@sink.test",
                  "-T", message], None),
        "msmtp": (["msmtp", "-C", "/dev/null", "--host=127.0.0.1", f"--port={port}", "--from=a@source.test",
                   "--tls=off", "--auth=off", "b@sink.test"], message),
        "swaks": (["swaks", "--server", "127.0.0.1", "--port", str(port), "--from", "a@source.test", "--to",
                   "b@sink.test", "--data", f"@{message}", "--hide-all"], None),
    }


def run_client(command, given):
    with open(given or os.devnull, "rb") as stdin:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        killer = threading.Timer(CLIENT_SECONDS_MAX, process.kill)
        killer.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"it ended with {process.returncode}")
    return {"wall": wall * 1000, "cpu": (used.ru_utime + used.ru_stime) * 1000}


def client(session):
    sink = session.start(peers.Sink, "hold")
    rows = {}
    commands = client_commands(session, sink.port)
    for name, (command, given) in commands.items():
        rows[name] = {"peer": name, "runs": []}
        if not shutil.which(command[0]):
            rows[name] = {"peer": name, "not_run": "not installed"}
    for number in range(CLIENT_RUNS + 2):
        for name, (command, given) in commands.items():
            if "not_run" in rows[name]:
                continue
            try:
                done = run_client(command, given)
                rows[name]["runs"] += [done] if number >= 2 else [] # the first two warm up
            except Exception as why: # noqa: BLE001
                rows[name] = {"peer": name, "not_run": reason(why)}
    session.end_peers()
    return list(rows.values())


def cells():
    """(name, kind, title, in the core table, what to do)"""
    yield "generator", "generator", "what the generator reaches without a server", True, generator
    yield "handshake", "handshake", "the TLS handshake alone", True, handshake
    yield "client", "client", "one message from the command line", True, client
