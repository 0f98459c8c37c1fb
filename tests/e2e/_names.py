"""Name servers on loopback, UDP only: what a zone's own servers say, and what a resolver says.

    zone = {("example.net", "SOA"): (3600, ["ns1.example.net ops.example.net 1 2 3 4 300"]), ...}
    server = NameServer("127.0.0.77", 53, zone)
"""
import socket
import struct
import threading

from _check import at_end

TYPES = {"A": 1, "NS": 2, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def wire_data(kind, text):
    if kind == "A":
        return socket.inet_aton(text)
    if kind == "NS":
        return wire_name(text)
    if kind == "MX":
        preference, host = text.split()
        return struct.pack("!H", int(preference)) + wire_name(host)
    if kind == "SOA":
        primary, person, *numbers = text.split()
        return wire_name(primary) + wire_name(person) + struct.pack("!5I", *map(int, numbers))
    if kind == "TXT":
        data = text.encode()
        return b"".join(bytes([len(part)]) + part for part in
                        (data[i:i + 255] for i in range(0, len(data), 255)))
    raise ValueError(kind)


class NameServer:
    """Answers with authority and recurses for nobody; recursive: the other way round."""

    def __init__(self, address, port, zone, recursive=False):
        self.zone, self.recursive, self.silent = zone, recursive, False
        self.asked = []  # (name, type)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.port = self.socket.getsockname()[1]
        at_end(self.socket.close)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                packet, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            if not self.silent:
                self.socket.sendto(self.answer(packet), peer)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode().lower())
            at += 1 + packet[at]
        name, kind = ".".join(labels), NAMES.get(struct.unpack("!H", packet[at + 1:at + 3])[0])
        self.asked.append((name, kind))
        ttl, found = self.zone.get((name, kind), (0, []))
        known = any(n == name or n.endswith("." + name) for n, _ in self.zone)
        flags = 0x8000 | (0x0180 if self.recursive else 0x0400) | (0 if known else 3)
        records = b""
        for text in found:
            data = wire_data(kind, text)
            records += b"\xc0\x0c" + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data
        return packet[:2] + struct.pack("!5H", flags, 1, len(found), 0, 0) + packet[12:at + 5] + records
