"""Postfix and Dovecot's LMTP server as next hops, each with private folders and loopback ports.

They run beside whatever the machine runs itself and never touch it. make() returns (peer, "") or
(None, why not).
"""
import glob
import os
import pwd
import subprocess
import time

from _check import at_end, folder, free_port, port_answers, tool, until, wait_gone, write


class Postfix:
    """Takes mail from this machine and relays all of it to sink_port, unchanged as far as it can."""

    @classmethod
    def make(cls, sink_port):
        if not tool("postfix"):
            return None, "it is not installed"
        if os.geteuid() != 0:
            return None, "its master must be started by root"
        try:
            return cls(sink_port), ""
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:
            return None, f"it does not start here: {e}"

    def __init__(self, sink_port):
        root = folder()
        self.etc, self.log = os.path.join(root, "etc"), os.path.join(root, "log", "maillog")
        for name in ("etc", "spool", "data", "log"):
            os.mkdir(os.path.join(root, name))
        os.chown(os.path.join(root, "data"), pwd.getpwnam("postfix").pw_uid, -1)
        self.port, self.root = free_port(), root
        write(self.log, b"")
        write(os.path.join(self.etc, "master.cf"), self.services())
        write(os.path.join(self.etc, "main.cf"), self.settings(sink_port))
        done = subprocess.run([tool("postfix"), "-c", self.etc, "start"], capture_output=True,
                              timeout=60)
        at_end(self.stop)
        if done.returncode != 0 or not until(15, lambda: port_answers(self.port)):
            raise RuntimeError((done.stderr + self.last_words()).decode("latin1")[-300:])

    def services(self):
        lines = [f"127.0.0.1:{self.port} inet n - n - 50 smtpd",
                 "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
                 "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
                 "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
                 "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
                 "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
                 "smtp unix - - n - 20 smtp", "relay unix - - n - 20 smtp",
                 "error unix - - n - - error", "retry unix - - n - - error",
                 "discard unix - - n - - discard", "anvil unix - - n - 1 anvil",
                 "scache unix - - n - 1 scache", "tlsmgr unix - - n 1000? 1 tlsmgr",
                 "showq unix n - n - - showq", "postlog unix-dgram n - n - 1 postlogd"]
        return "\n".join(lines) + "\n"

    def settings(self, sink_port):
        return f"""compatibility_level = 3.6
queue_directory = {self.root}/spool
data_directory = {self.root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {self.log}
maillog_file_prefixes = {self.root}
myhostname = postfix.test
mydomain = postfix.test
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
local_header_rewrite_clients =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
message_size_limit = 60000000
in_flow_delay = 0
biff = no
disable_dns_lookups = yes
disable_mime_output_conversion = yes
smtp_line_length_limit = 0
relayhost = [127.0.0.1]:{sink_port}
"""

    def last_words(self):
        try:
            with open(self.log, "rb") as f:
                return f.read()[-2000:]
        except OSError:
            return b""

    def stop(self):
        try:
            with open(f"{self.root}/spool/pid/master.pid") as f:
                pid = int(f.read())
        except (OSError, ValueError):
            return
        subprocess.run([tool("postfix"), "-c", self.etc, "stop"], capture_output=True, timeout=30)
        wait_gone(pid, 15)


class Dovecot:
    """LMTP on loopback; NAME@any.domain goes into the maildir of NAME."""

    @staticmethod
    def make():
        if not tool("dovecot"):
            return None, "it is not installed"
        if not os.path.exists("/usr/lib/dovecot/lmtp"):
            return None, "its lmtp is not installed"
        if os.geteuid() != 0:
            return None, "its master must be started by root"
        try:
            return Dovecot(), ""
        except (RuntimeError, OSError) as e:
            return None, f"it does not start here: {e}"

    def __init__(self):
        root = self.root = folder()
        self.port = free_port()
        mail = pwd.getpwnam("mail")
        for name in ("run", "state", "homes"):
            os.mkdir(os.path.join(root, name))
        os.chown(os.path.join(root, "homes"), mail.pw_uid, mail.pw_gid)
        config = write(os.path.join(root, "dovecot.conf"), f"""base_dir = {root}/run
state_dir = {root}/state
instance_name = {os.path.basename(root)}
log_path = {root}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
hostname = dovecot.test
postmaster_address = postmaster@dovecot.test
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/mail
mail_save_crlf = yes
mail_fsync = never
lda_mailbox_autocreate = yes
auth_username_format = %Ln
userdb {{
  driver = static
  args = uid={mail.pw_uid} gid={mail.pw_gid} home={root}/homes/%n allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=yes
}}
service lmtp {{
  process_min_avail = 1
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.port}
  }}
}}
service stats {{
  client_limit = 1000
}}
protocol lmtp {{
  mail_plugins =
}}
lmtp_save_to_detail_mailbox = no
""")
        out = open(os.path.join(root, "out"), "wb")
        self.process = subprocess.Popen([tool("dovecot"), "-F", "-c", config],
                                        stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        at_end(self.stop)
        until(15, lambda: self.process.poll() is not None or port_answers(self.port))
        if self.process.poll() is not None or not port_answers(self.port):
            with open(os.path.join(root, "out"), "rb") as f:
                raise RuntimeError((f.read() + self.last_words()).decode("latin1")[-300:])

    def last_words(self):
        try:
            with open(os.path.join(self.root, "log"), "rb") as f:
                return f.read()[-2000:]
        except OSError:
            return b""

    def stored(self, name):
        """What lies in the maildir of name: each message's bytes, without Dovecot's own fields."""
        found = []
        for path in sorted(glob.glob(f"{self.root}/homes/{name}/mail/new/*")):
            with open(path, "rb") as f:
                found.append(strip_dovecot(f.read()))
        return found

    def count(self):
        return len(glob.glob(f"{self.root}/homes/*/mail/new/*"))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        time.sleep(0.05)


def strip_dovecot(data):
    """Return-Path, Delivered-To and one Received stand on top of what Dovecot was given."""
    for name in (b"return-path:", b"delivered-to:", b"received:"):
        if not data.lower().startswith(name):
            raise ValueError(f"no {name.decode()} on top: {data[:80]!r}")
        at = data.index(b"\r\n") + 2
        while data[at:at + 1] in (b" ", b"\t"):
            at = data.index(b"\r\n", at) + 2
        data = data[at:]
    return data
