"""What mail programs do, one case after another, with real clients and byte by byte.

Covers attacks 7, 13, 15, 16, 17, 18, 22, 24, 26-28, 30, 43, 73-75, 77-80, 82, 100, 146, 147, 149,
150, 153, 154 at a running server; most have a scenario under tests/talk as well.
"""
import os
import re
import ssl
import sys

from _check import Report, folder, need_program, write
from _clients import CLIENTS, Target, installed
from _server import Server, retry_soon, route
from _smtp import CAPABILITIES, Client, Closed, Sink, client_tls, drop_received

PASSWORD = "correct horse=,battery"
MAIL = b"From: alice@our.test\r\nTo: x@sink.test\r\nSubject: hello\r\n\r\n.dots\r\n..\r\nend\r\n"


class Bench:
    """The server, the sink behind it, and sessions that are logged in."""

    def __init__(self, report):
        self.report, self.sink = report, Sink(capabilities=CAPABILITIES)
        self.plain_sink, self.patience = Sink(capabilities=("PIPELINING",)), 15
        self.server = Server(
            routes=[route("plain.test", self.plain_sink.port), route("*", self.sink.port)],
            domains={"our.test": {"deliver": f"smtp://127.0.0.1:{self.sink.port}?tls=none",
                                  "recipients": ["alice", "bob"]}}, retry=retry_soon())
        report.on_fail.append(self.server.show)
        self.server.add_user("tester", PASSWORD)
        self.server.add_user("alice@our.test", PASSWORD, senders="own,@shop.test")
        self.server.start()
        self.tls = client_tls(self.server.certificate)

    def session(self, user=None, implicit=False):
        c = Client(self.server.tls if implicit else self.server.submission,
                   tls=self.tls if implicit else None)
        c.ehlo()
        if not implicit:
            c.starttls(self.tls)
        if user:
            r = c.auth_plain(user, PASSWORD)
            if r.code != 235:
                raise RuntimeError(f"login as {user}: {r}")
        return c

    def arrived(self, sink=None, count=1):
        """What the sink has once there are count, or what there is: waited for long only once."""
        found = (sink or self.sink).wait(count, self.patience)
        if len(found) < count:
            self.patience = 2
        return found


def first(found):
    return found[0] if found else None


# ---- whole programs ---------------------------------------------------------------------------

def programs(b):
    """Each client: STARTTLS and implicit TLS, each mechanism it knows, right and wrong password."""
    path = write(os.path.join(folder(), "mail"), MAIL)
    for name, send in CLIENTS.items():
        if not installed(name):
            b.report.skip(name, "it is not installed")
            continue
        plain = Sink()
        send(Target(plain.port), "alice@our.test", ["x@sink.test"], path)
        want = (plain.kept() or [None])[0]
        for implicit in (False, True):
            for mechanism in ("plain", "login"):
                one_program(b, name, send, path, implicit, mechanism, want)
        wrong = Target(b.server.submission, b.server.certificate, "tester", "wrong")
        status, said = send(wrong, "alice@our.test", ["x@sink.test"], path)
        b.report.check(f"{name}: a wrong password is refused", status not in (0, None), said)


def one_program(b, name, send, path, implicit, mechanism, want):
    what = f"{name}, {'implicit TLS' if implicit else 'STARTTLS'}, AUTH {mechanism}"
    b.sink.clear()
    t = Target(b.server.tls if implicit else b.server.submission, b.server.certificate, "tester",
               PASSWORD, implicit, mechanism)
    if name == "msmtp":
        t.password = PASSWORD
    status, said = send(t, "alice@our.test", ["x@sink.test"], path)
    if status is None:
        b.report.skip(what, said)
        return
    if not b.report.check(f"{what}: taken", status == 0, said[-500:]):
        return
    m = first(b.arrived())
    if b.report.check(f"{what}: arrives", m is not None and want is not None):
        rest, received = drop_received(m.data)
        b.report.check(f"{what}: its bytes are kept", rest.endswith(want.data.split(b"\r\n", 1)[1])
                       and want.data.split(b"\r\n", 1)[0] in rest, rest)
        b.report.check(f"{what}: Received says ESMTPSA", b" with ESMTPSA" in received, received)


# ---- logging in -------------------------------------------------------------------------------

def logins(b):
    r = b.report
    with Client(b.server.submission) as c:
        c.ehlo()
        r.check("attack 73: no AUTH offered in clear", "AUTH" not in c.capabilities, c.capabilities)
        r.equal("attack 73: AUTH in clear", c.auth_plain("tester", PASSWORD).code, 538)
        r.equal("MAIL in clear", c.command("MAIL FROM:<a@b.test>").code, 530)
    for method in ("auth_plain", "auth_login", "auth_scram"):
        for user in ("tester", "alice@our.test"):
            with b.session() as c:
                said = getattr(c, method)(user, PASSWORD)
                r.equal(f"{method} as {user}", said.code, 235)
                if method == "auth_scram":
                    r.check("attack 80: the server proves itself", c.server_proved)
                again = c.auth_plain(user, PASSWORD)
                r.equal(f"attack 77: AUTH twice after {method}", again.code, 503)
    with b.session() as c:
        r.equal("AUTH PLAIN without an initial response",
                c.auth_plain("tester", PASSWORD, initial=False).code, 235)
    with b.session() as c:
        r.check("CRAM-MD5 is off: not offered", "CRAM-MD5" not in c.capabilities["AUTH"], c.capabilities)
        r.equal("CRAM-MD5 is off: 504", c.command("AUTH CRAM-MD5").code, 504)
    with b.session() as c:
        r.equal("MAIL before AUTH", c.command("MAIL FROM:<a@b.test>").code, 530)


def wrong_logins(b):
    r = b.report
    for method in ("auth_plain", "auth_login", "auth_scram"):
        said = []
        for user, password in (("tester", "wrong"), ("nobody", PASSWORD), ("tester", ""),
                               ("alice@our.test", "wrong"), ("drop'; table--", "x")):
            with b.session() as c:
                said.append(getattr(c, method)(user, password).raw)
        r.check(f"attack 74: {method}: every refusal is the same bytes",
                said[0].startswith(b"535 5.7.8 ") and len(set(said[:2] + said[3:])) == 1, said)
    with b.session() as c:
        r.equal("attack 79: PLAIN for another", c.auth_plain("tester", PASSWORD, "alice").code, 535)
        for what, token in (("no NUL", "dGVzdGVy"), ("three NULs", "AGEAYgBj"), ("junk", "!!!"),
                            ("bad padding", "AGEAY")):
            said = c.command(f"AUTH PLAIN {token}")
            r.check(f"attacks 38, 79: PLAIN with {what}", said.code in (501, 535), said)
    with b.session() as c:
        c.command("AUTH LOGIN")
        r.equal("attack 78: * gives up", (lambda s: (s.code, s.enhanced))(c.command("*")),
                (501, "5.7.0"))
    with b.session() as c:
        said = c.auth_scram("tester", PASSWORD, header="y,,")
        r.equal("attack 80: `y` while PLUS is offered", said.code, 535)
    with b.session() as c:
        said = c.auth_scram("tester", PASSWORD, change=lambda final: final.replace("r=", "r=x"))
        r.equal("attack 80: SCRAM with another nonce", said.code, 535)
    with b.session() as c:
        said = c.command("AUTH NTLM")
        r.equal("unknown mechanism", said.code, 504)


def senders(b):
    """Attack 82: who may send as whom, in the envelope and in From."""
    r = b.report
    for sender, want in (("alice@our.test", 250), ("any@shop.test", 250), ("", 250),
                         ("ALICE@OUR.TEST", 250), ("bob@our.test", 553), ("a@sub.shop.test", 553),
                         ("alice@other.test", 553)):
        with b.session("alice@our.test") as c:
            r.equal(f"attack 82: alice sends as <{sender}>", c.mail(sender)[0].code, want)
    with b.session("alice@our.test") as c:
        content = b"From: bob@our.test\r\n\r\nx\r\n"
        r.equal("attack 82: From is not hers", c.message("alice@our.test", "x@sink.test", content).code,
                553)
        content = b"From: alice@our.test, bob@our.test\r\n\r\nx\r\n"
        r.equal("attack 82: one From of two is not hers",
                c.message("alice@our.test", "x@sink.test", content).code, 553)
        r.equal("no From", c.message("alice@our.test", "x@sink.test", b"To: x\r\n\r\nx\r\n").code, 550)
    with b.session("tester") as c:
        r.equal("unqualified recipient", c.mail("a@b.test", "joe")[1].code, 501)


# ---- TLS --------------------------------------------------------------------------------------

def tls_rules(b):
    r = b.report
    for tail in (b"RSET\r\n", b"EHLO x\r\n", b"NOOP\r\nNOOP\r\n"):
        with Client(b.server.submission) as c:
            c.ehlo()
            c.send(b"STARTTLS\r\n" + tail)
            said = c.reply()
            r.equal(f"attack 13: STARTTLS with {tail!r} behind", said.code, 554)
            r.check("attack 13: closed", c.closed() and c.rest == b"", c.rest)
    with Client(b.server.submission) as c:
        c.ehlo()
        r.equal("attack 17: STARTTLS foo", c.command("STARTTLS foo").code, 501)
        c.starttls(b.tls)
        r.check("attack 18: STARTTLS is not offered under TLS", "STARTTLS" not in c.capabilities)
        r.equal("attack 16: STARTTLS twice", c.command("STARTTLS").code, 503)
    with Client(b.server.submission) as c:
        c.ehlo()
        c.command("STARTTLS")
        c.start_tls(b.tls)
        r.equal("attack 15: MAIL before EHLO under TLS", c.command("MAIL FROM:<a@b.test>").code // 100,
                5)
    with Client(b.server.mx) as c:
        c.ehlo()
        c.mail("a@b.test")
        r.equal("attack 15: STARTTLS inside a transaction", c.command("STARTTLS").code, 503)
    try:
        c = Client(b.server.tls, tls=client_tls(b.server.certificate, alpn=["h2", "http/1.1"]))
        r.check("attack 150: ALPN of a web browser is fatal", False, "the handshake was done")
        c.close()
    except ssl.SSLError as e:
        r.check("attack 150: ALPN of a web browser is fatal", "no application protocol" in
                str(e).lower().replace("_", " "), e)
    with Client(b.server.tls, tls=b.tls) as c:
        c.ehlo()
        c.auth_plain("tester", PASSWORD)
        c.mail("a@b.test", "x@sink.test")
        c.command("DATA")
        c.send(b"From: a@b.test\r\n\r\nhalf a mes")
        raw = c.sock.unwrap()
        try:
            raw.sendall(b"sage\r\n.\r\nQUIT\r\n")
            left = raw.recv(4096)
        except OSError:
            left = b""
        r.check("attack 22: after close_notify nothing is read", b"250" not in left, left)
        raw.close()


# ---- other protocols, odd lines -----------------------------------------------------------------

def other_protocols(b):
    r = b.report
    posted = (b"POST / HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 60\r\n\r\n"
              b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@our.test>\r\nDATA\r\n")
    for port, where in ((b.server.relay, "relay"), (b.server.mx, "mx"),
                        (b.server.submission, "submission")):
        with Client(port) as c:
            c.send(posted)
            c.closed()
            r.check(f"attack 149: HTTP at {where}: one 554 and closed",
                    c.rest.startswith(b"554 ") and c.rest.count(b"\r\n") == 1
                    and b"evil" not in c.rest, c.rest)
    for line in (b"NOOP\n", b"EHLO a\n", b"NOOP\r\r\n", b"NO\rOP\r\n"):
        with Client(b.server.relay) as c:
            c.send(line + b"NOOP\r\n")
            c.closed()
            r.check(f"attack 7: {line!r}", c.rest.startswith(b"500 5.5.2")
                    and c.rest.count(b"\r\n") == 1, c.rest)
    with Client(b.server.relay) as c:
        for _ in range(130):
            said = c.command("NOOP")
            if said.code != 250:
                break
        r.equal("attack 100: too many NOOPs", (said.code, said.enhanced), (421, "4.7.0"))
    with Client(b.server.relay) as c:
        c.command("EHLO a\x1b[2Jb.test")
        c.ehlo()
        said = c.mail("a@b.test", "x@y.test", rcpt_params="ORCPT=rfc822;a+0Ab@x")
        r.equal("attack 43: a decoded line end in ORCPT", said[1].code, 501)
    with open(b.server.events_file, "rb") as f:
        log = f.read() + b.server.stderr().encode()
    r.check("attack 146: no control bytes in the logs", not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", log))
    r.check("attack 147: no password in the logs", PASSWORD.encode() not in log
            and b"AHRlc3Rlcg" not in log)


# ---- content ------------------------------------------------------------------------------------

def contents(b):
    r, relay = b.report, b.server.relay
    eight = "From: a@b.test\r\nSubject: 8\r\n\r\nGrüße ".encode() + b"\xff\xfe\r\n"
    for params, mime in (("BODY=8BITMIME", True), ("", True)):
        b.sink.clear()
        with Client(relay) as c:
            c.ehlo()
            c.mail("a@b.test", "x@sink.test", params=params)
            r.equal(f"8-bit {params}: taken", c.data(eight).code, 250)
        m = first(b.arrived())
        if r.check(f"8-bit {params}: arrives", m is not None):
            r.equal(f"8-bit {params}: the same bytes", drop_received(m.data)[0], eight)
            r.check(f"8-bit {params}: said to the next hop", ("BODY=8BITMIME" in m.mail) == mime, m.mail)
    b.plain_sink.clear()
    with Client(relay) as c:
        c.ehlo()
        c.mail("a@b.test", "x@plain.test")
        c.data(eight)
    m = first(b.arrived(b.plain_sink))
    r.check("8-bit undeclared goes unchanged to a hop without 8BITMIME",
            m is not None and m.data.endswith(eight))
    pipelining(b)
    chunks(b)
    dsn(b)
    smtputf8(b)


def pipelining(b):
    r = b.report
    b.sink.clear()
    with Client(b.server.relay) as c:
        c.ehlo()
        c.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@sink.test>\r\nRCPT TO:<bad@@>\r\n"
               b"RCPT TO:<y@sink.test>\r\nDATA\r\n")
        codes = [c.reply().code for _ in range(5)]
        r.equal("PIPELINING: replies in order", codes, [250, 250, 501, 250, 354])
        c.send(MAIL.replace(b"\r\n.", b"\r\n..") + b".\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n")
        r.equal("PIPELINING: behind the data", [c.reply().code for _ in range(4)], [250, 250, 250, 221])
    m = first(b.arrived())
    if r.check("PIPELINING: arrives", m is not None):
        r.equal("PIPELINING: the two good recipients", sorted(m.recipients),
                ["x@sink.test", "y@sink.test"])
        r.equal("attack 9: dots come out as they went in", drop_received(m.data)[0], MAIL)


def chunks(b):
    r = b.report
    b.sink.clear()
    with Client(b.server.relay) as c:
        c.ehlo()
        c.send(b"BDAT 5\r\nhelloNOOP\r\n")
        r.equal("attack 24: BDAT before MAIL is consumed", [c.reply().code, c.reply().code], [503, 250])
        c.mail("a@b.test", "x@sink.test")
        r.equal("BDAT: a first chunk", c.bdat(MAIL[:7]).code, 250)
        r.equal("attack 28: DATA after BDAT", c.command("DATA").code, 503)
        r.equal("BDAT: a chunk that looks like commands", c.bdat(MAIL[7:40]).code, 250)
        r.equal("BDAT: the last", c.bdat(MAIL[40:], last=True).code, 250)
        c.mail("a@b.test", "x@sink.test")
        c.bdat(b"From: lost")
        r.equal("attack 30: RSET between chunks", c.command("RSET").code, 250)
        c.mail("a@b.test", "empty@sink.test")
        r.equal("attack 27: BDAT 0 LAST", c.bdat(b"", last=True).code, 250)
    for words in ("-1", "0x10", "99999999999999999999", "", "5 FOO"):
        with Client(b.server.relay) as c:
            c.ehlo()
            r.equal(f"attack 26: BDAT {words}", c.command(f"BDAT {words}".rstrip()).code, 501)
    found = b.arrived(count=2)
    whole = [m for m in found if m.recipients == ["x@sink.test"]]
    if r.check("BDAT: arrives", len(whole) == 1, len(whole)):
        r.equal("BDAT: the same bytes", drop_received(whole[0].data)[0], MAIL)
    r.check("attack 27: the empty one arrives with our Received",
            any(m.recipients == ["empty@sink.test"] and m.data.startswith(b"Received:") for m in found))


def dsn(b):
    r = b.report
    b.sink.clear()
    with Client(b.server.relay) as c:
        c.ehlo()
        said = c.mail("a@b.test", "x@sink.test", params="RET=HDRS ENVID=ab+2Bcd",
                      rcpt_params="NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;orig+2Bx@y.test")
        r.equal("DSN: parameters taken", [s.code for s in said], [250, 250])
        c.data(MAIL)
    m = first(b.arrived())
    if r.check("DSN: arrives", m is not None):
        r.check("DSN: RET and ENVID go on", "RET=HDRS" in m.mail and "ENVID=ab+2Bcd" in m.mail, m.mail)
        r.check("DSN: NOTIFY and ORCPT go on", "NOTIFY=SUCCESS,FAILURE" in m.rcpts[0]
                and "ORCPT=rfc822;orig+2Bx@y.test" in m.rcpts[0], m.rcpts)


def smtputf8(b):
    r = b.report
    with Client(b.server.relay) as c:
        c.ehlo()
        r.equal("attack 153: UTF-8 address without SMTPUTF8", c.command("MAIL FROM:<ü@b.test>").code, 553)
        r.equal("attack 154: broken UTF-8", c.command(b"MAIL FROM:<\xc3(@b.test> SMTPUTF8").code, 501)
    b.sink.clear()
    mail = "From: ü@b.test\r\nSubject: Grüße\r\n\r\nhi\r\n".encode()
    with Client(b.server.relay) as c:
        c.ehlo()
        said = c.mail("ü@b.test", "björn@sink.test", params="SMTPUTF8 BODY=8BITMIME")
        r.equal("SMTPUTF8: taken", [s.code for s in said], [250, 250])
        c.data(mail)
    m = first(b.arrived())
    if r.check("SMTPUTF8: arrives", m is not None):
        r.check("SMTPUTF8: said to the next hop", "SMTPUTF8" in m.mail and m.sender == "ü@b.test", m.mail)
        r.equal("SMTPUTF8: the recipient", m.recipients, ["björn@sink.test"])
    b.plain_sink.clear()
    with Client(b.server.relay) as c:
        c.ehlo()
        c.mail("ü@b.test", "x@plain.test", params="SMTPUTF8 BODY=8BITMIME")
        c.data(mail)
    bounce = next((m for m in b.arrived(count=2) if m.sender == ""), None)
    r.check("attack 153: a hop without SMTPUTF8: nothing is sent", b.plain_sink.kept() == [])
    r.check("attack 153: and a report with 5.6.7 comes back",
            bounce is not None and b"5.6.7" in bounce.data, bounce and bounce.data)


def vrfy(b):
    r = b.report
    for who in ("bob@our.test", "nobody@our.test", "bob"):
        with Client(b.server.mx) as c:
            c.ehlo()
            r.equal(f"attack 75: VRFY {who}", c.command(f"VRFY {who}").code, 252)
            r.equal(f"attack 75: EXPN {who}", c.command(f"EXPN {who}").code, 502)
    with Client(b.server.mx) as c:
        c.ehlo()
        c.mail("a@b.test")
        codes = []
        try:
            while len(codes) < 30 and (not codes or codes[-1] == 550):
                codes.append(c.command(f"RCPT TO:<no{len(codes)}@our.test>").code)
        except (Closed, OSError):
            pass
        r.equal("attack 75: too many unknown recipients", codes, [550] * 20 + [421])


def main():
    need_program()
    report = Report()
    b = Bench(report)
    for part in (programs, logins, wrong_logins, senders, tls_rules, contents, vrfy, other_protocols):
        try:
            part(b)
        except (Closed, OSError, RuntimeError, ValueError) as e:
            report.check(f"{part.__name__} to its end", False, repr(e))
    report.equal("SIGTERM", b.server.stop(), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
