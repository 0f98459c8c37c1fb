"""A name server on loopback, UDP only: for peers that can only ask one, and for who asks a zone's own.

    server = NameServer(Zone(open("zone").read()))    # the lines of a --dns-zone file
    ... 127.0.0.1, server.port
    own = NameServer(Records({("example.net", "MX"): (3600, ["10 mail.test"])}), "127.0.0.77", 53, says=AUTHORITY)

A zone is whatever has lookup(name, kind), which gives values (None: the server fails), and exists(name); with
ttl(name, kind) its answers need not live for a minute. Values: text of an address, a name, a TXT or an SOA,
(preference, name) of an MX or the two as text.
"""
import collections
import ipaddress
import re
import socket
import struct
import threading

from _check import at_end

TYPES = {1: "A", 2: "NS", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA"}
AUTHORITY, RESOLVER, BOTH = 0x8400, 0x8180, 0x8580 # what a server says of itself (RFC 1035 section 4.1.1)


def wire_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def wire_data(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        preference, host = value.split() if isinstance(value, str) else value
        return struct.pack("!H", int(preference)) + wire_name(host)
    if kind in ("NS", "PTR"):
        return wire_name(value)
    if kind == "SOA":
        primary, person, *numbers = value.split()
        return wire_name(primary) + wire_name(person) + struct.pack("!5I", *map(int, numbers))
    data = value.encode("latin-1")
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))


def question(packet):
    """Name, number of the type, and where the question ends."""
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack("!H", packet[at + 1:at + 3])[0], at + 5


def answer(zone, packet, says):
    name, number, end = question(packet)
    kind = TYPES.get(number)
    values = zone.lookup(name, kind)
    ttl = zone.ttl(name, kind) if hasattr(zone, "ttl") else 60
    code = 2 if values is None else 0 if values or zone.exists(name) else 3
    options = b"\0" + struct.pack("!HHIH", 41, 4096, 0, 0) if packet[10:12] != b"\0\0" else b"" # RFC 6891
    head = packet[:2] + struct.pack("!HHHHH", says | code, 1, len(values or []), 0, len(options) > 0)
    records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", number, 1, ttl, len(data)) + data
                       for data in (wire_data(kind, v) for v in values or []))
    return head + packet[12:end] + records + options


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


class Records(dict):
    """{(name, kind): (ttl, values), ...}, to be changed while it is served."""

    def lookup(self, name, kind):
        return self.get((name, kind), (0, []))[1]

    def ttl(self, name, kind):
        return self.get((name, kind), (0, []))[0]

    def exists(self, name):
        return any(n == name or n.endswith("." + name) for n, _ in self)


class NameServer:
    def __init__(self, zone, host="127.0.0.1", port=0, says=BOTH):
        self.zone, self.says, self.silent = zone, says, False
        self.asked = [] # (name, kind)
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
            name, number, _ = question(packet)
            self.asked.append((name, TYPES.get(number)))
            if not self.silent:
                self.socket.sendto(answer(self.zone, packet, self.says), peer)
