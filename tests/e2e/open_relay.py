"""Nobody relays who may not: the twelve forms of addresses (attacks 59-72).

The peer is 127.0.0.1; the only trusted network is 127.0.0.2/32, so it is as foreign as any address
of the world. Every form is tried at the mx, relay and submission listeners, with an honest sender,
the null sender and one of our own; nothing may be accepted. A control shows that the trusted
address does relay through the same server.
"""
import sys

from _check import Report, need_program
from _server import Server, route, until
from _smtp import Client, Closed, Sink

# attack, what follows RCPT TO:, codes that refuse it properly at the MX
FORMS = [
    (61, "<v@remote.test>", {554}),
    (62, "<v%remote.test@our.test>", {550}),
    (63, "<@our.test:v@remote.test>", {554}),
    (64, "<remote.test!v@our.test>", {550}),
    (65, "<remote.test!v>", {501, 550}),
    (66, '<"v@remote.test">', {501}),
    (67, '<"v@remote.test"@our.test>', {550}),
    (68, "<v@remote.test@our.test>", {501}),
    (69, "<v@[127.0.0.1]>", {550, 554}),
    (69, "<v@[192.0.2.1]>", {550, 554}),
    (69, "<v@localhost>", {550, 554}),
    (69, "<v@[IPv6:::1]>", {550, 554}),
    (69, "<v@mail.test>", {550, 554}),
    (71, "<v@remote.test> ORCPT=rfc822;bob@our.test NOTIFY=NEVER", {554}),
    (71, "<v@remote.test> ORCPT=rfc822;bob@our.test", {554}),
    (61, "<v@our.test.remote.test>", {554}),
    (61, "<v@sub.our.test>", {554}),
    (55, "<a@b>c@d", {501}),
    (55, "<a@b,c@d>", {501}),
    (55, "<a@>", {501}),
    (55, "<@b>", {501}),
    (55, "<>", {501}),
]
SENDERS = [("foreign sender", "<x@remote.test>"), ("null sender, attack 70", "<>"),
           ("our own sender, attack 70", "<bob@our.test>")]
HEADERS = [  # attack 72: who may not say who they are
    ("XCLIENT ADDR=127.0.0.2 NAME=mail.test", b"XCLIENT ADDR=127.0.0.2 NAME=mail.test\r\n"),
    ("XFORWARD ADDR=127.0.0.2", b"XFORWARD ADDR=127.0.0.2\r\n"),
    ("PROXY v1", b"PROXY TCP4 127.0.0.2 127.0.0.1 1 25\r\n"),
    ("PROXY v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x02\x7f\0\0\x01\0\x01\0\x19"),
]


def try_forms_at_mx(report, server):
    for what, sender in SENDERS:
        for attack, rest, codes in FORMS:
            with Client(server.mx) as c:
                c.ehlo()
                c.command(f"MAIL FROM:{sender}")
                r = c.command(f"RCPT TO:{rest}")
                report.check(f"attack {attack}, mx, {what}: {rest}", r.code in codes, r)
                data = c.command("DATA")
                report.check(f"attack {attack}, mx, {what}: {rest}: no DATA", data.code == 503, data)


def try_relay(report, server):
    """Sent away before a word: there is no form to try."""
    with Client(server.relay) as c:
        report.equal("attack 61, relay listener, untrusted: greeting", c.greeting.code, 554)
        report.check("attack 61, relay listener, untrusted: closed", c.closed())


def try_submission(report, server):
    for attack, rest, _ in FORMS:
        with Client(server.submission) as c:
            c.ehlo()
            replies = [c.command("MAIL FROM:<bob@our.test>"), c.command(f"RCPT TO:{rest}")]
            report.check(f"attack {attack}, submission without a login: {rest}",
                         all(r.code // 100 == 5 for r in replies), replies)


def try_forged(report, server):
    for name, line in HEADERS:
        for port, where in ((server.mx, "mx"), (server.relay, "relay")):
            with Client(port, greet=False) as c:
                try:
                    c.send(line + b"EHLO x.test\r\nMAIL FROM:<a@remote.test>\r\n"
                           b"RCPT TO:<v@remote.test>\r\nDATA\r\n")
                    c.closed(5)
                except OSError:
                    c.rest = b""
                said = c.rest.decode("latin1")
                taken = "2.1.5" in said or "\n354" in said
                report.check(f"attack 72, {where}: {name} first", not taken, said)
    with Client(server.mx) as c:
        c.ehlo()
        try:
            r = c.command("XCLIENT ADDR=127.0.0.2")
            report.check("attack 72, mx: XCLIENT after EHLO", r.code in (550, 500, 502), r)
            r = c.mail("a@remote.test", "v@remote.test")[-1]
            report.check("attack 72, mx: still untrusted", r.code // 100 == 5, r)
        except (Closed, OSError):
            report.check("attack 72, mx: closed", True)


def try_controls(report, server, sink):
    with Client(server.mx) as c:
        c.ehlo()
        c.command("MAIL FROM:<x@remote.test>")
        for rest in ("<bob@our.test>", "<bob@OUR.test>", "<postmaster>", "<Postmaster@our.test>",
                     "<@a.test,@b.test:bob@our.test>", '<"b\\ob"@our.test>'):
            r = c.command(f"RCPT TO:{rest}")
            report.equal(f"control (attacks 59, 60, 72): {rest}", r.code, 250)
        c.command("RSET")
    report.equal("control: nothing was queued before", server.events("accepted"), [])
    with Client(server.relay, source="127.0.0.2") as c:
        c.ehlo()
        r = c.message("x@remote.test", "v@remote.test", b"From: x@remote.test\r\n\r\nhi\r\n")
        report.equal("control: the trusted network relays", r.code, 250)
    arrived = sink.wait(1, 10)
    report.equal("control: and it arrives", [m.recipients for m in arrived], [["v@remote.test"]])
    until(5, lambda: server.events("delivered"))
    done = server.tool("trace", "v@remote.test")
    report.check("control: trace tells of it, with nothing configured for that",
                 done.returncode == 0 and b"delivered" in done.stdout, done.stdout + done.stderr)


def main():
    need_program()
    report, sink = Report(), Sink()
    server = Server(relay={"trusted": ["127.0.0.2/32"]}, routes=[route("*", sink.port)],
                    domains={"our.test": {"deliver": f"smtp://127.0.0.1:{sink.port}?tls=none",
                                          "recipients": ["bob"]}})
    report.on_fail.append(server.show)
    server.start()
    try_forms_at_mx(report, server)
    try_relay(report, server)
    try_submission(report, server)
    try_forged(report, server)
    report.equal("the queue is empty: nothing was accepted", server.events("accepted"), [])
    report.equal("nothing was delivered", sink.kept(), [])
    try_controls(report, server, sink)
    report.equal("SIGTERM", server.stop(), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
