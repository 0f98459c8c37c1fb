"""Exim (Debian's exim4-daemon-light, in a debootstrap folder)."""
import os

from peers import SESSIONS, ChrootPeer, say_version

SETTINGS = """\
primary_hostname = server.bench.test
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
# what would make it wait, for DNS or on purpose
host_lookup =
rfc1413_query_timeout = 0s
disable_ipv6 = true
smtp_accept_max = {sessions}
smtp_connect_backlog = 4096
split_spool_directory = true
acl_smtp_rcpt = may
message_size_limit = 50M
{more}
begin acl
may:
  accept
begin routers
all:
  driver = manualroute
  domains = *
  route_data = {to}
  self = send
  transport = out
begin transports
out:
  driver = smtp
  allow_localhost
  hosts_try_fastopen =
begin retry
* * F,2h,15m
"""

# dN.bench.test goes to 127.0.0.(10+N)
TWENTY = r"127.0.0.${if match{$domain}{\N^d(\d+)\.bench\.test$\N}{${eval:10+$1}}{1}}"


class Exim(ChrootPeer):
    name = "exim"
    folder_name = "exim"
    durability = "a 250 means that both spool files of the message (-D and -H) were fsync'ed; a process " \
                 "for each connection"
    binds = (("etc/exim4", "etc"), ("var/spool/exim4", "spool"), ("var/log/exim4", "log"),
             ("run/exim4", "run"))

    @classmethod
    def version(cls):
        words = say_version("chroot", cls.root(), "exim4", "-bV").split()
        return "Exim " + words[2] if len(words) > 2 else ""

    def more(self):
        lines = [] if self.mode in ("relay", "relay20", "mixed") else ["queue_only"]
        if self.mode in ("relay", "relay20"): # else it leaves all but ten of a connection to a queue runner
            lines.append("smtp_accept_queue_per_connection = 0")
        if self.key():
            return lines + ["tls_certificate = /etc/exim4/server.crt", "tls_privatekey = /etc/exim4/server.key"]
        return lines + ["tls_advertise_hosts ="]

    def route(self):
        port = self.site.sink_port
        if self.mode == "relay20":
            return f"{TWENTY}::{port}"
        if self.mode == "mixed":
            return f"127.0.0.1::${{if eq{{$domain}}{{slow.bench.test}}{{{self.site.slow_port}}}{{{port}}}}}"
        return f"127.0.0.1::{port}"

    def prepare(self):
        owner = self.user_id("Debian-exim")
        for name in ("spool", "spool/input", "spool/msglog", "spool/db", "log", "run"):
            os.makedirs(self.path(name))
            os.chown(self.path(name), *owner)
        more = "\n".join(self.more())
        self.write("etc/exim4.conf", SETTINGS.format(port=self.port, sessions=SESSIONS, more=more, to=self.route()))
        for source, name in zip(self.key() or (), ("server.crt", "server.key")):
            with open(source) as file:
                self.write("etc/" + name, file.read())
            os.chown(self.path("etc", name), 0, owner[1])
            os.chmod(self.path("etc", name), 0o640)

    def start(self):
        self.enter("exim4", "-bdf")

    def listing(self):
        return self.inside("exim4", "-bp")
