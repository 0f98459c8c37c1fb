"""SMTP spoken byte by byte: a client that sends exactly what it is told, and a server that keeps
exactly what it is sent. Neither knows better than the test: nothing is mended, refused or hidden.
"""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import threading
import time

from _check import at_end, free_port, until


class Closed(Exception):
    """The other side closed the connection."""


def client_tls(ca=None, alpn=None):
    context = ssl.create_default_context(cafile=ca)
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.raw = b"".join(lines)
        self.code = int(lines[0][:3]) if lines[0][:3].isdigit() else 0
        self.texts = [line[4:].rstrip(b"\r\n").decode("utf-8", "replace") for line in lines]
        first = self.texts[0].split(" ")[0]
        self.enhanced = first if first.count(".") == 2 and first[0].isdigit() else ""

    def __repr__(self):
        return self.raw.decode("latin1").rstrip().replace("\r\n", " / ")


class Client:
    """A connection; close() or leave it to the end of the with."""

    def __init__(self, port, host="127.0.0.1", tls=None, source=None, seconds=30, greet=True):
        self.sock = socket.create_connection(
            (host, port), seconds, source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.capabilities = {}
        if tls:
            self.start_tls(tls)
        self.greeting = self.reply() if greet else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def start_tls(self, context, name="localhost"):
        self.sock = context.wrap_socket(self.sock, server_hostname=name)
        self.buffer = b""

    # ---- bytes

    def send(self, data):
        self.sock.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            try:
                more = self.sock.recv(65536)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as e:
                raise Closed(str(e)) from e
            if not more:
                raise Closed(f"after {self.buffer!r}")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line + b"\n"

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return Reply(lines)

    def closed(self, seconds=10):
        """True when the server says no more and closes; whatever it says first is kept in rest."""
        self.rest = self.buffer
        self.sock.settimeout(seconds)
        try:
            while True:
                more = self.sock.recv(65536)
                if not more:
                    return True
                self.rest += more
        except socket.timeout:
            return False
        except OSError:
            return True

    # ---- commands

    def command(self, text):
        self.send((text.encode() if isinstance(text, str) else text) + b"\r\n")
        return self.reply()

    def ehlo(self, name="client.test"):
        r = self.command(f"EHLO {name}")
        self.capabilities = {}
        for text in r.texts[1:]:
            word, _, rest = text.partition(" ")
            self.capabilities[word.upper()] = rest
        return r

    def starttls(self, context):
        r = self.command("STARTTLS")
        if r.code == 220:
            self.start_tls(context)
            self.ehlo()
        return r

    def mail(self, sender, *rcpts, params="", rcpt_params=""):
        """MAIL and RCPTs one by one; the replies."""
        replies = [self.command(f"MAIL FROM:<{sender}>{' ' + params if params else ''}")]
        for rcpt in rcpts:
            replies.append(self.command(f"RCPT TO:<{rcpt}>{' ' + rcpt_params if rcpt_params else ''}"))
        return replies

    def data(self, content):
        """DATA and the content, dots stuffed; the reply to the whole."""
        r = self.command("DATA")
        if r.code != 354:
            return r
        self.send(stuff(content))
        return self.reply()

    def bdat(self, chunk, last=False):
        self.send(b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if last else b"") + chunk)
        return self.reply()

    def message(self, sender, rcpt, content):
        """A whole transaction; the last reply."""
        for r in self.mail(sender, *([rcpt] if isinstance(rcpt, str) else rcpt)):
            if r.code // 100 != 2:
                return r
        return self.data(content)

    # ---- logging in

    def auth_plain(self, user, password, authzid="", initial=True):
        token = base64.b64encode(f"{authzid}\0{user}\0{password}".encode()).decode()
        if initial:
            return self.command(f"AUTH PLAIN {token}")
        r = self.command("AUTH PLAIN")
        return self.command(token) if r.code == 334 else r

    def auth_login(self, user, password):
        r = self.command("AUTH LOGIN")
        for word in (user, password):
            if r.code != 334:
                return r
            r = self.command(base64.b64encode(word.encode()))
        return r

    def auth_cram_md5(self, user, password):
        r = self.command("AUTH CRAM-MD5")
        if r.code != 334:
            return r
        challenge = base64.b64decode(r.texts[0])
        digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
        return self.command(base64.b64encode(f"{user} {digest}".encode()))

    def auth_scram(self, user, password, mechanism="SCRAM-SHA-256", change=lambda final: final,
                   header="n,,"):
        """RFC 5802. Returns the last reply; self.server_proved tells whether v= was right.
        change() may spoil the client's final message."""
        name = "sha256" if "256" in mechanism else "sha1"
        binding = b""
        if mechanism.endswith("-PLUS"):
            header, binding = "p=tls-unique,,", self.sock.get_channel_binding("tls-unique") or b""
        nonce = base64.b64encode(os.urandom(18)).decode()
        escaped = user.replace("=", "=3D").replace(",", "=2C")
        bare = f"n={escaped},r={nonce}"
        self.server_proved = False
        r = self.command(f"AUTH {mechanism} {base64.b64encode((header + bare).encode()).decode()}")
        if r.code != 334:
            return r
        server_first = base64.b64decode(r.texts[0]).decode()
        facts = dict(part.split("=", 1) for part in server_first.split(","))
        if not facts["r"].startswith(nonce):
            raise ValueError("the server changed our nonce")
        salted = hashlib.pbkdf2_hmac(name, password.encode(), base64.b64decode(facts["s"]),
                                     int(facts["i"]))
        channel = base64.b64encode(header.encode() + binding).decode()
        without = f"c={channel},r={facts['r']}"
        whole = f"{bare},{server_first},{without}".encode()
        client_key = hmac.digest(salted, b"Client Key", name)
        stored_key = hashlib.new(name, client_key).digest()
        signature = hmac.digest(stored_key, whole, name)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        final = f"{without},p={base64.b64encode(proof).decode()}"
        r = self.command(base64.b64encode(change(final).encode()))
        if r.code == 334:
            want = hmac.digest(hmac.digest(salted, b"Server Key", name), whole, name)
            said = base64.b64decode(r.texts[0]).decode()
            self.server_proved = said == "v=" + base64.b64encode(want).decode()
            r = self.command("")
        return r


def stuff(content):
    """Dots doubled at line starts, the end of data added (RFC 5321 section 4.5.2)."""
    if content.startswith(b"."):
        content = b"." + content
    content = content.replace(b"\r\n.", b"\r\n..")
    return content + (b".\r\n" if content.endswith(b"\r\n") or not content else b"\r\n.\r\n")


# ---- a server that keeps bytes ---------------------------------------------------------------

class Message:
    """One that was taken: helo, mail and rcpts as sent, raw as on the wire, data unstuffed."""

    def __init__(self, helo):
        self.helo, self.mail, self.rcpts, self.raw, self.chunks = helo, "", [], b"", 0
        self.data = b""

    @property
    def sender(self):
        return self.mail.split("<", 1)[1].split(">", 1)[0]

    @property
    def recipients(self):
        return [r.split("<", 1)[1].split(">", 1)[0] for r in self.rcpts]


CAPABILITIES = ("PIPELINING", "8BITMIME", "SIZE 100000000", "SMTPUTF8", "DSN",
                "ENHANCEDSTATUSCODES")


class Sink:
    """Takes every message. answer(verb, line, session) may return another reply, or None; verb is
    CONNECT, EHLO, MAIL, ..., or DOT. A reply of b"" closes the connection."""

    def __init__(self, capabilities=CAPABILITIES, answer=None, lmtp=False, tls=None, port=None, host="127.0.0.1"):
        self.capabilities, self.answer, self.lmtp, self.tls = capabilities, answer, lmtp, tls
        self.messages, self.lines, self.lock = [], [], threading.Lock()
        self.connections = 0
        self.port = port or free_port()
        self.listener = socket.create_server((host, self.port), backlog=512)
        self.stopped = False
        threading.Thread(target=self._accept, daemon=True).start()
        at_end(self.stop)

    def stop(self):
        self.stopped = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            _Session(self, sock).run()
        except (OSError, ValueError):
            pass
        finally:
            sock.close()

    def kept(self):
        with self.lock:
            return list(self.messages)

    def wait(self, count, seconds=30):
        """The messages once there are at least count, or what there is after that time."""
        until(seconds, lambda: len(self.messages) >= count)
        return self.kept()

    def clear(self):
        with self.lock:
            self.messages.clear()
            self.lines.clear()


class _Session:
    def __init__(self, sink, sock):
        self.sink, self.sock, self.helo, self.message = sink, sock, "", None
        self.secure = False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = sock.makefile("rb", 1 << 16)

    def say(self, text):
        self.sock.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def reply(self, verb, line, usual):
        said = self.sink.answer(verb, line, self) if self.sink.answer else None
        if said == b"":
            raise ValueError("told to close")
        said = usual if said is None else said
        self.say(said)
        return (said if isinstance(said, bytes) else said.encode())[:1] in (b"2", b"3")

    def run(self):
        self.reply("CONNECT", b"", "220 sink.test ESMTP")
        while True:
            line = self.file.readline()
            if not line:
                return
            with self.sink.lock:
                self.sink.lines.append(line)
            verb = line.split(b" ")[0].strip().upper().decode("latin1")
            if not self.command(verb, line):
                return

    def command(self, verb, line):
        text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        if verb in ("EHLO", "LHLO", "HELO"):
            self.helo = text
            more = self.sink.capabilities + (("STARTTLS",) if self.sink.tls and not self.secure else ())
            lines = ["sink.test", *(more if verb != "HELO" else ())]
            self.reply(verb, line, "\r\n".join(
                f"250{'-' if i + 1 < len(lines) else ' '}{l}" for i, l in enumerate(lines)))
        elif verb == "STARTTLS" and self.sink.tls:
            if self.reply(verb, line, "220 go"):
                self.file.close()
                self.sock = self.sink.tls.wrap_socket(self.sock, server_side=True)
                self.file, self.secure = self.sock.makefile("rb", 1 << 16), True
        elif verb == "MAIL":
            message = Message(self.helo)
            message.mail = text
            if self.reply(verb, line, "250 2.1.0 ok"):
                self.message = message
        elif verb == "RCPT":
            if self.reply(verb, line, "250 2.1.5 ok") and self.message:
                self.message.rcpts.append(text)
        elif verb == "DATA" and self.message is None:
            self.reply(verb, line, "503 5.5.1 no transaction")
        elif verb == "DATA":
            if self.reply(verb, line, "354 go"):
                self.message.raw, self.message.data = read_data(self.file)
                self.finish(line)
        elif verb == "BDAT":
            return self.bdat(line)
        elif verb == "RSET":
            self.message = None
            self.reply(verb, line, "250 2.0.0 ok")
        elif verb == "QUIT":
            self.reply(verb, line, "221 2.0.0 bye")
            return False
        elif verb in ("NOOP", "VRFY"):
            self.reply(verb, line, "250 2.0.0 ok")
        else:
            self.reply(verb, line, "502 5.5.1 not here")
        return True

    def bdat(self, line):
        words = line.split()
        chunk = self.file.read(int(words[1]))
        if self.message is None:
            self.reply("BDAT", line, "503 5.5.1 no transaction")
            return True
        self.message.raw += chunk
        self.message.data = self.message.raw
        self.message.chunks += 1
        if len(words) > 2:
            self.finish(line)
        else:
            self.reply("BDAT", line, "250 2.0.0 ok")
        return True

    def finish(self, line):
        """Kept before it is acknowledged: who sends it again has not heard."""
        message, self.message = self.message, None
        said = self.sink.answer("DOT", line, self) if self.sink.answer else None
        if said is None or said[:1] in ("2", b"2"):
            with self.sink.lock:
                self.sink.messages.append(message)
        if said == b"":
            raise ValueError("told to close")
        for _ in range(len(message.rcpts) if self.sink.lmtp else 1):
            self.say(said or "250 2.0.0 kept")


def read_data(file):
    """All up to CRLF.CRLF and nothing else: (raw with the end of data, unstuffed without it)."""
    raw, kept, whole_line = [], [], True
    while True:
        line = file.readline()
        if not line:
            raise ValueError("closed inside the data")
        raw.append(line)
        if whole_line and line == b".\r\n":
            return b"".join(raw), b"".join(kept)
        kept.append(line[1:] if whole_line and line.startswith(b".") else line)
        whole_line = line.endswith(b"\r\n")


def drop_received(data):
    """The message without its first field, which must be Received; and that field."""
    if not data.lower().startswith(b"received:"):
        raise ValueError(f"no Received on top: {data[:80]!r}")
    at = data.index(b"\r\n") + 2
    while data[at:at + 1] in (b" ", b"\t"):
        at = data.index(b"\r\n", at) + 2
    return data[at:], data[:at]


def wait_quiet(sink, seconds=0.5, most=30):
    """Until nothing new has come for some time."""
    end, last = time.monotonic() + most, (-1, 0)
    while time.monotonic() < end:
        count = len(sink.messages)
        if count != last[0]:
            last = (count, time.monotonic())
        elif time.monotonic() - last[1] > seconds:
            break
        time.sleep(0.05)
    return sink.kept()
