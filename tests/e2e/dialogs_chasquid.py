"""The dialogs of chasquid's own tests (suite smtp-dialogs-chasquid), spoken to our server.

Only reply codes are compared. Where ours differs, the table below holds the difference with the
RFC clause (or our rule) that explains it; a difference that is not in the table fails, and so does
an entry of the table that no longer happens.
"""
import ast
import glob
import os
import re
import sys

from _check import Report, need_program, skip_all, suite
from _server import Server, retry_soon
from _smtp import Client, Closed, Sink, client_tls, drop_received, wait_quiet

USER, PASSWORD = "user@testserver", "secretpassword"
CLOSED = "closed"

# (file, number of the expectation in it): (theirs, ours, why)
HTTP = "RFC 5321 section 4.2.2 leaves it open: no server for this is 554, and the connection is closed"
BARE = "RFC 3463 has 5.5.2; 550 because 521 says that no mail is taken here at all (RFC 7504 section 3)"
SYNTAX = "RFC 5321 section 4.2.4: the command is known, its parameters are wrong: 501, not 500"
DIFFERENT = {
    ("auth_multi_dialog", 3): (534, 504, "RFC 4954 section 4: a mechanism that is not supported is "
                               "504; 534 is for one that is too weak"),
    ("auth_not_tls", 3): (503, 502, "no login is offered at an mx listener: 502, the command is not "
                          "implemented (RFC 5321 section 4.2.4)"),
    ("auth_too_many_failures", 5): (421, 501, "RFC 4954 section 4: malformed base64 is 501; a client "
                                    "is sent away by counted commands, not by the third"),
    ("bad_data", 10): (554, 250, "a field without a colon is passed on as it is: a relay does not "
                      "judge content (RFC 5321 sections 2.3.1 and 6.4)"),
    ("bad_data_dot", 6): (521, 550, BARE),
    ("bad_data_dot_2", 6): (521, 550, BARE),
    ("bad_data_dot_on_message_too_big", 6): (521, 550, BARE),
    ("bad_mail_from", 3): (500, 501, SYNTAX),
    ("bad_mail_from", 4): (500, 501, SYNTAX),
    ("bad_rcpt_to", 4): (500, 501, SYNTAX),
    ("bad_rcpt_to", 5): (500, 501, SYNTAX),
    ("bad_rcpt_to", 14): (550, 553, "RFC 6531 section 3.5: a non-ASCII mailbox without SMTPUTF8 is "
                          "550 or 553; ours is 553 5.6.7"),
    ("line_too_long", 2): (554, 501, "RFC 5321 section 4.5.3.1.2: the line is not too long for us, "
                           "the name is: 501"),
    ("wrong_proto", 2): (502, 554, HTTP),
    ("wrong_proto", 4): (502, 554, HTTP),
    ("wrong_proto", 6): (502, 554, HTTP),
}
# Lines that chasquid takes and the grammar does not: refused with 501, then said properly.
SLOPPY = {b"RCPT TO: user@testserver\r\n": b"RCPT TO:<user@testserver>\r\n"}  # section 4.1.1.3


def value(node):
    """The suite writes long data as Python: literals, * and + only."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return value(node.left) + value(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return value(node.left) * value(node.right)
    raise ValueError("not a literal")


def steps_of(path):
    """(what, argument) of each line: send, expect, tcp, tls, close."""
    with open(path, encoding="utf-8") as f:
        for line in f.read().split("\n"):
            m = re.match(r"c (->|~>|<-|<~|<\.\.\.|tcp_connect|tls_connect|close|=|wait)(?: (.*))?$", line)
            if not m:
                continue
            what, rest = m[1], m[2] or ""
            if what == "->":
                yield "send", rest.encode() + b"\r\n"
            elif what == "~>":
                yield "send", value(ast.parse(rest, mode="eval").body).encode("latin1")
            elif what.startswith("<"):
                code = re.search(r"\d\d\d", rest)
                yield "expect", int(code[0]) if code else None
            else:
                yield what, rest


class Dialog:
    def __init__(self, report, server, name):
        self.report, self.server, self.name, self.count = report, server, name, 0
        self.client = None

    def connect(self, secure):
        if self.client:
            self.client.close()
        self.client = Client(self.server.tls if secure else self.server.mx, seconds=10, greet=False,
                             tls=client_tls(self.server.certificate) if secure else None)

    def expect(self, theirs):
        self.count += 1
        try:
            ours = self.client.reply().code
        except (Closed, OSError):
            ours = CLOSED
        known = DIFFERENT.get((self.name, self.count))
        what = f"{self.name}, reply {self.count}"
        if known:
            self.report.check(f"{what}: as the table says", known[:2] == (theirs, ours),
                              f"theirs {theirs}, ours {ours}, table {known}")
            if theirs != ours:
                print(f"    {what}: {theirs} there, {ours} here: {known[2]}")
        else:
            self.report.check(what, ours == theirs, f"theirs {theirs}, ours {ours}")

    def expect_refusal(self, line):
        r = self.client.reply()
        self.report.equal(f"{self.name}: {line!r}: RFC 5321 section 4.1.1.3 wants brackets", r.code, 501)

    def run(self, path):
        for what, argument in steps_of(path):
            if what in ("tcp_connect", "tls_connect"):
                self.connect(what == "tls_connect")
            elif what == "close":
                self.client.close()
            elif what == "expect":
                self.expect(argument)
            elif what == "send":
                try:
                    self.client.send(argument)
                    if argument in SLOPPY:
                        self.expect_refusal(argument)
                        self.client.send(SLOPPY[argument])
                except (Closed, OSError):
                    pass  # told by the reply that does not come
        if self.client:
            self.client.close()


def verify(report, name, path, sink):
    """What was delivered, against the file beside the dialog."""
    with open(path, "rb") as f:
        want = re.sub(rb"\r?\n", b"\r\n", f.read())
    arrived = [drop_received(m.data)[0] for m in wait_quiet(sink)]
    report.check(f"{name}: delivered as written", any(a.strip() == want.strip() for a in arrived),
                 (arrived, want))


def main():
    need_program()
    root = suite("smtp-dialogs-chasquid")
    if root is None:
        skip_all("chasquid's dialogs", "there is no folder smtp-dialogs-chasquid")
    report, sink = Report(), Sink()
    server = Server(hostname="testserver", limits={"message": "1MiB"}, retry=retry_soon(),
                    domains={"testserver": {"deliver": f"smtp://127.0.0.1:{sink.port}?tls=none",
                                            "recipients": ["user"]}})
    report.on_fail.append(server.show)
    server.add_user(USER, PASSWORD)
    server.start()
    paths = sorted(glob.glob(os.path.join(root, "**", "*.cmy"), recursive=True))
    report.equal("dialogs", len(paths), 19)
    for path in paths:
        name = os.path.basename(path)[:-4]
        if os.path.basename(os.path.dirname(path)) == "t-04-aliases":
            report.skip(name, "it talks to chasquid-util, not SMTP")
            continue
        if os.path.basename(os.path.dirname(path)) == "t-05-null_address":
            name = "null_address"
        sink.clear()
        Dialog(report, server, name).run(path)
        if os.path.exists(path + ".verify"):
            verify(report, name, path + ".verify", sink)
    report.equal("SIGTERM", server.stop(), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
