"""OpenSMTPD (Debian's package, in a debootstrap folder)."""
import os
import subprocess

from peers import DOMAINS, ChrootPeer, domain, next_hop, say_version


class OpenSmtpd(ChrootPeer):
    name = "opensmtpd"
    folder_name = "opensmtpd"
    durable = False
    durability = "**not durable**: it does not sync before the 250 (create, write, rename) and has no switch " \
                 "for it; its listen queue of 5 gets connections 2 ms apart, as more at once would be lost"
    stagger = "2ms"
    opening = 2
    binds = (("etc/bench", "etc"), ("var/spool/smtpd", "spool"), ("run", "run"))

    @classmethod
    def version(cls):
        return say_version("chroot", cls.root(), "smtpd", "-h").replace("version: ", "")

    def rules(self):
        port = self.site.sink_port
        if self.mode == "relay20":
            lines = [f'action "to{n}" relay host smtp://{next_hop(n)}:{port}' for n in range(1, DOMAINS + 1)]
            return lines + [f'match from any for domain "{domain(n)}" action "to{n}"'
                            for n in range(1, DOMAINS + 1)]
        lines = [f'action "all" relay host smtp://127.0.0.1:{port}']
        if self.mode == "mixed":
            lines += [f'action "slow" relay host smtp://127.0.0.1:{self.site.slow_port}',
                      'match from any for domain "slow.bench.test" action "slow"']
        return lines + ['match from any for any action "all"']

    def prepare(self):
        for name in ("spool", "run", "etc"):
            os.makedirs(self.path(name))
        os.chmod(self.path("spool"), 0o711)
        lines, tls = [], ""
        for source, name in zip(self.key() or (), ("server.crt", "server.key")):
            with open(source) as file:
                self.write("etc/" + name, file.read())
            os.chmod(self.path("etc", name), 0o600)
        if self.key():
            tls = "tls pki server.bench.test"
            lines = ['pki server.bench.test cert "/etc/bench/server.crt"',
                     'pki server.bench.test key "/etc/bench/server.key"']
        lines += ["smtp max-message-size 50M",
                  "smtp limit max-mails 1000000", # of a connection; its default is 100
                  f"listen on 127.0.0.1 port {self.port} {tls} hostname server.bench.test", *self.rules()]
        self.write("etc/smtpd.conf", "\n".join(lines) + "\n")

    def start(self):
        self.enter("smtpd", "-d", "-f", "/etc/bench/smtpd.conf")

    def resume(self):
        super().resume()
        if self.mode not in ("relay", "relay20", "mixed"):
            self.ask_soon("smtpctl", "pause", "mta")

    def listing(self):
        return self.inside("smtpctl", "show", "queue")


class OpenSmtpdSync(OpenSmtpd):
    """The same with a queue whose every write the file system makes durable (chattr +S, +D)."""
    name = "opensmtpd, sync"
    durability = "OpenSMTPD with `chattr +S +D` on its queue: the file system makes each write durable " \
                 "before it returns, so no call is there to be counted"
    durable = True

    def prepare(self):
        super().prepare()
        subprocess.run(["chattr", "+S", "+D", self.path("spool")], check=True, capture_output=True)
