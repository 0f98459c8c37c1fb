"""Two proxies that connect for others, each from a loopback address of its own: SOCKS5 (RFC 1928, 1929) and one
that reads a PROXY header, version 2, and leaves by the address named in it.

    socks = Socks("127.0.0.5", login=(b"me", b"secret"))
    header = HeaderProxy()
    ... socks.port, header.port; what was asked for stands in .asked
"""
import ipaddress
import socket
import struct
import threading

from _check import at_end

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def read_whole(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ValueError("closed in the middle")
        data += more
    return data


def copy(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Proxy:
    """A listener; whoever inherits says in greet() where to go, and from where."""

    def __init__(self):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        at_end(self.stop)

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with sock:
            try:
                there = self.greet(sock)
            except (OSError, ValueError):
                return
            with there:
                up = threading.Thread(target=copy, args=(sock, there), daemon=True)
                up.start()
                copy(there, sock)
                up.join()


class Socks(Proxy):
    def __init__(self, source, login=None):
        self.source, self.login = source, login
        super().__init__()

    def greet(self, sock):
        version, count = read_whole(sock, 2)
        methods = read_whole(sock, count)
        method = 2 if self.login else 0
        if version != 5 or method not in methods:
            sock.sendall(b"\x05\xff")
            raise ValueError("no method in common")
        sock.sendall(bytes([5, method]))
        if self.login:
            self.log_in(sock)
        return self.connect(sock)

    def log_in(self, sock):
        version, length = read_whole(sock, 2)
        user = read_whole(sock, length)
        password = read_whole(sock, read_whole(sock, 1)[0])
        good = version == 1 and (user, password) == self.login
        sock.sendall(bytes([1, 0 if good else 1]))
        if not good:
            raise ValueError("a wrong login")

    def connect(self, sock):
        head = read_whole(sock, 4)
        if head[:3] != b"\x05\x01\x00" or head[3] != 1:
            raise ValueError(f"not CONNECT to an IPv4 address: {head!r}")
        host = str(ipaddress.ip_address(read_whole(sock, 4)))
        port = struct.unpack("!H", read_whole(sock, 2))[0]
        self.asked.append((host, port))
        try:
            there = socket.create_connection((host, port), 10, source_address=(self.source, 0))
        except ConnectionRefusedError:
            sock.sendall(b"\x05\x05\x00\x01" + bytes(6))
            raise
        bound = there.getsockname()
        sock.sendall(b"\x05\x00\x00\x01" + ipaddress.ip_address(bound[0]).packed + struct.pack("!H", bound[1]))
        return there


class HeaderProxy(Proxy):
    def greet(self, sock):
        if read_whole(sock, 12) != SIGNATURE:
            raise ValueError("no PROXY header, version 2")
        command, family, length = struct.unpack("!BBH", read_whole(sock, 4))
        body = read_whole(sock, length)
        if (command, family, length) != (0x21, 0x11, 12):
            raise ValueError(f"not TCP over IPv4: {command:x} {family:x} {length}")
        source, host = (str(ipaddress.ip_address(body[i:i + 4])) for i in (0, 4))
        port = struct.unpack("!H", body[10:12])[0]
        self.asked.append((source, host, port))
        return socket.create_connection((host, port), 10, source_address=(source, 0))
