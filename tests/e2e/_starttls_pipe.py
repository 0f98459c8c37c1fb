"""_starttls_pipe.py PORT CERTIFICATE -- STARTTLS on behalf of a client that was built without TLS.

Connects, upgrades, then passes lines between stdin/stdout and the server. The client sees one
greeting, as if it had dialled an implicit-TLS port.
"""
import os
import socket
import ssl
import sys
import threading


def read_reply(sock):
    text = b""
    while not text.endswith(b"\n") or text.splitlines()[-1][3:4] == b"-":
        more = sock.recv(4096)
        if not more:
            sys.exit(1)
        text += more
    return text


def main():
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
    greeting = read_reply(sock)
    for command in (b"EHLO pipe.test\r\n", b"STARTTLS\r\n"):
        sock.sendall(command)
        reply = read_reply(sock)
    if not reply.startswith(b"220"):
        sys.exit(1)
    tls = ssl.create_default_context(cafile=sys.argv[2]).wrap_socket(sock, server_hostname="127.0.0.1")
    tls.settimeout(None)
    os.write(1, greeting)

    def send():
        while True:
            data = os.read(0, 65536)
            if not data:
                return
            tls.sendall(data)

    threading.Thread(target=send, daemon=True).start()
    while True:
        try:
            data = tls.recv(65536)
        except OSError:
            break
        if not data:
            break
        while data:
            data = data[os.write(1, data):]
    os._exit(0)


main()
