"""`serve` delivers to a simulated provider (`bench sink --rules`) that throttles, greylists, storms, blocks.

Hours are seconds here. What is judged: nothing is lost, nothing comes twice, and each refusal is the one that
the rules ask for. With SHAPED=1, which takes longer and is not for CI, also how well the server finds what it may do: at least 95 %
of the allowed rate and no block. Those are shares of what the provider itself counted, not times of this machine.
"""
import json
import os
import subprocess
import sys
import threading

from _check import SMTPTOOL, Report, at_end, folder, free_port, need_program, until, write
from _server import Server, retry_soon, route
from _smtp import Client

SHAPED = os.environ.get("SHAPED", "0") == "1"
SECONDS_MAX = 60  # for a scene to be over
BODY = b"Subject: hello\r\n\r\nhello\r\n"


class Provider:
    """`bench sink --rules` on a port of its own; JSON is YAML."""

    def __init__(self, rules, report="1s", name="plain"):
        self.port, self.lines = free_port(), []
        file = write(os.path.join(folder(), "rules.yaml"), json.dumps({"provider": name, "rules": rules}))
        self.process = subprocess.Popen(
            [SMTPTOOL, "--json", "bench", "sink", "--listen", f"127.0.0.1:{self.port}", "--rules", file,
             "--report", report], stdout=subprocess.PIPE, text=True)
        at_end(self.stop)
        self.listening = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.listening.wait(20)

    def read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            self.listening.set()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.reader.join(20)

    def stretches(self):
        return [line for line in self.lines if line["event"] == "stretch"]

    def sum(self, key):
        return sum(s["said"][key] if key in s["said"] else s[key] for s in self.stretches())


class Scene:
    """A server whose only way is a provider, and mail for it."""

    def __init__(self, report, name, rules, mails, words="plain", **config):
        self.report, self.name, self.mails = report, name, mails
        self.provider = Provider(rules, name=words)
        self.server = Server(routes=[route("*", self.provider.port)],
                             retry={**retry_soon(), "give_up": "1h"}, **config).start()
        report.on_fail.append(self.server.show)
        with Client(self.server.relay) as c:
            c.ehlo()
            for number in range(mails):
                self.check("taken in", self.send(c, f"user{number}@site.test"))

    def send(self, c, rcpt):
        replies = c.mail("news@sender.test", rcpt, rcpt_params="NOTIFY=NEVER")
        return all(r.code == 250 for r in replies) and c.data(BODY).code == 250

    def check(self, what, good, detail=""):
        return self.report.check(f"{self.name}: {what}", good, detail)

    def done(self):
        return len(self.server.events("delivered")) + len(self.server.events("bounced"))

    def finish(self, bounced=0, seconds=SECONDS_MAX):
        """Waits for the last message; then the ledger of both sides must agree."""
        self.check("every message has an end", until(seconds, lambda: self.done() >= self.mails), self.done())
        self.server.stop()
        self.provider.stop()
        delivered = [e["queue_id"] for e in self.server.events("delivered")]
        failed = [e["queue_id"] for e in self.server.events("bounced")]
        self.check("each ends once", len(set(delivered + failed)) == len(delivered + failed) == self.mails,
                   f"{len(delivered)} delivered, {len(failed)} bounced of {self.mails}")
        self.check("what was delivered was taken, once", self.provider.sum("accepted") == len(delivered),
                   f"{self.provider.sum('accepted')} taken, {len(delivered)} delivered")
        self.check("as many bounced as the rules refuse for good", bounced is None or len(failed) == bounced,
                   f"{len(failed)} bounced: {failed[:3]}")

    def classes(self, kind="deferred"):
        return {e.get("class") for e in self.server.events(kind)}

    # ---- what shaping must reach

    def shaped(self, warm_seconds, share=0.95, blocks=0):
        """Behind the warm-up, while there was mail: what was accepted of what the rules allow."""
        if not SHAPED:
            return
        busy = [s for s in self.provider.stretches() if s["from"] >= warm_seconds and s["offered"] > 0][:-2]
        allowed = sum(s["allowed"] for s in busy)
        accepted = sum(s["accepted"] for s in busy)
        self.check("enough was measured", len(busy) >= 10, len(busy))
        self.check(f"at least {share:.0%} of the allowed rate is used", allowed and accepted >= share * allowed,
                   f"{accepted} of {allowed:.0f}")
        self.check("nobody was blocked", self.provider.sum("blocks") == blocks, self.provider.sum("blocks"))


def throttle(report):
    s = Scene(report, "throttle", [{"rule": "throttle", "limit": "40/s"}], 200, words="gmail")
    s.finish()
    s.check("never above the limit", all(x["accepted"] <= 81 for x in s.provider.stretches()),
            [x["accepted"] for x in s.provider.stretches()])
    s.check("deferred means: too fast", s.classes() <= {"rate"}, s.classes())
    s.check("it was throttled", SHAPED or s.provider.sum("throttle") > 0)


def rate_found(report):
    """Shaping only: a steady rate is found and kept, without being blocked for trying."""
    if not SHAPED:
        report.skip("rate found", "it takes longer: SHAPED=1")
        return
    rules = [{"rule": "throttle", "limit": "40/s", "meter": "bucket", "burst": 20},
             {"rule": "block", "after": 100, "within": "20s", "lasts": "30s"}]
    s = Scene(report, "rate found", rules, 4800, words="gmail")
    s.finish(seconds=300)
    s.shaped(warm_seconds=40)


def storm(report):
    s = Scene(report, "storm", [{"rule": "storm", "ends": "3s"}], 30)
    s.finish()
    s.check("there was a storm", s.provider.sum("storm") > 0)


def greylist(report):
    s = Scene(report, "greylist", [{"rule": "greylist", "wait": "2s"}], 20)
    s.finish()
    s.check("each was told to wait", s.provider.sum("greylist") >= 20, s.provider.sum("greylist"))
    s.check("deferred means: greylisted", s.classes() == {"greylist"}, s.classes())


def connections(report):
    s = Scene(report, "connections", [{"rule": "connections", "at_once": 2},
                                      {"rule": "connections", "messages": 5}], 40)
    s.finish()
    s.check("no connection had more than five", s.provider.sum("accepted") <= 5 * sum(
        x["connections"] for x in s.provider.stretches()))


def block(report):
    """Without shaping a 550 is for good; with it the address is refused, not the mail, and the mail waits."""
    rules = [{"rule": "throttle", "limit": "5/s", "meter": "bucket", "burst": 5},
             {"rule": "block", "after": 10, "within": "10s", "lasts": "4s"}]
    s = Scene(report, "block", rules, 40)
    s.finish(bounced=0 if SHAPED else None)
    s.check("deferred means: too fast", s.classes() <= {"rate", "blocked_ip", None}, s.classes())


def recipients(report):
    s = Scene(report, "recipients", [{"rule": "recipients", "local": "user1*", "reply": "unknown"},
                                     {"rule": "slow", "delay": "20ms", "body": "10KB"}], 20)
    s.finish(bounced=11)  # user1, user10 … user19
    s.check("bounced means: nobody of that name", s.classes("bounced") == {"bad_mailbox"}, s.classes("bounced"))


def whys(report):
    """What `queue why` says of sites that put mail off: which trouble each of them has."""
    storm = lambda say: [{"rule": "storm", "stage": "mail", "say": say}]
    sites = {
        "down": (None, "The site is down"),
        "overloaded": (storm("421 4.3.2 Service overloaded, try later"), "The site is overloaded"),
        "blocking": (storm("550 5.7.1 Mail sent from your IP address has been blocked."), "The site is blocking the address"),
        "full": ([{"rule": "recipients", "reply": "full", "share": "100%"}], "The mailbox is full"),
        "grey": ([{"rule": "greylist", "wait": "5m"}], "The site greylists"),
    }
    ports = {name: Provider(rules).port if rules else free_port() for name, (rules, _) in sites.items()}
    server = Server(routes=[route(f"{name}.test", port, name=name) for name, port in ports.items()]).start()
    report.on_fail.append(server.show)
    with Client(server.relay) as c:
        c.ehlo()
        for name in sites:
            c.mail("news@sender.test", f"user@{name}.test", rcpt_params="NOTIFY=NEVER")
            c.data(BODY)
    report.check("why: each was tried", until(SECONDS_MAX, lambda: len(server.events("deferred")) >= len(sites)))
    waiting = [json.loads(line) for line in server.tool("--json", "queue", "ls").stdout.splitlines()]
    for name, (_, says) in sites.items():
        found = [q["id"] for q in waiting if q["destination"] == f"route:{name}"]
        why = server.tool("queue", "why", *found).stdout.decode() if found else ""
        report.check(f"why: {name}", says in why, why)
    server.stop()


def rules_are_checked(report):
    file = write(os.path.join(folder(), "wrong.yaml"), "rules:\n  - rule: throtle\n")
    done = subprocess.run([SMTPTOOL, "bench", "sink", "--listen", "127.0.0.1:0", "--rules", file],
                          capture_output=True, text=True, timeout=20)
    report.check("a mistake is told with its place", done.returncode == 64 and f"{file}:2:11: " in done.stderr,
                 f"{done.returncode} {done.stderr}")


def main():
    need_program()
    report = Report()
    for scene in (rules_are_checked, whys, throttle, rate_found, storm, greylist, connections, block, recipients):
        scene(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
