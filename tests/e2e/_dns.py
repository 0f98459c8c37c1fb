"""A name server on loopback, for peers that can only ask one.

    server = NameServer(Zone(open("zone").read()))    # the lines of a --dns-zone file
    ... 127.0.0.1, server.port

A zone is whatever has lookup(name, kind), which gives values (None: the server fails), and exists(name).
Values: text of an address or a name, (preference, name) of an MX, text of a TXT.
"""
import collections
import ipaddress
import re
import socket
import struct
import threading

from _check import at_end

TYPES = {1: "A", 28: "AAAA", 15: "MX", 12: "PTR", 16: "TXT"}


def wire_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def wire_data(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        return struct.pack("!H", value[0]) + wire_name(value[1])
    if kind == "PTR":
        return wire_name(value)
    data = value.encode("latin-1")
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))


def answer(zone, packet):
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    number = struct.unpack("!H", packet[at + 1:at + 3])[0]
    name, kind = ".".join(labels).lower(), TYPES.get(number)
    values = zone.lookup(name, kind)
    code = 2 if values is None else 0 if values or zone.exists(name) else 3
    options = b"\0" + struct.pack("!HHIH", 41, 4096, 0, 0) if packet[10:12] != b"\0\0" else b"" # RFC 6891
    head = packet[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(values or []), 0, len(options) > 0)
    records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", number, 1, 60, len(data)) + data
                       for data in (wire_data(kind, v) for v in values or []))
    return head + packet[12:at + 5] + records + options


class Zone:
    """Lines such as `name. IN TXT "a" "b"`: absolute names, one record a line, FAIL for a server that fails."""

    LINE = re.compile(r"^(\S+?)\.?\s+(?:\d+\s+)?(?:IN\s+)?(A|AAAA|MX|PTR|TXT|FAIL)\s+(.*?)\s*$")

    def __init__(self, text=""):
        self.records, self.failing, self.names = collections.defaultdict(list), set(), set()
        self.add(text)

    def put(self, name, kind, value):
        self.records[name].append((kind, value))
        while name and name not in self.names: # and all above it
            self.names.add(name)
            name = name.partition(".")[2]

    def add(self, text):
        for line in text.splitlines():
            found = self.LINE.match(line)
            if not found:
                continue # an empty line, a comment, a kind that nobody asks for here
            name, kind, value = found[1].lower(), found[2], found[3]
            if kind == "FAIL":
                self.failing.add(name)
            elif kind == "TXT":
                self.put(name, kind, "".join(re.findall(r'"([^"]*)"', value)))
            elif kind == "MX":
                preference, host = value.split()
                self.put(name, kind, (int(preference), host.rstrip(".")))
            else:
                self.put(name, kind, value.rstrip("."))
        return self

    def lookup(self, name, kind):
        if name in self.failing:
            return None
        return [value for k, value in self.records.get(name, []) if k == kind]

    def exists(self, name):
        return name in self.names


class NameServer:
    def __init__(self, zone, host="127.0.0.1", port=0):
        self.zone, self.questions = zone, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        at_end(self.socket.close)

    def serve(self):
        while True:
            try:
                packet, peer = self.socket.recvfrom(4096)
            except OSError:
                return # closed
            self.questions += 1
            self.socket.sendto(answer(self.zone, packet), peer)
