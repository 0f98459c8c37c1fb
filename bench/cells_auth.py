"""Cells about who wrote a message: signatures, the judging of a message, relaying with signing."""
import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import threading

import measure
import probe
from cells_load import measure_load
from measure import Account, Failed, free_port
from peers import Smtptool
from session import ROOT, Load

sys.path.append(os.path.join(ROOT, "tests", "e2e"))
from _dns import NameServer, Zone # noqa: E402
from _rspamd import Rspamd # noqa: E402

MESSAGES = 300    # judged in a run
OPENDKIM_LIST = 200
IP, HELO, SENDER = "127.0.0.1", "client.example.org", "alice@example.com"


# ---- signatures ------------------------------------------------------------------------------

def bench_program(session):
    path = os.path.join(os.path.dirname(session.program), "dkim-bench")
    if not os.access(path, os.X_OK):
        raise Failed(f"there is no {path} (ninja -C build dkim-bench)")
    return path


def run_ours(session, *works):
    """{(work, kind): a second of CPU}"""
    done = subprocess.run([bench_program(session), "1", *works], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failed(done.stderr.strip()[-200:])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {(row["work"], row["kind"]): row["per_s"] for row in rows}


def run_openssl():
    """{(sign or check, kind): a second of CPU}"""
    done = subprocess.run(["openssl", "speed", "-seconds", "1", "rsa2048", "ed25519"], capture_output=True,
                          text=True, timeout=120, check=False)
    rates = {}
    for kind, line in (("rsa2048", r"^rsa 2048 bits.*\s([\d.]+)\s+([\d.]+)\s*$"),
                       ("ed25519", r"\(Ed25519\).*\s([\d.]+)\s+([\d.]+)\s*$")):
        found = re.search(line, done.stdout, re.M)
        if not found:
            raise Failed(f"openssl speed: {(done.stderr or done.stdout).strip()[-200:]}")
        rates["sign", kind], rates["check", kind] = float(found[1]), float(found[2])
    return rates


def signatures(session):
    rounds = [(run_openssl(), run_ours(session)) for _ in range(session.pairs)]
    titles = {"rsa2048": "RSA-2048", "ed25519": "Ed25519"}
    rows = []
    for work in ("sign", "check", "sign 10k", "check 10k"):
        for kind, title in titles.items():
            runs = []
            for theirs, ours in rounds:
                bound = theirs[work.split()[0], kind]
                runs.append({"rate": ours[work, kind], "openssl": bound, "share": 100 * ours[work, kind] / bound})
            what = "a message of 10 KB: " if "10k" in work else ""
            rows.append({"peer": f"{what}{work.split()[0]}, {title}", "runs": runs})
    return rows


# ---- judging ---------------------------------------------------------------------------------

class Signed:
    """A signed message of 10 KB, and what its domain publishes."""

    def __init__(self, session):
        self.folder = os.path.join(session.base, f"judged-{free_port()}")
        os.makedirs(self.folder)
        self.key = os.path.join(self.folder, "r.pem")
        self.tool(session, "dkim", "keygen", "--type", "rsa", "--out", self.key)
        record = self.tool(session, "dkim", "dns", "--key", self.key, "--domain", "example.com", "--selector", "r")
        self.record = "".join(re.findall(r'"([^"]*)"', record.decode()))
        self.zone = (f'{record.decode()}example.com. TXT "v=spf1 mx ip4:127.0.0.0/8 -all"\n'
                     "example.com. MX 10 mx.example.com.\nmx.example.com. A 198.51.100.1\n"
                     '_dmarc.example.com. TXT "v=DMARC1; p=reject"\n')
        line = b"A line of a letter as people write them, of about seventy bytes.\r\n"
        plain = (b"From: Alice Example <alice@example.com>\r\nTo: Bob <bob@receiver.test>\r\n"
                 b"Subject: The minutes of our last meeting, and what to do\r\n"
                 b"Date: Sat, 21 Nov 2026 08:48:16 +0000\r\nMessage-ID: <1@example.com>\r\n"
                 b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + line * (10240 // len(line)))
        self.bytes = self.tool(session, "dkim", "sign", "--domain", "example.com", "--key", f"r={self.key}",
                               "--fields", "-", stdin=plain) + plain
        self.write("message", self.bytes)
        self.write("zone", self.zone)

    def tool(self, session, *words, stdin=None):
        done = subprocess.run([session.program, *words], capture_output=True, input=stdin, timeout=60, check=False)
        if done.returncode != 0:
            raise Failed(f"{words[0]} {words[1]}: {done.stderr.decode().strip()[-200:]}")
        return done.stdout

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)


class Mx(Smtptool):
    """The whole server: it takes the message by SMTP, judges it or not, syncs it and passes it on."""
    policy = "mark"

    def prepare(self):
        self.write("smtptool.yaml", f"""hostname: mx.receiver.test
state: {self.path('state')}
relay: {{ trusted: [203.0.113.0/24] }}
limits: {{ messages_per_connection: 0, connect_rate_per_minute: 1000000 }}
mailauth: {{ policy: {self.policy} }}
domains: {{ receiver.test: {{ deliver: "smtp://127.0.0.1:{self.site.sink_port}?tls=none", recipients: [bob] }} }}
listeners: [{{ address: "127.0.0.1:{self.port}", role: mx, tls: none }}]
""")

    def start(self):
        self.run(self.site.program, "serve", "-q", "-C", self.path("smtptool.yaml"), "--dns-zone", self.site.zone)


class MxUnjudged(Mx):
    policy = "none"


def by_server(session, signed, cls):
    peer = session.start(cls, "judge", SiteWithZone(session.site, signed.path("zone")))

    def once():
        taken = session.judged_sink.taken
        with smtplib.SMTP("127.0.0.1", peer.port, HELO, timeout=60) as client:
            for _ in range(MESSAGES):
                client.sendmail(SENDER, ["bob@receiver.test"], signed.bytes)
        if not measure.wait_until(lambda: session.judged_sink.taken >= taken + MESSAGES, 30):
            raise Failed("not all was passed on")
        return MESSAGES
    return peer.account, once


class SiteWithZone:
    """The session's site, and the file that answers for the DNS."""

    def __init__(self, site, zone):
        self.site, self.zone = site, zone

    def __getattr__(self, name):
        return getattr(self.site, name)


def by_rspamd(session, signed):
    account = Account("rspamd")
    session.judging.append(account)
    rspamd, why = Rspamd.make(NameServer(Zone(signed.zone)), start=account.start)
    if rspamd is None:
        raise Failed(f"rspamd: {why}")

    def once():
        for _ in range(MESSAGES):
            symbols = rspamd.judge(signed.bytes, ip=IP, helo=HELO, sender=SENDER)
        if not {"R_SPF_ALLOW", "R_DKIM_ALLOW", "DMARC_POLICY_ALLOW"} <= symbols.keys():
            raise Failed(f"rspamd does not pass it: {sorted(symbols)}")
        return MESSAGES
    return account, once


class Children:
    """The CPU time of processes that have come and gone: of one list of messages, less that of a single one."""

    def __init__(self):
        self.used = 0.0

    def cpu_seconds(self):
        return self.used


def by_opendkim(session, signed):
    del session
    if not shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        raise Failed("opendkim is not installed")
    keys = signed.write("keys", f"r._domainkey.example.com {signed.record}\n")
    config = signed.write("opendkim.conf", f"Syslog no\nRequireSafeKeys no\nMode v\nTestDNSData file:{keys}\n")
    children = Children()

    def run(count):
        command = ["/usr/sbin/opendkim", "-t", ",".join([signed.path("message")] * count), "-x", config, "-vv"]
        with open(signed.path("verdicts"), "w+b") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        with open(signed.path("verdicts"), "rb") as out:
            if out.read().count(b"dkim=pass") < count:
                raise Failed("opendkim does not pass it")
        return usage.ru_utime + usage.ru_stime

    def once():
        alone = run(1)
        children.used += run(OPENDKIM_LIST + 1) - alone
        return OPENDKIM_LIST
    return children, once


def judging(session):
    """Peers take turns; all have one signed message of 10 KB, again and again."""
    signed = Signed(session)
    session.judging = []
    session.judged_sink = Counter(session)
    sides = {"smtptool serve, MX, it judges": lambda: by_server(session, signed, Mx),
             "smtptool serve, MX, it does not judge": lambda: by_server(session, signed, MxUnjudged),
             "rspamd over HTTP": lambda: by_rspamd(session, signed),
             "opendkim -t, DKIM alone": lambda: by_opendkim(session, signed)}
    rows = {"smtptool, the judging alone": {"peer": "smtptool, the judging alone", "runs": []}}
    ready = {}
    try:
        for name, prepare in sides.items():
            rows[name] = {"peer": name, "runs": []}
            attempt(rows, ready, name, prepare)
        for number in range(session.pairs + 1): # the first one warms up
            alone = {"cpu": 1000 / run_ours(session, "judge 10k")["judge 10k", "rsa2048"]}
            rows["smtptool, the judging alone"]["runs"] += [alone] if number else []
            for name in list(ready):
                attempt(rows, ready, name, lambda name=name, keep=number > 0: turn(rows[name], ready[name], keep))
    finally:
        for account in session.judging:
            account.end()
        session.end_peers()
    for row in rows.values():
        session.say(f"  {row['peer']}: {row.get('not_run') or [round(r['cpu'], 3) for r in row['runs']]}")
    return list(rows.values())


def attempt(rows, ready, name, action):
    try:
        ready[name] = action() or ready.get(name)
    except Exception as why: # noqa: BLE001
        rows[name] = {"peer": name, "not_run": measure.reason(why)}
        ready.pop(name, None)


def turn(row, side, keep):
    account, once = side
    before = account.cpu_seconds()
    count = once()
    if keep:
        row["runs"].append({"cpu": (account.cpu_seconds() - before) * 1000 / count})


class Counter:
    """A sink that says how many messages it has."""

    def __init__(self, session):
        self.watch = session.bench.watched_sink(f"127.0.0.1:{session.site.sink_port}")

    @property
    def taken(self):
        return self.watch.taken


# ---- relaying with signing -------------------------------------------------------------------

class Looker(probe.Receiver):
    """A next hop that looks for signatures."""

    def take_content(self):
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            if line.lower().startswith(b"dkim-signature:"):
                self.server.signatures += 1
        self.server.messages += 1


def check_signs(session, cls):
    """One message: a server that does not sign would be the fastest."""
    with probe.Server(("127.0.0.1", 0), Looker) as hop:
        hop.signatures = hop.messages = 0
        threading.Thread(target=hop.serve_forever, daemon=True).start()
        peer = session.start(cls, "signed", session.site._replace(sink_port=hop.server_address[1]))
        session.bench.send(peer, Load("signed", 1, "one", 1024), 1)
        measure.wait_until(lambda: hop.messages, 20)
        session.end_peers()
        hop.shutdown()
        if (hop.messages, hop.signatures) != (1, 1):
            raise Failed(f"{cls.name}: {hop.signatures} signatures on {hop.messages} messages, not one on one")


def relay_signed(session, connections):
    for server in session.servers:
        if server.signs:
            check_signs(session, server)
    return measure_load(session, Load("signed", connections, "many", 10240))


def cells():
    """(name, kind, title, in the core table, what to do)"""
    yield "signatures", "signatures", "DKIM signatures, beside openssl speed", True, signatures
    yield "judge-10k", "judge", "SPF, DKIM and DMARC of a message of 10 KB", True, judging
    yield ("relay-signed-50", "signed", "one destination, 50 connections, signed with RSA-2048", True,
           lambda s: relay_signed(s, 50))
