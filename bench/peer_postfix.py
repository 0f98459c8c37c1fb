"""Postfix: the machine's own package, with configuration, queue and data in the folder of the run."""
import os
import pwd
import shutil
import subprocess

import network
from measure import Failed, free_port, listens, wait_until
from peers import DOMAINS, SELECTOR, SENDER_DOMAIN, SESSIONS, Peer, domain, next_hop, say_version


class Postfix(Peer):
    name = "postfix"
    durability = "a 250 means that the message's queue file was fsync'ed (its only way)"
    signs = True # by opendkim, as a milter
    reuse_mode = "mx"

    @staticmethod
    def missing():
        if not shutil.which("postfix") or not shutil.which("postconf"):
            return "Postfix is not installed"
        if os.geteuid() != 0:
            return "Postfix must be started by root"
        try:
            pwd.getpwnam("postfix")
        except KeyError:
            return "there is no user postfix"
        return None

    @staticmethod
    def version():
        return "Postfix " + say_version("postconf", "-d", "-h", "mail_version")

    def settings(self):
        sink = f"[127.0.0.1]:{self.site.sink_port}"
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
            "message_size_limit": "52428800", "relayhost": sink,
        }
        if self.mode in ("hold", "rsa", "ecdsa"):
            own["smtpd_sender_restrictions"] = "static:HOLD"
        if self.mode == "defer":
            own["defer_transports"] = "smtp"
        if self.mode in ("relay20", "mixed"):
            own["transport_maps"] = "texthash:" + self.write("etc/transport", self.transports())
        if self.mode in ("mx", "mx-reuse"):
            own |= {"smtp_tls_security_level": "may",
                    "smtp_tls_connection_reuse": "yes" if self.mode == "mx-reuse" else "no",
                    "transport_maps": "texthash:" + self.write("etc/transport", self.mx_transports())}
        if self.mode == "signed":
            self.milter_port = free_port()
            own |= {"smtpd_milters": f"inet:127.0.0.1:{self.milter_port}", "milter_default_action": "tempfail"}
        if self.key():
            certificate, key = self.key()
            own |= {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": certificate,
                    "smtpd_tls_key_file": key}
        return own

    def transports(self):
        port = self.site.sink_port
        if self.mode == "mixed":
            return f"slow.bench.test smtp:[127.0.0.1]:{self.site.slow_port}\n"
        return "".join(f"{domain(n)} smtp:[{next_hop(n)}]:{port}\n" for n in range(1, DOMAINS + 1))

    def mx_transports(self):
        """It has no name server here: the hosts of each domain by their addresses."""
        return "".join(f"{d.name} smtp:" + ", ".join(f"[{a}]:{network.MX_PORT}" for _, a in d.hosts) + "\n"
                       for d in self.site.town)

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
        if self.mode == "mx-reuse": # it holds the connections with TLS, and is not among the stock ones
            lines.append("tlsproxy unix - - n - 0 tlsproxy")
        if not has_log:
            lines.append("postlog unix-dgram n - n - 1 postlogd")
        return "\n".join(lines) + "\n"

    def prepare(self):
        for name in ("queue", "data", "log", "etc"):
            os.makedirs(self.path(name))
        shutil.chown(self.path("data"), "postfix")
        self.write("etc/main.cf", "".join(f"{k} = {v}\n" for k, v in self.settings().items()))
        self.write("etc/master.cf", self.services())

    def start_opendkim(self):
        program = shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not program:
            raise Failed("opendkim is not installed")
        config = self.write("etc/opendkim.conf", "".join(f"{k} {v}\n" for k, v in {
            "Mode": "s", "Domain": SENDER_DOMAIN, "Selector": SELECTOR, "KeyFile": self.signing_key(),
            "Canonicalization": "relaxed/relaxed", "Socket": f"inet:{self.milter_port}@127.0.0.1",
            "InternalHosts": "127.0.0.0/8", "Syslog": "no", "RequireSafeKeys": "no"}.items()))
        self.run(program, "-f", "-x", config)
        if not wait_until(lambda: listens(self.milter_port), 10):
            raise Failed("opendkim does not answer")

    def start(self):
        if self.mode == "signed":
            self.start_opendkim()
        self.run("postfix", "-c", self.path("etc"), "start-fg")

    def end(self):
        """In its own way first: its processes write down what they have in hand."""
        subprocess.run(["postfix", "-c", self.path("etc"), "stop"], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=60)
        super().end()

    def listing(self):
        return ["postqueue", "-c", self.path("etc"), "-p"]


class PostfixReuse(Postfix):
    """As its makers advise for much mail to few sites: connections with TLS are kept as well."""
    name = "postfix-reuse"
    reuse_mode = "mx-reuse"


Postfix.also_reusing = (PostfixReuse,)
