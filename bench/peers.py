"""The servers that are measured, each set up as its makers would have it for this work.

A peer listens on 127.0.0.1, keeps its files in a folder of its own and reaches nobody but the sinks.
It is started in one of these modes:

    hold     take mail, deliver nothing          rsa, ecdsa  hold, with STARTTLS
    relay    everything to one sink              relay20     dN.bench.test to 127.0.0.(10+N)
    signed   relay, with the DKIM signature of the sender's domain
    defer    take mail, let it wait as what could not be delivered
    mixed    slow.bench.test to the slow sink, all else to the sink
    mx       the domains of the site's town to their MX hosts, with TLS where it is offered (network.py)
"""
import collections
import os
import shutil
import subprocess
import time

import network
from measure import Account, Failed, answers, free_port, wait_until

SESSIONS = 21000 # more than any cell opens, so that no limit of a server is what is measured
DOMAINS = 20     # of relay20
SENDER_DOMAIN, SELECTOR = "source.test", "r" # of the generator's mail
ROOT = os.environ.get("BENCH_PEERS_ROOT") or "/var/tmp/smtptool-peers"

# Where a run takes place: its folder, the ports of the sinks, certificates, the program, domains with MX hosts.
Site = collections.namedtuple("Site", "base sink_port slow_port certificates program town", defaults=((),))


def domain(number):
    return f"d{number}.bench.test"


def next_hop(number):
    return f"127.0.0.{10 + number}"


class Peer:
    name = durability = ""
    durable = True
    stagger = None      # connections begin that far apart: for a short listen queue
    opening = None      # of those that wait, so many are opened at a time
    start_seconds = 30
    several = False     # two can run at the same time
    signs = False       # it knows the mode signed
    reuse_mode = None   # its mode for mail to MX hosts, if it knows one
    also_reusing = ()   # the same peer, set up otherwise for that

    def __init__(self, site, mode):
        self.site, self.mode = site, mode
        self.port = free_port()
        self.folder = os.path.join(site.base, f"{self.name}-{mode}-{self.port}")
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        self.log = self.account = self.sink = None
        self.prepare()
        self.resume()

    @staticmethod
    def missing():
        """Why it cannot be measured here; None: it can."""
        return None

    @staticmethod
    def version():
        return ""

    def prepare(self):
        """Make folders and configuration, once."""

    def start(self):
        raise NotImplementedError

    def listing(self):
        """The command that lists its queue; None: it has none."""
        return None

    def resume(self):
        """Start it, with the queue that is there."""
        self.account = Account(f"{self.name}-{self.port}")
        self.log = open(os.path.join(self.folder, "out"), "a+")
        self.start()
        wait_until(lambda: answers(self.port) or self.account.root.poll() is not None, self.start_seconds)
        if not answers(self.port):
            self.log.seek(0)
            said = " ".join(self.log.read()[-400:].split())
            self.end()
            raise Failed(f"it does not answer: {said or 'no word'}")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run(self, *command, **options):
        return self.account.start(command, stdout=self.log, stderr=self.log, **options)

    def key(self):
        """(certificate, key) in a TLS mode"""
        return self.site.certificates.get(self.mode)

    def signing_key(self):
        """RSA-2048; it serves a certificate as well."""
        if "rsa" not in self.site.certificates:
            raise Failed("there is no openssl program to make a key")
        return self.site.certificates["rsa"][1]

    def end(self):
        self.account.end()
        self.log.close()


def say_version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else ""


class Smtptool(Peer):
    name = "smtptool"
    several = True
    reuse_mode = "mx"
    durability = "a 250 means fdatasync'ed; messages that arrive together share one"
    signs = True

    def routes(self):
        to = "- { to: %s, via: [\"smtp://%s:%d?tls=none\"] }"
        port = self.site.sink_port
        lines = {
            "relay": [to % ('"*"', "127.0.0.1", port)],
            "signed": [to % ('"*"', "127.0.0.1", port)],
            "relay20": [to % (domain(n), next_hop(n), port) for n in range(1, DOMAINS + 1)],
            "mixed": [to % ("slow.bench.test", "127.0.0.1", self.site.slow_port),
                      to % ('"*"', "127.0.0.1", port)],
        }.get(self.mode)
        if self.mode == "mx":
            return ["routes: mx"]
        return ["routes:", *["  " + line for line in lines]] if lines else []

    def prepare(self):
        tls = "none"
        lines = ["hostname: server.bench.test", f"state: {self.path('state')}",
                 "relay: { trusted: [127.0.0.0/8] }",
                 f"limits: {{ per_address: {SESSIONS}, connections: {SESSIONS}, "
                 "connect_rate_per_minute: 1000000, messages_per_connection: 0 }", *self.routes()]
        if self.mode == "signed":
            lines.append(f"domains: {{ {SENDER_DOMAIN}: {{ dkim: [{{ selector: {SELECTOR}, "
                         f"key: \"file:{self.signing_key()}\" }}] }} }}")
        if self.key():
            tls = "starttls"
            lines.append("tls: {{ certificate: {}, key: {} }}".format(*self.key()))
        lines.append(f"listeners: [{{ address: \"127.0.0.1:{self.port}\", role: relay, tls: {tls} }}]")
        self.write("smtptool.yaml", "\n".join(lines) + "\n")

    def start(self):
        names = []
        if self.mode == "mx":
            names = ["--dns-zone", self.write("zone", network.zone(self.site.town))]
        self.run(self.site.program, "serve", "-q", "-C", self.path("smtptool.yaml"), *names)

    def listing(self):
        return [self.site.program, "queue", "ls", "-C", self.path("smtptool.yaml")]


class SmtptoolBefore(Smtptool):
    """An older program, in turns with this one: what a change costs."""
    name = "smtptool-before"

    @staticmethod
    def missing():
        return None if os.environ.get("SMTPTOOL_BEFORE") else "SMTPTOOL_BEFORE names none"

    def __init__(self, site, mode):
        super().__init__(site._replace(program=os.environ["SMTPTOOL_BEFORE"]), mode)


class Sink(Peer):
    """No server at all: what generator and sink reach without one."""
    name = "no server"
    durability = "`smtptool bench sink` takes the mail and keeps nothing: the bound of the generator"
    durable = False

    def start(self):
        self.run(self.site.program, "bench", "sink", "--listen", f"127.0.0.1:{self.port}")


class SmtpSink(Peer):
    name = "smtp-sink"
    durability = "keeps nothing"
    durable = False

    @staticmethod
    def missing():
        return None if shutil.which("smtp-sink") else "smtp-sink (Postfix) is not installed"

    def start(self):
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.run("smtp-sink", *user, "-m", str(SESSIONS), f"127.0.0.1:{self.port}", "1024")


def make_certificates(base):
    """{"rsa": (certificate, key), "ecdsa": …, "dh": text}; empty without the openssl program."""
    kinds = {"rsa": ["rsa:2048"], "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}
    made = {}
    for kind, parameters in kinds.items():
        paths = [os.path.join(base, f"{kind}.{end}") for end in ("crt", "key")]
        command = ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=server.bench.test",
                   "-newkey", *parameters, "-out", paths[0], "-keyout", paths[1]]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return {}
        made[kind] = tuple(paths)
    command = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
    made["dh"] = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    return made


# ---- servers in a debootstrap folder -------------------------------------------------------------

ENTER = """
umask 022
root=$1 folder=$2; shift 2
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do mkdir -p "$root/$1"; mount --bind "$folder/$2" "$root/$1"; shift 2; done
shift
exec chroot "$root" "$@"
"""


class ChrootPeer(Peer):
    """A server from a debootstrap folder of bench/install-peers.

    It gets a mount namespace of its own, where the folder of this run lies over those of the
    package: the queue is on the disk that is measured, and with the last process nothing is left."""
    folder_name = ""
    binds = () # (inside the chroot, in the folder of this run)

    @classmethod
    def root(cls):
        return os.path.join(ROOT, cls.folder_name)

    @classmethod
    def missing(cls):
        if not os.path.exists(os.path.join(cls.root(), ".ready")):
            return f"not installed in {ROOT} (bench/install-peers)"
        if os.geteuid() != 0:
            return "its chroot needs root"
        if not shutil.which("unshare") or not shutil.which("nsenter"):
            return "unshare and nsenter are not installed"
        return None

    def user_id(self, user):
        with open(os.path.join(self.root(), "etc/passwd")) as file:
            fields = next(line.split(":") for line in file if line.startswith(user + ":"))
        return int(fields[2]), int(fields[3])

    def enter(self, *command):
        words = [w for bind in self.binds for w in bind]
        return self.run("unshare", "--mount", "--propagation", "private", "sh", "-ec", ENTER, "sh",
                        self.root(), self.folder, *words, "--", *command)

    def inside(self, *command):
        """The command that runs it beside the server."""
        return ["nsenter", "--mount", "--target", str(self.account.root.pid), "chroot", self.root(), *command]

    def ask(self, *command):
        done = subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failed(f"{command[0]}: {(done.stderr or done.stdout).strip()[-200:]}")
        return done.stdout

    def ask_soon(self, *command, seconds=10):
        """Tried again while the server is still on its way."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.ask(*command)
            except Failed:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
