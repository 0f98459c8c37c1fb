"""`smtptool send` as a whole: what it composes, the ways it takes, what it says when there is none
(first bytes, certificates, ports), what it refuses before anything is sent, and what it remembers.

Attacks: 19, 20 (a STARTTLS that is answered too much or not offered), 48 to 51 (line ends through
the newer options), 53 (through fields of a template), 73 (no login in clear).
"""
import email
import email.policy
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading

from _check import SMTPTOOL, Report, at_end, folder, free_port, need_program, write
from _server import Server, make_certificate
from _smtp import CAPABILITIES, Sink

LOGIN = CAPABILITIES + ("AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256",)


def let_in(verb, *_):
    return "235 2.7.0 in" if verb == "AUTH" else None


class Place:
    """A user's own folders, a certificate, a sink without TLS and one with STARTTLS."""

    def __init__(self):
        self.folder = folder()
        self.certificate, self.key = make_certificate(self.folder)
        self.env = {**os.environ, "HOME": self.folder, "XDG_STATE_HOME": f"{self.folder}/state",
                    "XDG_CACHE_HOME": f"{self.folder}/cache", "PASSWORD": "hunter2-secret"}
        self.sink = Sink()
        self.url = f"smtp://127.0.0.1:{self.sink.port}?tls=none"
        self.login = Sink(capabilities=LOGIN, answer=let_in)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, self.key)

    def path(self, name, content):
        return write(os.path.join(self.folder, name), content)

    def run(self, *args, stdin=b""):
        return subprocess.run([SMTPTOOL, *args], input=stdin, capture_output=True, timeout=120,
                              env=self.env, cwd=self.folder)

    def send(self, *args, server=None, stdin=b"", sender=("--from", "Al <a@our.test>"), retries="0"):
        where = ("--server", server or self.url) if server != "" else ()
        return self.run("send", *where, "--retries", retries, *sender, *args, stdin=stdin)


def listener(serve, port=None):
    """serve(socket) for each connection, which is closed then. Returns the port."""
    server = socket.create_server(("127.0.0.1", port or free_port()))

    def accept():
        while True:
            try:
                sock, _ = server.accept()
            except OSError:
                return
            try:
                serve(sock)
            except OSError:
                pass
            sock.close()
    threading.Thread(target=accept, daemon=True).start()
    at_end(server.close)
    return server.getsockname()[1]


def parsed(message):
    return email.message_from_bytes(message.data, policy=email.policy.default)


# ---- what is composed ------------------------------------------------------------------------

def composing(report, place):
    sink = place.sink
    text, page = place.path("t.txt", "from a file\n"), place.path("p.html", "<p>page</p>")
    data = place.path("data.bin", b"\x00\x01\xff")

    def one(name, *args, stdin=b""):
        sink.clear()
        done = place.send(*args, "b@there.test", stdin=stdin)
        kept = sink.kept()
        if report.check(f"{name}: sent", done.returncode == 0 and len(kept) == 1, done):
            return kept[0], parsed(kept[0])
        return None, None

    raw, m = one("text and HTML from files", "--text", f"@{text}", "--html", f"@{page}")
    if m:
        report.check("text and HTML from files", "from a file" in m.get_body(("plain",)).get_content()
                     and "page" in m.get_body(("html",)).get_content(), raw.data)
    _, m = one("text from stdin", "--text", "-", stdin=b"by stdin\n")
    report.check("text from stdin", m and "by stdin" in m.get_content(), m)
    _, m = one("@@ is @", "--text", "@@home")
    report.check("@@ is @", m and m.get_content().strip() == "@home", m)
    probe = place.send("--dry-run", "--markdown", "x", "b@there.test", server="")
    if b"libmd4c" in probe.stderr:
        report.skip("Markdown", "libmd4c-html0 is not installed")
    else:
        _, m = one("Markdown", "--markdown", "# Hi\n\n*you*")
        report.check("Markdown is both", m and "<h1>Hi</h1>" in m.get_body(("html",)).get_content()
                     and "*you*" in m.get_body(("plain",)).get_content(), m)
    raw, m = one("an attachment's type", "--text", "t", "--attach", f"{data}:application/x-odd")
    if m:
        parts = list(m.iter_attachments())
        report.check("an attachment's type", parts and parts[0].get_content_type() == "application/x-odd"
                     and parts[0].get_content() == b"\x00\x01\xff", raw.data)
    raw, m = one("Reply-To and an envelope sender", "--text", "t", "--reply-to", "Re <r@our.test>",
                 "--envelope-from", "bounce@our.test")
    if m:
        report.equal("Reply-To", m["Reply-To"].addresses[0].addr_spec, "r@our.test")
        report.equal("the envelope's sender", raw.sender, "bounce@our.test")
    raw, _ = one("--utf8", "--utf8", "--subject", "Grüße", "--text", "t")
    report.check("--utf8: fields as they are, and SMTPUTF8", raw and "Grüße".encode() in raw.data
                 and "SMTPUTF8" in raw.mail, raw and raw.mail)
    raw, _ = one("DSN and priority", "--dsn", "success,delay", "--text", "t")
    report.check("--dsn", raw and "NOTIFY=" in raw.rcpts[0], raw and raw.rcpts)


def templates(report, place):
    text = place.path("letter.txt", "Hello {{name}}, {{#if vip = yes}}dear {{/if}}friend\n")
    page = place.path("letter.html", "<p>Hello {{name}}</p>\n")
    place.sink.clear()
    done = place.send("--template", text, "--template", page, "--subject", "For {{name}}", "--var",
                      "name=A <b>", "--var", "vip=yes", "b@there.test")
    kept = place.sink.kept()
    if report.check("a template: sent", done.returncode == 0 and kept, done):
        m = parsed(kept[0])
        report.check("a template: the text", "Hello A <b>, dear friend" in
                     m.get_body(("plain",)).get_content(), kept[0].data)
        report.check("a template: a value is no markup", "Hello A &lt;b&gt;" in
                     m.get_body(("html",)).get_content(), kept[0].data)
        report.equal("a template: the subject", m["Subject"], "For A <b>")
    for what, end in (("CRLF", "\r\n"), ("LF", "\n"), ("CR", "\r")):
        done = place.send("--template", text, "--subject", "For {{name}}", "--var",
                          f"name=x{end}Bcc: evil@injected.test", "--var", "vip=", "b@there.test")
        report.check(f"attack 53: {what} in a field of the subject", done.returncode == 64
                     and len(place.sink.kept()) == 1, done)
    done = place.send("--template", text, "--var", "nome=x", "b@there.test")
    report.check("a field that is misspelt has its place", done.returncode == 64
                 and b"letter.txt:1:" in done.stderr, done)


def by_account(report, place):
    config = place.path("accounts.yaml", f"accounts:\n  work:\n    user: alice\n    secret: env:PASSWORD\n"
                        f"    mechanism: PLAIN\n    return_path: bounces@our.test\n    servers: [\"smtp://127.0.0.1:{place.login.port}?tls=none\"]\n")
    place.login.clear()
    done = place.run("-C", config, "send", "--account", "work", "--from", "a@our.test", "--text", "t",
                     "b@there.test")
    kept = place.login.kept()
    if report.check("--account: its server and login", done.returncode == 0 and kept, done):
        report.equal("--account: its return path", kept[0].sender, "bounces@our.test")
    done = place.run("-C", config, "send", "--account", "work", "--from", "a@our.test", "--envelope-from",
                     "<>", "--text", "t", "b@there.test")
    report.check("--envelope-from goes before it", done.returncode == 0
                 and place.login.kept()[-1].sender == "", done)


def header_recipients(report, place):
    sink = place.sink
    sink.clear()
    mail = (b"From: a@our.test\nTo: b@there.test, C <c@there.test>\nBcc: hidden@there.test\n"
            b"Subject: t\n\nhi\n")
    done = place.send("-t", stdin=mail, sender=())
    kept = sink.kept()
    if report.check("-t: sent", done.returncode == 0 and kept, done):
        report.equal("-t: all of them", sorted(kept[0].recipients),
                     ["b@there.test", "c@there.test", "hidden@there.test"])
        report.check("-t: Bcc is taken out", b"hidden" not in kept[0].data, kept[0].data)


def signing(report, place):
    key = os.path.join(place.folder, "s1.pem")
    place.run("dkim", "keygen", "--out", key)
    record = json.loads(place.run("dkim", "dns", "--key", key, "--json").stdout)["value"]
    zone = place.path("dkim.zone", f's1._domainkey.our.test. TXT "{record[:200]}" "{record[200:]}"\n')
    place.sink.clear()
    done = place.send("--text", "t", "--dkim", f"our.test:s1:{key}", "b@there.test")
    kept = place.sink.kept()
    if report.check("--dkim: sent", done.returncode == 0 and kept, done):
        signed = place.path("signed.eml", kept[0].data)
        verdict = place.run("dkim", "verify", "--dns-zone", zone, signed)
        report.equal("--dkim: the signature holds", verdict.returncode, 0)
    return key, record


def hostile(report, place):
    """Attacks 48 to 51, through the options that are not in send_odd.py."""
    for what, end in (("CRLF", "\r\n"), ("LF", "\n"), ("CR", "\r")):
        bad = f"x{end}Bcc: evil@injected.test"
        for option, value in (("--reply-to", f"r@our.test{end}Bcc: evil@injected.test"),
                              ("--envelope-from", f"e@our.test>{end}RCPT TO:<evil@injected.test"),
                              ("--idempotency-key", bad)):
            place.sink.clear()
            done = place.send("--text", "t", option, value, "b@there.test")
            report.check(f"attack 48: {what} in {option}: refused", done.returncode in (64, 65), done)
            report.equal(f"attack 48: {what} in {option}: nothing sent", len(place.sink.kept()), 0)
    name = f"q\"\r\nBcc: evil@injected.test"
    path = os.path.join(place.folder, name)
    write(path, b"odd")
    place.sink.clear()
    done = place.send("--text", "t", "--attach", path, "b@there.test")
    kept = place.sink.kept()
    report.check("attack 51: a file's name cannot add a field",
                 not kept or not re.search(rb"(?mi)^bcc:", kept[0].data), done)


# ---- when there is no way --------------------------------------------------------------------

FIRST_BYTES = [  # what it says first, by smtps:// or smtp://, what we say of it
    ("STARTTLS port", b"220 mx ESMTP\r\n", "smtps", "write smtp://127.0.0.1:"),
    ("POP3 by TLS", b"+OK ready\r\n", "smtps", "POP3"),
    ("IMAP by TLS", b"* OK ready\r\n", "smtps", "IMAP"),
    ("web by TLS", b"HTTP/1.1 400 Bad Request\r\n\r\n", "smtps", "web server"),
    ("SSH by TLS", b"SSH-2.0-x\r\n", "smtps", "SSH server"),
    ("POP3", b"+OK ready\r\n", "smtp", "POP3"),
    ("IMAP", b"* OK ready\r\n", "smtp", "IMAP"),
    ("web", b"HTTP/1.1 400 Bad Request\r\n\r\n", "smtp", "web server"),
    ("SSH", b"SSH-2.0-x\r\n", "smtp", "SSH server"),
    ("a TLS alert", b"\x15\x03\x03\x00\x02\x02\x0a", "smtp", "write smtps://127.0.0.1:"),
    ("a TLS handshake", b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00", "smtp", "write smtps://127.0.0.1:"),
    ("closed", b"", "smtp", "closed before a word"),
]


def first_bytes(report, place):
    for name, first, scheme, says in FIRST_BYTES:
        def serve(sock, first=first):
            sock.sendall(first)
            if first:
                sock.settimeout(20)
                while sock.recv(4096):
                    pass
        port = listener(serve)
        query = "?tls=none" if scheme == "smtp" else ""
        done = place.send("--text", "t", "b@there.test", server=f"{scheme}://127.0.0.1:{port}{query}")
        report.check(f"first bytes: {name}", says in done.stderr.decode(), done.stderr)
    done = place.send("--text", "t", "b@there.test", server=f"smtp://127.0.0.1:{free_port()}")
    report.check("refused has its sentence", b"refused: nothing listens at port" in done.stderr, done)
    report.equal("refused: later", done.returncode, 75)
    zone = place.path("none.zone", "other.test. A 127.0.0.1\n")
    done = place.send("--text", "t", "b@there.test", "--dns-zone", zone, server="nope.test")
    report.check("no such host", done.returncode == 68 and b"does not exist in the DNS" in done.stderr, done)


def silence(report, place):
    """Silent in clear, but it speaks TLS: that is found out and told."""
    def serve(sock):
        with place.tls.wrap_socket(sock, server_side=True) as inside:
            inside.recv(1)
    done = place.send("--io-timeout", "2s", "--text", "t", "b@there.test",
                      server=f"smtp://127.0.0.1:{listener(serve)}")
    report.check("TLS from the first byte is found out", b"write smtps://127.0.0.1:" in done.stderr, done)


def certificates(report, place):
    sink = Sink(tls=place.tls, capabilities=LOGIN)
    url = f"smtp://localhost:{sink.port}"
    done = place.send("--text", "t", "b@there.test", server=url)
    report.check("self-signed", done.returncode == 76 and b"self-signed" in done.stderr, done)
    done = place.send("--ca-file", place.certificate, "--text", "t", "b@there.test", "-v", server=url)
    report.check("trusted", done.returncode == 0 and b" ~> MAIL" in done.stderr
                 and b"=== TLS: TLSv1" in done.stderr, done)
    zone = place.path("wrong.zone", "wrong.test. A 127.0.0.1\n")
    done = place.send("--ca-file", place.certificate, "--dns-zone", zone, "--text", "t", "b@there.test",
                      server=f"smtp://wrong.test:{sink.port}")
    report.check("a wrong name names the names", done.returncode == 76
                 and b"not for wrong.test but for localhost" in done.stderr, done)
    login = ("--user", "alice", "--secret", "env:PASSWORD", "--ca-file", place.certificate)
    sink.lines.clear()
    done = place.send(*login, "--text", "t", "b@there.test", "-v", server=url)
    report.check("the strongest mechanism is tried first", any(
        line.startswith(b"AUTH SCRAM-SHA-256") for line in sink.lines), sink.lines)
    report.check("no secret is shown", b"hunter2" not in done.stderr + done.stdout, done)
    done = place.send(*login, "--mechanism", "XOAUTH2", "--text", "t", "b@there.test", server=url)
    report.check("no common mechanism", done.returncode == 77
                 and b"the account wants XOAUTH2" in done.stderr, done)


def downgrades(report, place):
    """Attacks 19, 20, 73."""
    sink = Sink(capabilities=LOGIN)  # its STARTTLS was removed on the way
    login = ("--user", "alice", "--secret", "env:PASSWORD")
    for name, args, exits in (
            ("without a login", (), 76), ("with one", login, 76)):
        done = place.send(*args, "--text", "t", "b@there.test", server=f"smtp://127.0.0.1:{sink.port}")
        report.equal(f"attack 20: a stripped STARTTLS, {name}", done.returncode, exits)
    report.check("attack 20: neither mail nor login was said", not any(
        line.startswith((b"AUTH", b"MAIL")) for line in sink.lines), sink.lines)
    zone = place.path("far.zone", "far.test. A 127.0.0.1\n")
    for query in ("?tls=none", "?tls=opportunistic"):
        done = place.send(*login, "--dns-zone", zone, "--text", "t", "b@there.test",
                          server=f"smtp://far.test:{sink.port}{query}")
        report.equal(f"attack 73: no login by {query}", done.returncode, 64)
    done = place.send(*login, "--text", "t", "b@there.test", server="smtp://127.0.0.1:25")
    report.check("no login at port 25", done.returncode == 64 and b"587 or 465" in done.stderr, done)

    def inject(verb, _, session):
        if verb == "STARTTLS":
            return b"220 go\r\n250-sink.test\r\n250 AUTH PLAIN\r\n"
        return None
    liar = Sink(tls=place.tls, answer=inject, capabilities=LOGIN)
    done = place.send(*login, "--ca-file", place.certificate, "--text", "t", "b@there.test",
                      server=f"smtp://localhost:{liar.port}")
    report.check("attack 19: words behind the 220", done.returncode != 0
                 and b"response injection" in done.stderr and not liar.kept(), done)


WORDS = [("ssl://127.0.0.1:%d", None), ("starttls://127.0.0.1:%d", None),
         ("tls://127.0.0.1:%d", "smtps://"), ("smtp://127.0.0.1:%d?tls=ssl", "smtps://"),
         ("smtp://127.0.0.1:%d?tls=starttls", "a must and verified")]


def words(report, place):
    for server, advice in WORDS:
        done = place.send("--dry-run", "--text", "t", "b@there.test", server=server % 2525)
        good = done.returncode == 0 if advice is None else (
            done.returncode == 64 and advice in done.stderr.decode())
        report.check(f"a word of others: {server}", good, done)


# ---- other ways ------------------------------------------------------------------------------

def by_mx(report, place):
    first = Sink()
    zone = place.path("mx.zone", "one.test. MX 10 mx.one.test.\nmx.one.test. A 127.0.0.1\n"
                                 "two.test. MX 10 mx.two.test.\nmx.two.test. A 127.0.0.1\n"
                                 "null.test. MX 0 .\n")
    port = str(first.port)
    done = place.send("--mx", "--mx-port", port, "--dns-zone", zone, "--text", "t",
                      "b@one.test", "c@two.test", "d@one.test", server="")
    report.equal("--mx: sent", done.returncode, 0)
    report.equal("--mx: one mail for each domain", sorted(m.recipients for m in first.kept()),
                 [["b@one.test", "d@one.test"], ["c@two.test"]])
    done = place.send("--mx", "--mx-port", port, "--dns-zone", zone, "--text", "t", "b@null.test", server="")
    report.check("--mx: a null MX", done.returncode == 68 and b"takes no mail" in done.stderr, done)
    done = place.send("--mx", "--mx-port", port, "--dns-zone", zone, "--text", "t", "x@[127.0.0.1]", server="")
    report.check("--mx: an address literal", done.returncode == 0
                 and first.kept()[-1].recipients == ["x@[127.0.0.1]"], done)
    done = place.send("--mx", "--mx-port", port, "--requiretls", "--dns-zone", zone, "--text", "t",
                      "b@one.test", server="")
    report.check("--mx: REQUIRETLS is kept", done.returncode in (75, 76) and len(first.kept()) == 3, done)


def by_queue(report, place):
    server = Server(routes=[{"to": "*", "via": [f"smtp://127.0.0.1:{place.sink.port}?tls=none"]}])
    server.start()
    place.sink.clear()
    done = place.run("-C", server.file, "send", "--queue", "--from", "a@our.test", "--text", "queued",
                     "b@there.test")
    report.check("--queue: taken", done.returncode == 0 and b"250 2.0.0" in done.stdout, done)
    report.equal("--queue: delivered", len(place.sink.wait(1)), 1)


def preflight(report, place, key, record):
    records = f's1._domainkey.our.test. TXT "{record[:200]}" "{record[200:]}"\n'
    good = (records + 'our.test. TXT "v=spf1 ip4:127.0.0.1 -all"\nour.test. MX 10 mx.our.test.\n'
            'mx.our.test. A 127.0.0.1\n_dmarc.our.test. TXT "v=DMARC1; p=reject"\n')
    cases = [("all is well", good, 0, b""),
             ("no SPF", good.replace('our.test. TXT "v=spf1 ip4:127.0.0.1 -all"\n', ""), 65, b"v=spf1 a:127.0.0.1 -all"),
             ("another key", good.replace(record[60:80], record[80:100]), 65, b"s1._domainkey.our.test"),
             ("no key", good.replace(records, ""), 65, b"v=DKIM1"),
             ("no MX", good.replace("our.test. MX 10 mx.our.test.\n", "our.test. MX 0 .\n"), 65, b"takes no mail"),
             ("no DMARC is told", good.replace('_dmarc.our.test. TXT "v=DMARC1; p=reject"\n', ""), 0, b"v=DMARC1; p=none")]
    for name, zone, exits, says in cases:
        place.sink.clear()
        done = place.send("--preflight", "--dns-zone", place.path("pre.zone", zone), "--dkim",
                          f"our.test:s1:{key}", "--text", "t", "b@there.test")
        report.check(f"preflight: {name}", done.returncode == exits and says in done.stderr, done)
        report.equal(f"preflight: {name}: sent", len(place.sink.kept()), 1 if exits == 0 else 0)


def checking(report, place):
    bad = place.path("bad.eml", "From: a@our.test\nTo: b@there.test\n\nhi\n")
    place.sink.clear()
    done = place.send("--verify", "--eml", bad, "b@there.test", sender=())
    report.check("--verify refuses", done.returncode == 65 and b"no-date" in done.stderr, done)
    done = place.send("--verify", "--text", "t", "--subject", "s", "--envelope-from", "x@elsewhere.test",
                      "b@there.test")
    report.check("--verify tells who disagrees", b"unaligned-sender" in done.stderr, done)
    done = place.send("--dry-run", "--text", "t", "--attach", bad, "b@there.test")
    for part in (b"via   smtp://", b"tls   none", b"to    <b@there.test>", b"multipart/mixed"):
        report.check(f"--dry-run shows {part.decode()}", part in done.stderr, done)
    report.equal("--dry-run sends nothing", len(place.sink.kept()), 1)


# ---- what is remembered ----------------------------------------------------------------------

def memory(report, place):
    place.sink.clear()
    for _ in range(2):
        done = place.send("--idempotency-key", "order-17", "--text", "t", "b@there.test")
        report.equal("a key: the exit is that of a mail that was sent", done.returncode, 0)
    report.equal("a key: sent once", len(place.sink.kept()), 1)
    place.send("--idempotency-key", "order-17", "--text", "t", "b@there.test", "c@there.test")
    report.equal("a key: only who has not got it", place.sink.kept()[-1].recipients, ["c@there.test"])
    ids = {parsed(m)["Message-ID"] for m in place.sink.kept()}
    report.equal("a key: one Message-ID", len(ids), 1)
    rows = [json.loads(l) for l in place.run("sent", "ls", "--json").stdout.splitlines()]
    report.check("sent ls", rows and rows[0]["outcome"] == "sent" and rows[0]["key"] == "order-17", rows[:1])
    shown = place.run("sent", "show", str(rows[0]["id"]))
    report.check("sent show", shown.returncode == 0 and b"c@there.test: sent: 250" in shown.stdout, shown)
    report.check("sent show: no body unless asked", b"Message-ID:" not in shown.stdout, shown)
    report.equal("sent show: nothing like that", place.run("sent", "show", "nope").returncode, 1)
    path = os.path.join(place.folder, "state/smtptool/sent.db")
    report.equal("sent.db is the user's", oct(os.stat(path).st_mode & 0o777), "0o600")


class Mailbox:
    """As much of IMAP as APPEND needs."""

    def __init__(self, refuse=False):
        self.kept, self.flags, self.logins, self.refuse = [], [], [], refuse
        self.port = listener(self.serve)

    def serve(self, sock):
        file = sock.makefile("rb")
        sock.sendall(b"* OK IMAP4rev1 ready\r\n")
        while True:
            line = file.readline()
            if not line:
                return
            tag, verb, *rest = line.split()
            if verb.upper() == b"CAPABILITY":
                sock.sendall(b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n")
            if verb.upper() in (b"LOGIN", b"AUTHENTICATE"):
                self.logins.append(line)
                if self.refuse:
                    sock.sendall(tag + b" NO wrong\r\n")
                    continue
            if verb.upper() == b"APPEND":
                self.flags.append(b" ".join(rest))
                sock.sendall(b"+ go\r\n")
                self.kept.append(file.read(int(re.search(rb"\{(\d+)\}", line)[1])))
                file.readline()
            sock.sendall(tag + b" OK done\r\n")
            if verb.upper() == b"LOGOUT":
                return


def save_sent(report, place):
    sink, box = Sink(capabilities=LOGIN, answer=let_in), Mailbox()
    login = ("--user", "alice", "--secret", "env:PASSWORD", "--mechanism", "PLAIN", "--text", "kept too")
    url = f"smtp://127.0.0.1:{sink.port}?tls=none"
    done = place.send(*login, "--save-sent", f"imap://127.0.0.1:{box.port}/Sent", "b@there.test", server=url)
    if b"libcurl" in done.stderr:
        return report.skip("--save-sent", "there is no libcurl")
    report.check("--save-sent: sent and kept", done.returncode == 0 and len(box.kept) == 1
                 and b"kept too" in box.kept[0], done)
    report.check("--save-sent: seen, in its folder", box.flags and b"\\Seen" in box.flags[0]
                 and b"Sent" in box.flags[0], box.flags)
    closed = Mailbox(refuse=True)
    done = place.send(*login, "--save-sent", f"imap://127.0.0.1:{closed.port}/Sent", "b@there.test", server=url)
    report.check("--save-sent: a refused login is told, the mail is sent", done.returncode == 0
                 and b"the login was refused" in done.stderr and len(sink.kept()) == 2, done)
    for bad in ("imap://mail.test/Sent", "imaps://u:p@mail.test/Sent", "imaps://mail.test/", "http://x/y"):
        done = place.send(*login, "--save-sent", bad, "b@there.test", server=url)
        report.check(f"--save-sent {bad}: refused", done.returncode == 64 and b":p@" not in done.stderr, done)
    return None


def main():
    need_program()
    report, place = Report(), Place()
    composing(report, place)
    templates(report, place)
    by_account(report, place)
    header_recipients(report, place)
    key, record = signing(report, place)
    hostile(report, place)
    first_bytes(report, place)
    silence(report, place)
    certificates(report, place)
    downgrades(report, place)
    words(report, place)
    by_mx(report, place)
    by_queue(report, place)
    preflight(report, place, key, record)
    checking(report, place)
    memory(report, place)
    save_sent(report, place)
    sys.exit(report.finish())


if __name__ == "__main__":
    main()
