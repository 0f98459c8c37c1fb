"""msmtp and smtptool under its name: the same command lines against Postfix, and against servers of our own for what
Postfix has not. What they exit with, what they print and what arrives must be equal, but where docs/msmtp.md says that
ours is better; then ours alone is checked.

Without msmtp ours is checked for its exit codes; without Postfix (or root) its lines go to our own server.
"""
import fcntl
import os
import pty
import re
import select
import socket
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time

from _check import Report, at_end, free_port, need_program, tool
from _msmtp import LETTER, Pair
from _peers import Postfix
from _proxies import Socks, copy, read_whole
from _smtp import CAPABILITIES, Sink, _Session

BARE = b"Subject: bare\n\nHello\n"
BIG = LETTER + b"0123456789abcdef" * 4 + b"\n" + (b".%d" % 7 * 20 + b"\n") * 3000  # BDAT, where it is offered
RESENT = (b"Resent-From: me@example.com\nResent-To: ann@example.net\nResent-Bcc: eve@example.net\n"
          b"Resent-Date: Sun, 22 Nov 2026 00:00:00 +0000\n") + LETTER
REFUSED = 65
TO = ["--", "bob@example.net"]


# ---- servers --------------------------------------------------------------------------------------

class StrictPostfix(Postfix):
    def settings(self, sink_port):
        return super().settings(sink_port) + ("smtpd_recipient_restrictions = check_recipient_access "
                                              "inline:{{refused@example.net=550 5.1.1 not here}}\n")


class Talker(Sink):
    """A server that logs people in, takes ETRN, and remembers who came from where with which certificate."""

    def __init__(self, **more):
        self.seen, self.implicit = [], more.pop("implicit", None)
        super().__init__(answer=self.reply, **more)

    def _serve(self, sock):
        try:
            if self.implicit:
                sock = self.implicit.wrap_socket(sock, server_side=True)
        except OSError:
            return
        super()._serve(sock)

    def reply(self, verb, line, session):
        if verb == "CONNECT":
            self.seen.append(session.sock.getpeername()[0])
        elif verb == "MAIL" and isinstance(session.sock, ssl.SSLSocket):
            facts = session.sock.getpeercert() or {}
            self.seen.append((session.sock.version(), str(facts.get("subject", ""))))
        elif verb == "AUTH":
            return self.log_in(line, session)
        elif verb == "ETRN":
            return {b"a": "250 2.0.0 started", b"b": "458 cannot", b"c": "459 not allowed",
                    b"d": "252 pending", b"x": "253 3 pending"}.get(line.split()[1][:1], "500 what")
        elif verb == "RCPT" and b"refused" in line:
            return b"550-5.1.1 first line\r\n550 5.1.1 not here\r\n"
        elif verb == "RCPT" and b"later" in line:
            return "450 4.2.1 later"
        elif verb == "DATA" and session.message and not session.message.rcpts:
            return "554 5.5.1 no recipients"
        elif verb == "MAIL" and b"refused" in line:
            return "550 5.1.0 bad sender"
        return None

    @staticmethod
    def log_in(line, session):
        words = line.split()
        if len(words) < 3:
            session.say("334 ")
            words.append(session.file.readline().strip())
        good = {b"PLAIN": b"AGpvZQByaWdodA==", b"EXTERNAL": b"am9l"}
        return "235 2.7.0 ok" if good.get(words[1]) == words[2] else "535 5.7.8 bad login"


class Lmtp(Talker):
    """A reply for each recipient: "full" has no room."""

    def _serve(self, sock):
        try:
            LmtpSession(self, sock).run()
        except (OSError, ValueError):
            pass
        finally:
            sock.close()


class LmtpSession(_Session):
    def finish(self, line):
        message, self.message = self.message, None
        with self.sink.lock:
            self.sink.messages.append(message)
        for rcpt in message.recipients:
            self.say("552 5.2.2 full" if "full" in rcpt else "250 2.0.0 kept")


class NameSocks(Socks):
    """Its client names the host; whatever that is, it is here."""

    def connect(self, sock):
        head = read_whole(sock, 5)
        if head[:4] != b"\x05\x01\x00\x03":
            raise ValueError(f"not CONNECT to a name: {head!r}")
        host = read_whole(sock, head[4]).decode()
        port = struct.unpack("!H", read_whole(sock, 2))[0]
        self.asked.append((host, port))
        try:
            there = socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            sock.sendall(b"\x05\x05\x00\x01" + bytes(6))
            raise
        sock.sendall(b"\x05\x00\x00\x01" + bytes(6))
        return there


def unix_door(path, port):
    """A Unix socket that leads to a port of this machine."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    at_end(listener.close)

    def serve():
        while True:
            try:
                here, _ = listener.accept()
                there = socket.create_connection(("127.0.0.1", port))
            except OSError:
                return
            for pair in ((here, there), (there, here)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


class Papers:
    """An authority, a server's and a client's certificate by it, and its lists of revoked ones."""

    def __init__(self, pair):
        self.home = pair.home
        self.ca, ca_key = self.make("ca", "/CN=Test CA")
        self.server, self.key = self.make("server", "/CN=localhost", (self.ca, ca_key))
        self.client, self.client_key = self.make("client", "/CN=joe", (self.ca, ca_key))
        self.none = self.revoked("none", ca_key, "")
        serial = self.openssl("x509", "-in", self.server, "-noout", "-serial").strip().split("=")[1]
        self.all = self.revoked("all", ca_key, f"R\t400101000000Z\t250101000000Z\t{serial}\tunknown\t/CN=localhost\n")

    @staticmethod
    def openssl(*words):
        return subprocess.run([tool("openssl"), *words], check=True, capture_output=True, text=True).stdout

    def path(self, name):
        return os.path.join(self.home, name)

    def make(self, name, subject, issuer=None):
        key, certificate = self.path(name + ".key"), self.path(name + ".crt")
        by = ["-CA", issuer[0], "-CAkey", issuer[1]] if issuer else []
        names = [] if name == "ca" else ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                                         "-addext", "basicConstraints=CA:FALSE"]
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60",
                     "-subj", subject, "-keyout", key, "-out", certificate, *by, *names)
        return certificate, key

    def revoked(self, name, ca_key, index):
        with open(self.path("index"), "w", encoding="utf-8") as file:
            file.write(index)
        with open(self.path("ca.cnf"), "w", encoding="utf-8") as file:
            file.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={self.path('index')}\ndefault_md=sha256\n"
                       "default_crl_days=30\n")
        self.openssl("ca", "-config", self.path("ca.cnf"), "-gencrl", "-cert", self.ca, "-keyfile", ca_key, "-out",
                     self.path(name + ".crl"))
        return self.path(name + ".crl")

    def fingerprint(self, kind):
        return self.openssl("x509", "-in", self.server, "-noout", "-fingerprint", "-" + kind).strip().split("=")[1]

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.key)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self.ca)
        return context


# ---- against Postfix ------------------------------------------------------------------------------

def files(pair, port):
    pair.write(".msmtprc", f"""# what the manual shows
defaults
port {port}
timeout 20
account work
host 127.0.0.1
from me@example.com
account second : work
from "second@example.com"
set_from_header on
account made
eval echo host 127.0.0.1
from made@example.com
undisclosed_recipients on
account closed : work
port {free_port()}
account fixed : work
allow_from_override off
account pattern : work
from *@pattern.example
account named : work
from %U@example.com
domain %H
account automatic : work
auto_from on
maildomain example.com
account local : work
aliases {pair.home}/aliases
account default : work
""")
    pair.write("aliases", "# who is who\nroot: ann@example.net, cron\ncron: eve@example.net # the night\n")


def with_files(pair):
    check = pair.check
    check(["bob@example.net"])
    check(["-a", "work", *TO])
    check(["--account=second", *TO])
    check(["--account", "second", *TO], given=BARE)
    check(["-a", "made", *TO])
    check(["-a", "fixed", "-f", "other@example.com", *TO])
    check(["-f", "second@example.com", *TO])
    check(["-f", "SECOND+detail@example.com", *TO])
    check(["-f", "anybody@pattern.example", *TO])
    check(["-a", "pattern", *TO], 78, alone=True)  # a pattern is nobody's address
    check(["--from=unknown@example.com", *TO])
    check(["-a", "named", *TO], env={"USER": "kim", "HOSTNAME": "client.test"})
    check(["-a", "automatic", *TO], env={"LOGNAME": "lee"})
    check(["-a", "automatic", "-f", "x@example.com", *TO], env={"USER": "kim"})
    check(["-a", "local", "root"])
    check(["-a", "local", "bob@example.net", "cron"])
    check(["-t"])
    check(["-t", "more@example.net"])
    check(["--read-recipients", "--read-envelope-from"])
    check(["-t"], given=RESENT)
    check(["-t", "--read-envelope-from"], given=b"From: \"Me, Myself\" (me)\n <second@example.com>\nTo: Bob <bob@example.net>,\n"
          b" carol@example.net (Carol), team: ann@example.net;\n\nHello\n")
    check(["--"] + TO[1:], given=b"")
    check(TO, given=b"Hello, no header\n")
    check(TO, given=LETTER.replace(b"\n", b"\r\n"))
    check(["--read-envelope-from", *TO], given=LETTER.replace(b"me@", b"second@"))
    for words in ([], ["-a", "second"], ["-a", "named"], ["-f", "anybody@pattern.example"], ["-a", "automatic"],
                  ["--read-envelope-from"], ["-S", "-a", "work"], ["--rmqs=x", "-a", "work"], ["-a", "local"]):
        rest = [] if "-S" in words or "--rmqs=x" in words else TO
        check(["-P", *words, *rest], sends=False, env={"USER": "kim", "HOSTNAME": "client.test"})


def by_options(pair, port, postfix):
    check, host = pair.check, ["--host=127.0.0.1", f"--port={port}", "--from=me@example.com"]
    check([*host, *TO])
    check([*host, "-FMe Myself", *TO], given=BARE)
    check([*host, "-N", "success,delay", "-R", "full", *TO])
    check([*host, "--dsn-notify=never", "--dsn-return=headers", *TO])
    check([*host, "--set-date-header=off", "--set-from-header=off", *TO], given=BARE)
    check([*host, "--set-msgid-header=off", *TO])
    check([*host, "--remove-bcc-headers=off", *TO])
    check([*host, "--keepbcc", *TO])
    check([*host, "--undisclosed-recipients", *TO])
    check([*host, "-Btype", "-bm", "-G", "-h9", "-i", "-L", "tag", "-m", "-n", "-O", "a=b", "-oi", *TO])
    check([*host, "--protocol=smtp", "--domain=client.test", "--tls=off", "--auth=off", *TO])
    check([*host, "--timeout=5", "bob@example.net", "carol@example.net"])
    check([*host, "--connect-timeout=5", "--source-ip=", "--proxy-host=", "--socket=", *TO])
    check([*host, "bob@example.net", "refused@example.net"], REFUSED, said=True)
    check([*host, *TO], given=BIG)
    check([*host, "bob@example.net", "refused@example.net"], REFUSED, said=True, given=BIG)
    check([*host, "-d", *TO])
    check([*host, "-S"], sends=False)
    check([*host, "-X", "-", *TO])
    check([*host, "-X", "-", "--logfile-time-format=%Y", "refused@example.net"], REFUSED, said=True)
    check([*host, "--rmqs=example.net"], 69 if postfix else 0, said=True, sends=False)
    check(["--pretend", *host, "--tls", "--auth=on", "--user=joe", *TO], sends=False)
    check(["-P", *host, "--domain=%H", "--auth=plain", "--user=joe", "--passwordeval=echo x", *TO], sends=False)
    check(["-P", *host, "--tls-fingerprint=" + ":".join(["AB"] * 32), "--syslog=LOG_MAIL", "--proxy-host=p",
           "--proxy-port=99", "--socket=s", "--source-ip=127.0.0.1", "--tls-certcheck=off", *TO], sends=False)
    check([*TO], env={"SMTPSERVER": "127.0.0.1", "EMAIL": "me@example.com", "HOME": "/nonexistent"}, code=75, said=True)
    check(["-P", "-f", "x@example.com", *TO], sends=False,
          env={"SMTPSERVER": "127.0.0.1", "EMAIL": "me@example.com", "HOME": "/nonexistent"})


def complaints(pair, port):
    check, host = pair.check, ["--host=127.0.0.1", f"--port={port}", "--from=me@example.com"]
    check([*host], 64, said=True)
    check(["--bogus", *TO], 64)
    check([*host, "-a", "work", *TO], 64, said=True)
    check([*host, "--read-envelope-from", *TO], 64, said=True)
    check(["-S", "--rmqs=x", *host], 64, said=True)
    check([*host, "-S", "somebody"], 64, said=True)
    check([*host, "-bq", "x"], 64, said=True)
    for word in ("--dsn-notify=foo", "--dsn-return=foo", "--timeout=0", "--port=99999", "--auth=foo", "--tls=x",
                 "--protocol=x", "--tls-fingerprint=00:11", "--syslog=LOG_KERN", "--set-from-header=x"):
        check([*host, word, *TO], 64, said=True)
    check(["--host=127.0.0.1", f"--port={port}", *TO], 78, said=True)
    check(["-a", "nobody", *TO], 78, said=True)
    check(["-C", "/nonexistent", *TO], 74, said=True)
    check(["-C", pair.write("bad", "account a\nfoo bar\n"), *TO], 78, said=True)
    check(["-C", pair.write("twice", "account a\nhost x\naccount a\n"), *TO], 78, said=True)
    check(["-C", pair.write("orphan", "account a : b\n"), *TO], 78, said=True)
    check(["-C", pair.write("hostless", "account a\nfrom a@b\n"), "-a", "a", *TO], 78, said=True)
    check(["-C", pair.write("comma", "account a,b\n"), *TO], 78, said=True)
    check([*host, "--aliases=/nonexistent", "root"], 78, said=True)
    check([*host, "--aliases=" + pair.write("colon", "root x\n"), "root"], 78, said=True)
    check([*host, "--aliases=" + pair.write("same", "root: x\nroot: y\n"), "root"], 78, said=True)
    check([*host, "--aliases=" + pair.write("round", "a: b\nb: a\n"), "a"], 78, said=True)
    check([*host, "--tls", "--tls-key-file=x", *TO], 78, said=True)
    check([*host, "--tls", "--tls-cert-file=x", *TO], 78, said=True)
    check([*host, "--tls", "--tls-trust-file=", *TO], 78, said=True)
    check([*host, "--source-ip=x", *TO], 71, said=True)
    check([*host, "--source-ip=192.0.2.1", *TO], 71, said=True)
    check([*host, "--socket=/nonexistent/s", *TO], 75, said=True)
    check(["--host=nowhere.invalid", "--from=a@b", *TO], 68, said=True)
    check(["--host=127.0.0.1", f"--port={free_port()}", "--from=a@b", *TO], 75, said=True)


# ---- against servers of our own -------------------------------------------------------------------

def our_rules(pair, sink, host):
    """Where ours is stricter than the original, or kinder."""
    check, report = pair.check, pair.report
    done = check(["-C", pair.write("open", "account a\nhost x\nfrom a@b\npassword p\n", 0o644), "-a", "a", *TO], 78,
                 alone=True)
    report.check("a password that all may read", "contains secrets" in done["all"], done)
    check(["-a", "closed", *TO], 75)
    done = check([*host, "--tls", *TO], 69, said=True)
    report.check("attack 20: no STARTTLS, no mail", not sink.kept(), done)
    done = check([*host, "--", "b@example.net>\r\nRCPT TO:<x@example.net"], 65, alone=True)
    report.check("a recipient holds no command", not sink.kept(), done)
    done = check([*host, "--rmqs=x\r\nMAIL FROM:<a@b>"], 64, alone=True)
    report.check("nor does a queue", not any(b"MAIL" in line for line in sink.lines), sink.lines)
    done = check([*host, "--domain=x\r\nMAIL FROM:<a@b>", *TO], 78, alone=True)
    report.check("nor our own name", not sink.kept(), done)
    done = check([*host, "-Fx\r\nBcc: a@b", *TO], 65, given=BARE, alone=True)
    report.check("attack 49: a full name holds no field", not sink.kept(), done)
    check([*host, "bob@example.net", "later@example.net"], 75, alone=True)
    done = check([*host, "bob@example.net", "refused@example.net"], 65, said=True)
    report.check("a refused recipient: nobody gets it, and the reply is told whole", not sink.kept() and
                 "550-5.1.1 first line\nmsmtp: server message: 550 5.1.1 not here" in done["all"], done)
    check(["--host=127.0.0.1", host[1], "--from=refused@example.com", *TO], 65, said=True)
    for words, why in ((["--host=mail.example", "--auth=plain"], "over TLS only"),
                       (["--host=mail.example", "--tls", "--auth=plain"], "port 25 is for mail between servers")):
        done = check([*words, "--user=joe", "--passwordeval=echo x", "--from=a@b", *TO], 78, alone=True)
        report.check(f"attack 73: no login: {why}", why in done["all"], done)
    log = os.path.join(pair.home, "log")
    check([*host, "-X", log, *TO])
    check([*host, "-X", "~/log", "refused@example.net"], 65)
    with open(log, encoding="utf-8") as file:
        lines = file.readlines()
    report.check("lines in the log", re.search(
        r"host=127.0.0.1 tls=off auth=off from=me@example.com recipients=bob@example.net mailsize=\d+ smtpstatus=250 "
        r"smtpmsg='250 2.0.0 kept' exitcode=EX_OK\n$", lines[0]) and lines[-1].endswith(
        "smtpstatus=550 smtpmsg='550-5.1.1 first line\\n550 5.1.1 not here' errormsg='recipient address "
        "refused@example.net not accepted by the server' exitcode=EX_DATAERR\n"), lines)
    check([*host, "-X", "/nonexistent/log", *TO])
    for queue, code in (("a", 0), ("@abc", 65), ("bcc", 69), ("ccc", 69), ("ddd", 0), ("xx", 0)):
        check([*host, f"--rmqs={queue}"], code, said=True, sends=False)


def ways(pair, talker, host):
    check, report = pair.check, pair.report
    check([*host, "--source-ip=127.0.0.9", *TO])
    report.check("source_ip: both came from there", set(talker.seen[-2:]) == {"127.0.0.9"}, talker.seen)
    door = os.path.join(pair.home, "door")
    unix_door(door, talker.port)
    check(["--host=localhost", "--from=me@example.com", f"--socket={door}", *TO])
    proxy = NameSocks("127.0.0.1")
    through = [f"--proxy-port={proxy.port}", "--proxy-host=127.0.0.1", "--from=me@example.com"]
    check([*through, "--host=mail.hidden.example", f"--port={talker.port}", *TO])
    report.check("the proxy is told the name, which nobody here looks up",
                 set(proxy.asked) == {("mail.hidden.example", talker.port)}, proxy.asked)
    check([*through, "--host=x.example", f"--port={free_port()}", *TO], 69, said=True)
    check(["--proxy-host=127.0.0.1", f"--proxy-port={talker.port}", "--host=x", "--from=a@b", *TO], 69)
    check(["--proxy-host=127.0.0.1", f"--proxy-port={free_port()}", "--host=x", "--from=a@b", *TO], 75, said=True)
    lmtp = Lmtp(lmtp=True, capabilities=CAPABILITIES)
    kept, pair.sink = pair.sink, lmtp
    at = ["--host=127.0.0.1", f"--port={lmtp.port}", "--from=me@example.com", "--protocol=lmtp"]
    check([*at, "ann@example.net", "bob@example.net"])
    check([*at, "-S"], sends=False)
    check([*at, "-X", "-", "ann@example.net", "full@example.net", "bob@example.net"], 69, said=True)
    pair.sink = kept


def with_tls(pair, papers, direct):
    check, report, talker = pair.check, pair.report, pair.sink
    host = ["--host=localhost", f"--port={talker.port}", "--from=me@example.com", "--tls"]
    trust, sha256 = f"--tls-trust-file={papers.ca}", papers.fingerprint("sha256")
    check([*host, trust, *TO])
    check([*host, *TO], 69)
    check([*host, f"--tls-trust-file={papers.home}/none", *TO], 66)
    check([*host, trust, "--tls-host-override=127.0.0.1", *TO])
    check([*host, trust, "--tls-host-override=other.example", *TO], 69)
    check([*host, "--tls-certcheck=off", "-S"], sends=False)
    check([*host, trust, "-S"], sends=False)
    done = check([*host, "--tls-certcheck=off", *TO])
    report.check("certcheck off: a warning", "warning: tls_certcheck is off" in done["all"], done)
    check([*host, f"--tls-fingerprint={sha256}", *TO])
    check([*host, f"--tls-fingerprint={sha256}", "--host=127.0.0.1", *TO])
    check([*host, f"--tls-fingerprint={':'.join(['00'] * 32)}", *TO], 69, said=True)
    check([*host, f"--tls-fingerprint={':'.join(['00'] * 20)}", *TO], 69, said=True)
    for kind in ("sha1", "md5"):
        done = check([*host, f"--tls-fingerprint={papers.fingerprint(kind)}", *TO], 78, alone=True)
        report.check(f"{kind}: the new value to write", f"write tls_fingerprint {sha256}\n" in done["all"] and
                     not talker.kept(), done)
    check([*host, trust, f"--tls-crl-file={papers.none}", *TO])
    check([*host, trust, f"--tls-crl-file={papers.all}", *TO], 69)
    check([*host, trust, f"--tls-crl-file={papers.home}/x", *TO], 66)
    talker.seen.clear()
    check([*host, trust, f"--tls-cert-file={papers.client}", f"--tls-key-file={papers.client_key}", *TO])
    report.check("a client's certificate", all("joe" in s[1] for s in talker.seen if isinstance(s, tuple)) and
                 any(isinstance(s, tuple) for s in talker.seen), talker.seen)
    check([*host, trust, f"--tls-cert-file={papers.client}", f"--tls-key-file={papers.home}/x", *TO], 66)
    for version in ("TLS1.2", "TLS1.3"):
        talker.seen.clear()
        check([*host, trust, f"--tls-priorities=NORMAL:-VERS-ALL:+VERS-{version}", *TO])
        report.check(f"{version} by tls_priorities", {s[0] for s in talker.seen if isinstance(s, tuple)} ==
                     {version.replace("TLS", "TLSv")}, talker.seen)
    check([*host, trust, "--tls-priorities=NORMAL:+VERS-TLS1.0", *TO], 78, alone=True)
    check([*host, trust, "--tls-min-dh-prime-bits=1024", *TO])
    done = check([*host, trust, "--tls-starttls=off", *TO], 76)
    report.check("TLS from the first byte at the wrong port: the word to write", "write tls_starttls on" in done["all"],
                 done)
    kept, pair.sink = talker, direct
    check(["--host=localhost", f"--port={direct.port}", "--from=me@example.com", "--tls", "--tls-starttls=off", trust, *TO])
    pair.sink = kept
    logins(pair, [*host, trust], papers)


def logins(pair, host, papers):
    check, report = pair.check, pair.report
    plain = ["--auth=plain", "--user=joe"]
    right, wrong = "--passwordeval=echo right", "--passwordeval=echo wrong"
    check([*host, *plain, right, *TO])
    check([*host, "--auth", "--user=joe", right, *TO])
    check([*host, *plain, wrong, "-X", "-", *TO], 77, said=True)
    check([*host, *plain, "--passwordeval=false", *TO], 78)
    check([*host, "--auth=scram-sha-256", "--user=joe", right, *TO], 69, said=True)
    check([*host, "--auth=gssapi", "--user=joe", right, *TO], 69, said=True)
    check([*host, "--auth=plain", right, *TO], 69, said=True)
    check([*host, "--auth=external", "--user=joe", f"--tls-cert-file={papers.client}",
           f"--tls-key-file={papers.client_key}", *TO])
    done = check([*host, *plain, right, "-d", *TO])
    report.check("-d hides the login", "AUTH PLAIN ***" in done["raw"] and "AGpv" not in done["raw"], done["raw"])
    pair.write("tls.rc", f"account a\nhost localhost\nport {pair.sink.port}\nfrom me@example.com\ntls on\n"
                         f"tls_trust_file ~/ca.crt\nauth on\nuser joe\npassword right\n")
    check(["-C", os.path.join(pair.home, "tls.rc"), "-a", "a", *TO])
    check(["-C", os.path.join(pair.home, "tls.rc"), "-a", "a", "--user=eve", *TO], 77, said=True)
    pair.write(".netrc", "machine localhost login joe password right\n")
    check([*host, *plain, *TO])
    os.unlink(os.path.join(pair.home, ".netrc"))
    pair.write("secret-tool", "#!/bin/sh\n[ \"$*\" = 'lookup host localhost service smtp user joe' ] && echo right\n",
               0o755)
    check([*host, *plain, *TO], env={"PATH": pair.home + ":" + os.environ["PATH"]}, alone=True)
    for program in filter(None, (pair.ours, pair.theirs)):
        typed(pair, program, [*host, *plain, *TO])


def typed(pair, program, words):
    """The password is asked for on the terminal, while the message comes on stdin."""
    master, slave = pty.openpty()

    def own_terminal():
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    pair.sink.clear()
    with subprocess.Popen([program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=pair.environment(None), start_new_session=True, pass_fds=[slave],
                          preexec_fn=own_terminal) as process:
        process.stdin.write(LETTER)
        process.stdin.close()
        said = read_until(master, b": ")
        os.write(master, b"right\n")
        code = process.wait(60)
        said += read_until(master, b"\n")
    os.close(slave)
    os.close(master)
    pair.report.check(f"{program}: a password that is typed", code == 0 and said.startswith(
        b"password for joe at localhost: ") and b"right" not in said and pair.sink.wait(1), (code, said))


def read_until(terminal, end, seconds=20):
    said, last = b"", time.monotonic() + seconds
    while end not in said and time.monotonic() < last:
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 1000)
    return said


def system_log(pair, host):
    if os.geteuid() != 0 or os.path.exists("/dev/log"):
        return pair.report.skip("syslog", "/dev/log is somebody else's")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        try:
            log.settimeout(20)
            pair.check([*host, "--syslog=LOG_LOCAL3", *TO])
            lines = [log.recv(10000).decode().rstrip("\0\n") for _ in range(2 if pair.theirs else 1)]
        finally:
            os.unlink("/dev/log")
    lines = [re.sub(r"(?<=>)\w{3} [ \d]\d \d\d:\d\d:\d\d ", "", re.sub(r"mailsize=\d+", "", line)) for line in lines]
    return pair.report.check("syslog: facility, words", len(set(lines)) == 1 and lines[0].startswith(
        "<158>msmtp: host=127.0.0.1 tls=off"), lines)


def configured(pair):
    done = pair.check(["--configure=joe@gmail.com"], alone=True, sends=False)
    path = pair.write("configured", done["raw"])
    for program in filter(None, (pair.ours, pair.theirs)):
        said = pair.run(program, ["-C", path, "-P", "-f", "joe@gmail.com", "--auth=plain", "--passwordeval=echo x", *TO],
                        sends=False)
        pair.report.check(f"{program}: reads what --configure wrote", said["exit"] == 0 and
                          "host = smtp.gmail.com" in said["raw"] and "user = joe@gmail.com" in said["raw"], said)
    pair.check(["--configure=nobody"], 65, sends=False)
    done = pair.check(["--configure=joe@outlook.com"], alone=True, sends=False)
    pair.report.check("--configure: who takes no password", "auth xoauth2\n" in done["raw"] and
                      "secret-tool" not in done["raw"], done)


def main():
    need_program()
    report = Report()
    sink = Sink(capabilities=(*CAPABILITIES, "ETRN"), answer=lambda verb, line, session: (
        "550 5.1.1 not here" if verb == "RCPT" and b"refused@" in line else
        "250 2.0.0 started" if verb == "ETRN" else None))
    pair = Pair(report, sink)
    postfix, why = StrictPostfix.make(sink.port)
    if postfix is None:
        report.skip("Postfix", why)
    port = postfix.port if postfix else sink.port
    files(pair, port)
    with_files(pair)
    by_options(pair, port, postfix)
    complaints(pair, port)
    talker = pair.sink = Talker(capabilities=(*CAPABILITIES, "ETRN"))
    host = ["--host=127.0.0.1", f"--port={talker.port}", "--from=me@example.com"]
    our_rules(pair, talker, host)
    ways(pair, talker, host)
    system_log(pair, host)
    configured(pair)
    if tool("openssl"):
        papers = Papers(pair)
        pair.sink = Talker(capabilities=(*CAPABILITIES, "AUTH PLAIN EXTERNAL"), tls=papers.context())
        with_tls(pair, papers, Talker(capabilities=CAPABILITIES, implicit=papers.context()))
    else:
        report.skip("TLS", "openssl is not installed")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
