"""Single messages, and when they arrive: from the 250 of the server to the dot at the next hop."""
import re
import smtplib
import socket
import socketserver
import threading
import time

from measure import Failed, wait_until

MESSAGES = 100
PAUSE_SECONDS = 0.03   # between two of them
ARRIVE_SECONDS_MAX = 30


class Receiver(socketserver.StreamRequestHandler):
    """As much of a server as a next hop needs."""
    disable_nagle_algorithm = True

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def take_content(self):
        number = None
        while True:
            line = self.rfile.readline()
            if line in (b".\r\n", b""):
                break
            found = re.match(rb"X-Probe: (\d+)", line)
            number = int(found[1]) if found else number
        if number is not None:
            self.server.arrived[number] = time.monotonic()

    def handle(self):
        self.say("220 probe.bench.test ESMTP")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 Go")
                self.take_content()
            if verb == b"QUIT":
                self.say("221 Bye")
                return
            self.say("250 Ok")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 100


class Probe:
    def __init__(self, port):
        self.server = Server(("127.0.0.1", port), Receiver)
        self.server.arrived = {}
        self.taken = {}
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def send_one(self, number, port, to):
        text = f"From: a@source.test\r\nTo: {to}\r\nX-Probe: {number}\r\nSubject: probe\r\n\r\nHello\r\n"
        with smtplib.SMTP("127.0.0.1", port, "client.bench.test", timeout=30) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendmail("a@source.test", [to], text)
            self.taken[number] = time.monotonic()

    def measure(self, port, to):
        """Milliseconds of each from accepted to delivered; a connection for each message."""
        first = len(self.taken)
        for number in range(first, first + MESSAGES):
            try:
                self.send_one(number, port, to)
            except (OSError, smtplib.SMTPException) as why:
                raise Failed(f"a fresh message was not taken: {why}") from None
            time.sleep(PAUSE_SECONDS)
        numbers = range(first, first + MESSAGES)
        wait_until(lambda: all(n in self.server.arrived for n in numbers), ARRIVE_SECONDS_MAX)
        came = [max(0.0, self.server.arrived[n] - self.taken[n]) * 1000
                for n in numbers if n in self.server.arrived]
        return {"ms": sorted(came), "missing": MESSAGES - len(came)}
