"""The servers that are measured, each set up as its makers would have it for this work.

A peer is started in one of these modes: hold (take mail, deliver nothing), relay (everything to the
sink), rsa and ecdsa (hold, with STARTTLS). It listens on 127.0.0.1, keeps its files in a folder of
its own and reaches nobody but the sink.
"""
import os
import pwd
import shutil
import subprocess

from measure import Account, Failed, answers, free_port, wait_until

SESSIONS = 6500 # more than any cell opens, so that no limit of a server is what is measured


class Peer:
    name = durability = ""

    def __init__(self, base, mode, sink_port, certificates):
        self.folder = os.path.join(base, f"{self.name}-{mode}-{free_port()}")
        self.mode, self.sink_port, self.certificates = mode, sink_port, certificates
        self.port = free_port()
        self.account = Account(self.name)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        self.log = open(os.path.join(self.folder, "out"), "w+")
        self.start()
        if not wait_until(lambda: answers(self.port), 20):
            self.log.seek(0)
            said = self.log.read()[-800:]
            self.end()
            raise Failed(f"{self.name} does not answer: {said}")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run(self, *command):
        return self.account.start(command, stdout=self.log, stderr=self.log)

    def key(self):
        """(certificate, key) in a TLS mode"""
        return self.certificates.get(self.mode)

    def end(self):
        self.account.end()
        self.log.close()


class Smtptool(Peer):
    name = "smtptool"
    durability = "a 250 means fdatasync'ed; messages that arrive together share one"
    program = None

    def start(self):
        tls = "none"
        lines = ["hostname: server.bench.test", f"state: {self.path('state')}",
                 "relay: { trusted: [127.0.0.0/8] }",
                 f"limits: {{ per_address: {SESSIONS}, connections: {SESSIONS}, "
                 "connect_rate_per_minute: 1000000, messages_per_connection: 0 }"]
        if self.key():
            tls = "starttls"
            lines.append("tls: {{ certificate: {}, key: {} }}".format(*self.key()))
        if self.mode == "relay":
            lines.append("routes: [{ to: \"*\", via: "
                         f"[\"smtp://127.0.0.1:{self.sink_port}?tls=none\"] }}]")
        lines.append(f"listeners: [{{ address: \"127.0.0.1:{self.port}\", role: relay, tls: {tls} }}]")
        self.run(self.program, "serve", "-q", "-C", self.write("smtptool.yaml", "\n".join(lines) + "\n"))


class Postfix(Peer):
    name = "postfix"
    durability = "a 250 means that the message's queue file was fsync'ed (its only way)"

    @staticmethod
    def missing():
        """Why it cannot be measured here; None: it can."""
        if not shutil.which("postfix") or not shutil.which("postconf"):
            return "Postfix is not installed"
        if os.geteuid() != 0:
            return "Postfix must be started by root"
        try:
            pwd.getpwnam("postfix")
        except KeyError:
            return "there is no user postfix"
        return None

    def settings(self):
        own = {
            "compatibility_level": "3.6",
            "queue_directory": self.path("queue"), "data_directory": self.path("data"),
            "maillog_file": self.path("log", "mail"), "maillog_file_prefixes": self.folder,
            "myhostname": "server.bench.test", "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8", "mydestination": "", "local_recipient_maps": "",
            "alias_maps": "", "alias_database": "",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            # what would make it wait, for DNS or on purpose
            "smtpd_peername_lookup": "no", "disable_dns_lookups": "yes", "in_flow_delay": "0",
            "message_size_limit": "52428800", "relayhost": f"[127.0.0.1]:{self.sink_port}",
        }
        if self.mode != "relay":
            own["smtpd_sender_restrictions"] = "static:HOLD"
        if self.key():
            certificate, key = self.key()
            own |= {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": certificate,
                    "smtpd_tls_key_file": key}
        return own

    def services(self):
        """The distribution's own, without chroot, and one listener instead of its own."""
        stock = next(p for p in ("/etc/postfix/master.cf.proto", "/usr/share/postfix/master.cf.dist")
                     if os.path.exists(p))
        lines = [f"127.0.0.1:{self.port} inet n - n - {SESSIONS} smtpd"]
        has_log = False
        with open(stock) as file:
            for line in file:
                fields = line.split()
                if len(fields) < 8 or line[0] in "# \t":
                    continue
                if fields[1] == "inet":
                    continue
                fields[4] = "n"
                has_log |= fields[0] == "postlog"
                lines.append(" ".join(fields))
        if not has_log:
            lines.append("postlog unix-dgram n - n - 1 postlogd")
        return "\n".join(lines) + "\n"

    def start(self):
        for name in ("queue", "data", "log", "etc"):
            os.makedirs(self.path(name))
        shutil.chown(self.path("data"), "postfix")
        self.write("etc/main.cf", "".join(f"{k} = {v}\n" for k, v in self.settings().items()))
        self.write("etc/master.cf", self.services())
        self.run("postfix", "-c", self.path("etc"), "start-fg")


class SmtpSink(Peer):
    name = "smtp-sink"
    durability = "keeps nothing"

    @staticmethod
    def missing():
        return None if shutil.which("smtp-sink") else "smtp-sink (Postfix) is not installed"

    def start(self):
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.run("smtp-sink", *user, "-m", str(SESSIONS), f"127.0.0.1:{self.port}", "1024")


def make_certificates(base):
    """{"rsa": (certificate, key), "ecdsa": …}; empty without the openssl program."""
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
    return made
