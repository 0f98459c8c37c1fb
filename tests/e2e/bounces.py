"""Bounces and complaints over real sockets: what leaves has a signed return path, what comes back to it
suppresses its recipient, and nobody else can be suppressed by what strangers make up (attacks 101, 107).
"""
import json
import os
import random
import signal
import sys

from _check import Report, need_program, until, write
from _server import Server, route
from _smtp import Client, Sink

DOMAIN = "bounce.test"
FORGERIES = 200


def bounce(recipient):
    return (f"From: MAILER-DAEMON@remote.test\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: text/plain\r\n\r\nGone.\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; remote.test\r\n\r\n"
            f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
            f"Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: User unknown\r\n\r\n--b--\r\n").encode()


def complaint(path):
    return ("From: fbl@remote.test\r\nSubject: FW: news\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: text/plain\r\n\r\nAn abuse report.\r\n"
            "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
            f"--b\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <{path}>\r\nSubject: news\r\n\r\nx\r\n"
            "--b--\r\n").encode()


def send(server, sink, rcpt, fields=""):
    """Hand over one message; the return path under which it arrived."""
    before = len(sink.kept())
    with Client(server.relay) as c:
        c.ehlo()
        content = f"From: shop@our.test\r\nTo: {rcpt}\r\n{fields}Subject: news\r\n\r\nhi\r\n".encode()
        assert c.message("shop@our.test", rcpt, content).code == 250
    return sink.wait(before + 1)[before].sender


def rcpt_reply(server, rcpt, sender="shop@our.test"):
    with Client(server.relay) as c:
        c.ehlo()
        return c.mail(sender, rcpt)[1]


def give_back(server, path, content, sender=""):
    with Client(server.mx) as c:
        c.ehlo()
        replies = c.mail(sender, path)
        return replies[1] if replies[1].code != 250 else c.data(content)


def check_bounce(report, server, sink):
    path = send(server, sink, "gone@remote.test")
    report.check("a return path of ours", path.startswith("bounce+") and path.endswith("@" + DOMAIN), path)
    report.equal("taken until then", rcpt_reply(server, "gone@remote.test").code, 250)
    before = len(sink.kept())
    report.equal("the bounce is taken", give_back(server, path.upper(), bounce("gone@remote.test")).code, 250)
    refused = rcpt_reply(server, "Gone@Remote.Test")
    report.equal("the next RCPT is refused", (refused.code, refused.enhanced), (550, "5.7.1"))
    report.check("with the reason", "hard_bounce" in refused.texts[0], refused)
    forwarded = sink.wait(before + 1)[before]
    report.equal("it goes on to who sent the message",
                 (forwarded.sender, forwarded.recipients), ("", ["shop@our.test"]))
    until(10, lambda: server.events("bounce_received"))
    told = server.events("bounce_received")
    report.equal("told", [(e["recipient"], e["class"], e["hardness"]) for e in told],
                 [("gone@remote.test", "bad_mailbox", "hard")])
    return path


def check_forgeries(report, server, sink, path):
    """Nobody but we can write a path; whoever has one cannot use it for another."""
    victim = send(server, sink, "victim@remote.test")
    draw = random.Random(1)
    local = victim.split("@")[0]
    codes = set()
    with Client(server.mx, seconds=60) as c:
        c.ehlo()
        c.command("MAIL FROM:<>")
        for n in range(FORGERIES):
            at = draw.randrange(len("bounce+"), len(local))
            other = draw.choice([d for d in "0123456789abcdefghjkmnpqrstvwxyz" if d != local[at].lower()])
            forged = local[:at] + other + local[at + 1:]
            if n % 15 == 14: # before the server counts us as one who guesses
                c.close()
                c.__init__(server.mx, seconds=60)
                c.ehlo()
                c.command("MAIL FROM:<>")
            if local[at] != ".":
                codes.add(c.command(f"RCPT TO:<{forged}@{DOMAIN}>").code)
    report.check("attack 101: every forged return path is refused", codes <= {550, 554}, codes)
    report.equal("attack 107: a bounce that names another is taken for its own recipient",
                 give_back(server, path, bounce("victim@remote.test")).code, 250)
    report.equal("attack 101: a complaint without a path of ours is taken and left",
                 give_back(server, f"fbl@{DOMAIN}", complaint(f"bounce+x.0.0@{DOMAIN}"), "fbl@remote.test").code,
                 250)
    report.equal("attack 101, 107: the victim still gets mail", rcpt_reply(server, "victim@remote.test").code, 250)
    listed = server.tool("suppress", "ls", "--json").stdout.decode().splitlines()
    report.equal("attack 101: one address is on the list",
                 [json.loads(line)["address"] for line in listed], ["gone@remote.test"])
    report.check("attack 101: told", until(10, lambda: any(
        "forged" in e["reason"] for e in server.events("feedback_ignored"))))
    report.check("many of them raise one event that says what it means", until(10, lambda: [
        "SPF" in e["reason"] for e in server.events("backscatter")] == [True]))
    return victim


def check_complaint(report, server, sink):
    path = send(server, sink, "angry@remote.test", "Smtptool-Stream: news\r\nSmtptool-Campaign: spring\r\n")
    report.equal("a complaint is taken",
                 give_back(server, f"fbl@{DOMAIN}", complaint(path), "fbl@remote.test").code, 250)
    report.check("it suppresses", "complaint" in rcpt_reply(server, "angry@remote.test").texts[0])
    rows = [json.loads(line) for line in
            server.tool("suppress", "campaigns", "--json").stdout.decode().splitlines()]
    report.equal("it counts to its campaign",
                 [r["complaints"] for r in rows if r["campaign"] == "spring"], [1])


def check_loops(report, server, sink):
    """Who gets our mail and would tell of complaints: all of it, and that of one sending domain."""
    path = send(server, sink, "someone@yahoo.com")
    zone = write(os.path.join(server.folder, "zone"), "$ORIGIN .\n")

    def states(*command):
        done = server.tool(*command, "--json")
        rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
        return done.returncode, {r["id"]: (r["state"], r["recipients"]) for r in rows if "id" in r}

    until(10, lambda: "yahoo" in states("feedback-loops")[1])
    for command in (("feedback-loops",), ("domain", "check", "our.test", "--dns-zone", zone)):
        code, found = states(*command)
        report.equal(f"{command[0]}: missing", (code, found.get("yahoo")), (1, ("missing", 1)))
    report.equal("domain check: another domain's mail does not go there",
                 states("domain", "check", "other.test", "--dns-zone", zone)[1], {})
    said = server.tool("domain", "check", "our.test", "--dns-zone", zone).stdout.decode()
    report.check("and how to enrol", "enrol: https://" in said, said)
    report.equal("their first report is taken",
                 give_back(server, f"fbl@{DOMAIN}", complaint(path), "fbl@arf.mail.yahoo.com").code, 250)
    report.equal("then it works", states("feedback-loops")[1]["yahoo"], ("works", 1))
    report.equal("for the domain, too",
                 states("domain", "check", "our.test", "--dns-zone", zone)[1]["yahoo"], ("works", 1))


def check_command(report, server):
    report.equal("check: on the list", server.tool("suppress", "check", "gone@remote.test").returncode, 1)
    report.equal("rm", server.tool("suppress", "rm", "gone@remote.test").returncode, 0)
    report.equal("rm counts at once", rcpt_reply(server, "gone@remote.test").code, 250)
    report.equal("add", server.tool("suppress", "add", "x@remote.test", "--note", "by phone").returncode, 0)
    report.equal("add counts at once", rcpt_reply(server, "x@remote.test").code, 550)
    rows = "email,reason\n" + "".join(f"u{n}@many.test,unsubscribe\n" for n in range(5000)) + "none,manual\n"
    done = server.tool("suppress", "import", write(os.path.join(server.folder, "list.csv"), rows))
    report.equal("import: a wrong line is told by its number",
                 (done.returncode, b"list.csv:5002: " in done.stderr), (65, True))
    report.equal("import counts at once", rcpt_reply(server, "u4999@many.test").code, 550)
    exported = server.tool("suppress", "export").stdout.decode()
    report.equal("export", exported.count("\r\n"), 5000 + 3 + 1)


def main():
    need_program()
    report = Report()
    sink = Sink()
    server = Server(routes=[route("*", sink.port)],
                    bounces={"domain": DOMAIN, "complaints": [f"fbl@{DOMAIN}"]})
    report.on_fail.append(server.show)
    server.start()
    path = check_bounce(report, server, sink)
    check_forgeries(report, server, sink, path)
    check_complaint(report, server, sink)
    check_loops(report, server, sink)
    server.kill()
    server.start()
    report.equal("after a crash it is still on the list", rcpt_reply(server, "gone@remote.test").code, 550)
    report.equal("and old return paths are still ours", give_back(server, path, bounce("gone@remote.test")).code,
                 250)
    check_command(report, server)
    keys = os.path.join(server.state, "feedback", "verp.keys")
    report.equal("nobody else may read the keys", os.stat(keys).st_mode & 0o777, 0o600)
    report.check("the queue gets empty",
                 until(10, lambda: b'"id"' not in server.tool("queue", "ls", "--json").stdout))
    report.equal("SIGTERM", server.stop(signal.SIGTERM), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
