"""SMTP smuggling: 21 sequences that some server takes for an end of data (attacks 1-5, 8, 10, 32).

As an attacker: each sequence stands inside DATA and a whole second mail behind it. Written at once,
byte by byte, and byte by byte under TLS, the outcome is the same: one message or none, never two,
and no reply to the commands inside. As a client: the same bytes in a file sent by `smtptool send`,
and in our queue (they came by BDAT), never reach the wire as a bare CR or LF in DATA.
"""
import json
import os
import re
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, skip_all, suite, write
from _server import Server, retry_soon, route
from _smtp import CAPABILITIES, Client, Closed, Sink, client_tls, wait_quiet

SECOND = (b"MAIL FROM:<smuggled@example.com>\r\nRCPT TO:<bob@our.test>\r\nDATA\r\n"
          b"From: smuggled@example.com\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n")
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def content(sequence):
    return (b"From: honest@example.com\r\nSubject: smuggling\r\n\r\ntext" + sequence + SECOND)


def attack(port, sender, sequence, one_by_one, tls):
    """The replies after 354, and whether the server closed."""
    with Client(port, seconds=20) as c:
        c.ehlo()
        if tls:
            c.starttls(tls)
        c.mail(sender, "bob@our.test")
        if c.command("DATA").code != 354:
            raise ValueError("no 354")
        wire = content(sequence)
        replies = []
        try:
            for part in ([wire[i:i + 1] for i in range(len(wire))] if one_by_one else [wire]):
                c.send(part)
        except OSError:
            pass
        try:
            while True:
                replies.append(c.reply().code)
        except (Closed, OSError):
            return replies


def judge_server(report, vectors, server, sink):
    ways = (("at once", False, None), ("byte by byte", True, None),
            ("byte by byte under TLS", True, client_tls(server.certificate)))
    for v in vectors:
        sequence, outcomes = bytes.fromhex(v["bytes_hex"]), []
        for n, (way, one_by_one, tls) in enumerate(ways):
            sender = f"{v['id']}.{n}@example.com"
            replies = attack(server.mx, sender, sequence, one_by_one, tls)
            outcomes.append(replies)
            # The end of the second mail ends the first one: one answer for both, then QUIT's.
            good = replies in ([550], [550, 221], [250, 221])
            if BARE.search(sequence):
                good = replies == [550]
            elif b"\0" in sequence:
                good = replies == [550, 221]
            report.check(f"server, {v['id']}, {way}", good, replies)
        report.check(f"server, {v['id']}: the same however it is cut",
                     outcomes.count(outcomes[0]) == len(outcomes), outcomes)
    accepted = {e["sender"] for e in server.events("accepted")}
    report.check("server: no smuggled sender in the queue", "smuggled@example.com" not in accepted)
    arrived = wait_quiet(sink)
    senders = [m.sender for m in arrived]
    report.check("server: no smuggled mail delivered", "smuggled@example.com" not in senders)
    report.check("server: none twice", len(senders) == len(set(senders)), senders)


def judge_wire(report, name, messages):
    """What a next hop saw in DATA: CRLF only, and one end of data."""
    for m in messages:
        if not m.chunks:
            bare = BARE.search(m.raw)
            report.check(f"{name}: no bare CR or LF on the wire", not bare, m.raw[-300:])
    report.check(f"{name}: at most one message", len(messages) <= 1, len(messages))
    senders = [m.sender for m in messages]
    report.check(f"{name}: not the smuggled one", "smuggled@example.com" not in senders, senders)


def judge_send(report, vectors):
    if subprocess.run([SMTPTOOL, "send", "--help"], capture_output=True).returncode != 0:
        report.skip("client side by `smtptool send`", "this smtptool has no `send`")
        return
    where = folder()
    for v in vectors:
        sink = Sink()
        path = write(os.path.join(where, "m.eml"), content(bytes.fromhex(v["bytes_hex"])))
        done = subprocess.run(
            [SMTPTOOL, "send", "--server", f"smtp://127.0.0.1:{sink.port}?tls=none", "--retries",
             "0", "--from", "honest@example.com", "--eml", path, "bob@our.test"],
            capture_output=True, timeout=30)
        name = f"send, {v['id']}"
        judge_wire(report, name, sink.kept())
        kept = len(sink.kept())
        report.check(f"{name}: sent, or refused as bad data (65)",
                     (done.returncode, kept) in ((0, 1), (65, 0)), (done, kept))
        sink.stop()


def judge_queue(report, vectors, server, sink, capabilities):
    """Bytes that came by BDAT go on by DATA, or by BDAT, or come back as a report."""
    sink.capabilities = capabilities
    binary = "BINARYMIME" in capabilities
    for v in vectors:
        for body in ("BINARYMIME", "8BITMIME"):
            sink.clear()
            sequence = content(bytes.fromhex(v["bytes_hex"]))
            name = f"queue, {v['id']}, {body}, next hop {'with' if binary else 'without'} BINARYMIME"
            with Client(server.relay, seconds=20) as c:
                c.ehlo()
                replies = c.mail("honest@sink.test", "bob@sink.test", params=f"BODY={body}")
                if any(r.code != 250 for r in replies):
                    report.check(name, False, replies)
                    continue
                code = c.bdat(sequence, last=True).code
            bare = BARE.search(sequence) is not None
            report.check(f"{name}: taken as it may be",
                         code == (250 if body == "BINARYMIME" or not (bare or b"\0" in sequence)
                                  else 550), code)
            if code != 250:
                continue
            arrived = sink.wait(1, 20)
            report.check(f"{name}: something came out", len(arrived) >= 1)
            judge_wire(report, name, [m for m in arrived if m.sender])
            judge_wire(report, f"{name} (report)", [m for m in arrived if not m.sender])
            for m in arrived:
                if m.chunks and m.sender:
                    report.check(f"{name}: the bytes as they came", m.data.endswith(sequence))


def main():
    need_program()
    root = suite("smtp-smuggling-vectors")
    if root is None:
        skip_all("smuggling", "there is no folder smtp-smuggling-vectors")
    with open(os.path.join(root, "eod.jsonl")) as f:
        vectors = [json.loads(line) for line in f if line.strip()]
    report, sink = Report(), Sink()
    report.equal("vectors", len(vectors), 21)
    server = Server(domains={"our.test": {"deliver": f"smtp://127.0.0.1:{sink.port}?tls=none",
                                          "recipients": ["bob"]}},
                    routes=[route("sink.test", sink.port)], retry=retry_soon())
    report.on_fail.append(server.show)
    server.start()
    judge_server(report, vectors, server, sink)
    judge_send(report, vectors)
    if delivers(server, sink):
        judge_queue(report, vectors, server, sink, CAPABILITIES)
        judge_queue(report, vectors, server, sink, CAPABILITIES + ("CHUNKING", "BINARYMIME"))
    else:
        report.check("a message from the queue arrives", False)
    report.equal("SIGTERM", server.stop(), 0)
    return report.finish()


def delivers(server, sink):
    sink.clear()
    with Client(server.relay) as c:
        c.ehlo()
        c.message("first@sink.test", "bob@sink.test", b"From: a@sink.test\r\n\r\nhi\r\n")
    return bool(sink.wait(1, 10))


if __name__ == "__main__":
    sys.exit(main())
