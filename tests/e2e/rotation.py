"""A domain's keys are changed while mail flows: every message at the sink verifies with the zone as it
stands then, whatever is published, refused, killed or given up meanwhile."""
import calendar
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time

from _check import Report, SMTPTOOL, need_program, until, write
from _server import Server, route
from _smtp import Client, Sink

DOMAIN = "test.example"
DAY = 86400
OLD_TTL, NEGATIVE_TTL = 7200, 900
KILLS = 12
CONTENT = (b"From: Alice <a@test.example>\r\nTo: b@elsewhere.test\r\nSubject: hello\r\n"
           b"Date: Sat, 21 Nov 2026 08:48:16 +0000\r\nMessage-ID: <1@test.example>\r\n\r\nhello\r\n")
RECORD = re.compile(r"^(\S+\._domainkey\.\S+)\. IN (TXT .*)$", re.M)


class Zone:
    """The DNS of the test, as a file that is never seen half written."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "zone.txt")
        self.records = {}
        self.failing = set()

    def save(self):
        lines = [f"{DOMAIN}. 3600 SOA ns1.{DOMAIN}. ops.{DOMAIN}. 1 2 3 4 {NEGATIVE_TTL}"]
        lines += [f"{name}. FAIL servfail" if name in self.failing else f"{name}. {OLD_TTL} IN {data}"
                  for name, data in self.records.items()]
        write(self.path + ".new", "\n".join(lines) + "\n")
        os.replace(self.path + ".new", self.path)

    def publish(self, text):
        found = dict(RECORD.findall(text))
        self.records.update(found)
        self.save()
        return found

    def remove(self, *names):
        for name in names:
            del self.records[name]
        self.save()


class Postman(threading.Thread):
    """Sends one message after the other and judges each as soon as it has arrived."""

    def __init__(self, server, sink, zone):
        super().__init__(daemon=True)
        self.server, self.sink, self.zone = server, sink, zone
        self.lock = threading.Lock()  # whoever has it may change the zone: no mail is on its way
        self.bad, self.judged, self.ended = [], 0, False
        self.mail = []  # (selectors, content)
        self.down = threading.Event()

    def verify(self, content):
        """The selectors of signatures that hold, and all."""
        done = subprocess.run([SMTPTOOL, "dkim", "verify", "--json", "--dns-zone", self.zone.path, "-"],
                              input=content, capture_output=True, timeout=60)
        signatures = json.loads(done.stdout)["signatures"]
        return ({s["selector"] for s in signatures if s["result"] == "pass"},
                {s["selector"] for s in signatures})

    def one(self):
        before = len(self.sink.kept())
        try:
            with Client(self.server.relay) as c:
                c.ehlo()
                c.message("a@test.example", "b@elsewhere.test", CONTENT)
        except OSError:
            return  # the server is being started again
        got = self.sink.wait(before + 1)
        if len(got) == before:
            self.bad.append("nothing came")
            return
        content = got[-1].data
        good, every = self.verify(content)
        self.judged += 1
        self.mail.append((every, content))
        if good != every or len(every) < 2:
            self.bad.append(f"signed by {every}, good: {good}")

    def run(self):
        while not self.ended:
            with self.lock:
                if not self.down.is_set():
                    self.one()
            time.sleep(0.002)  # let others have the lock

    def settled(self):
        """The selectors of the next whole message."""
        seen = self.judged
        if not until(30, lambda: self.judged >= seen + 2 or self.bad):
            self.bad.append("no more mail")
        return self.mail[-1][0]


class Rotation:
    """The command, at a time of our own."""

    def __init__(self, report, server, zone):
        self.report, self.server, self.zone = report, server, zone
        self.now = int(time.time())

    def command(self, *args):
        return [SMTPTOOL, "-C", self.server.file, "dkim", "rotate", DOMAIN, "--dns-zone", self.zone.path,
                "--time", str(self.now), *args]

    def run(self, *args):
        return subprocess.run(self.command(*args), capture_output=True, timeout=60)

    def status(self):
        done = self.run("--status", "--json")
        return json.loads(done.stdout) if done.stdout else {"phase": f"none at all: {done}"}

    def expect(self, what, code, phase, *args):
        done = self.run(*args)
        said = done.stdout.decode() + done.stderr.decode()
        self.report.check(f"{what}: exit {code}", done.returncode == code, f"{done.returncode}: {said}")
        self.report.equal(f"{what}: phase", self.status()["phase"], phase)
        return said

    def kill_somewhere(self):
        process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.06))
        process.kill()
        process.wait()

    def signing_files(self):
        names = os.listdir(os.path.join(self.server.state, "dkim", DOMAIN))
        return {n[:-4] for n in names if n.endswith(".pem")}


def check_publishing(report, r, zone, postman):
    """Steps 1 and 2, with what may go wrong in them."""
    old = r.signing_files()
    fresh = RECORD.findall(r.expect("begin", 1, "publish"))
    report.equal("two new records", len(fresh), 2)
    report.check("selectors of their own", not old & {n.split(".")[0] for n, _ in fresh}, fresh)
    r.expect("not published", 1, "publish")
    with postman.lock:
        zone.records[fresh[0][0]] = fresh[0][1]
        zone.save()
    r.expect("published in part", 1, "publish")
    with postman.lock:
        zone.records.update(fresh)
        zone.failing = {fresh[1][0]}
        zone.save()
    r.expect("a name server fails", 2, "publish")
    with postman.lock:
        zone.failing = set()
        zone.save()
    r.expect("published", 0, "spread")
    with postman.lock:
        zone.remove(fresh[0][0])
    r.now += 60
    r.expect("taken back", 1, "publish")
    with postman.lock:
        zone.records.update(fresh)
        zone.save()
    r.expect("published again", 0, "spread")
    r.now += OLD_TTL - 1
    r.expect("caches may still say otherwise", 0, "spread")
    report.equal("until then the old keys sign", r.signing_files(), old)
    report.equal("and no others", postman.settled(), old)
    with postman.lock:
        zone.failing = {fresh[0][0]}
        zone.save()
    r.now += 1
    r.expect("time is over, but who knows", 2, "spread")
    report.equal("the old keys sign on", r.signing_files(), old)
    with postman.lock:
        zone.failing = set()
        zone.save()
    return old, {n.split(".")[0] for n, _ in fresh}


def check_switch(report, r, server, postman, fresh):
    """Step 3, first with a server that refuses all keys."""
    other = os.path.join(server.state, "dkim", "other.example")
    os.makedirs(other, 0o700)
    broken = write(os.path.join(other, "x.pem"), "no key\n", 0o600)
    said = r.expect("the server refuses", 75, "switch")
    report.check("and why", "the key x of other.example" in said, said)
    postman.settled()
    os.remove(broken)
    r.expect("the server is told", 0, "keep")
    report.check("the new keys sign", until(20, lambda: postman.settled() == fresh), postman.mail[-1][0])
    report.equal("no mail had to wait", server.events("deferred"), [])


def restart(server, postman):
    with postman.lock:
        postman.down.set()
    server.kill()
    server.start()
    postman.down.clear()


def check_keeping(report, r, server, zone, postman, old, fresh):
    restart(server, postman)
    report.equal("after kill -9 the new keys sign", postman.settled(), fresh)
    r.now += 7 * DAY - 1
    r.expect("a second before the end", 0, "keep")
    by_old = [content for selectors, content in postman.mail if selectors == old]
    report.check("mail that was under way verifies", len(by_old) > 0 and
                 all(postman.verify(c)[0] == old for c in by_old[-3:]), len(by_old))
    names = set(os.listdir(os.path.join(server.state, "dkim", DOMAIN)))
    report.check("the old keys are kept", {f"{s}.pem.old" for s in old} <= names, names)
    r.now += 1
    broken = write(os.path.join(server.state, "dkim", "other.example", "x.pem"), "no key\n", 0o600)
    r.expect("a week is over, but does the server know", 75, "keep")
    os.remove(broken)
    said = r.expect("a week is over", 1, "retire")
    report.check("what may be removed", all(f"{s}._domainkey.{DOMAIN}. IN TXT" in said for s in old), said)
    report.equal("the old keys are gone", [n for n in os.listdir(os.path.join(server.state, "dkim", DOMAIN))
                                           if not n.endswith(".pem") and n != "rotation"], [])
    report.equal("it is too late to give up", r.run("--abort").returncode, 78)
    with postman.lock:
        first, second = sorted(old)
        zone.remove(f"{first}._domainkey.{DOMAIN}")
        zone.records[f"{second}._domainkey.{DOMAIN}"] = 'TXT "v=DKIM1; p="'  # revoked
        zone.save()
    r.expect("removed", 0, "none")
    report.equal("the new keys sign on", postman.settled(), fresh)


def to_phase(r, zone, postman, phase):
    """Begin, and go on to the phase without a hitch."""
    said = r.run().stdout.decode()
    if phase != "publish":
        with postman.lock:
            zone.publish(said)
        r.run()
    if phase == "keep":
        r.now += OLD_TTL
        r.run()
    return r.status()["phase"]


def check_aborts(report, r, zone, postman):
    before = r.signing_files()
    for phase in ("publish", "spread"):
        report.equal("so far", to_phase(r, zone, postman, phase), phase)
        r.expect(f"abort in {phase}", 0, "none", "--abort")
        report.equal(f"abort in {phase}: the keys", r.signing_files(), before)
    report.equal("nothing to give up", r.run("--abort").returncode, 78)
    report.equal("so far", to_phase(r, zone, postman, "keep"), "keep")
    fresh = r.signing_files()
    report.check("others sign", not fresh & before, fresh)
    with postman.lock:
        zone.failing = {f"{sorted(before)[0]}._domainkey.{DOMAIN}"}
        zone.save()
    report.equal("no way back to what is not published", r.run("--abort").returncode, 78)
    report.equal("no way back: the keys", r.signing_files(), fresh)
    with postman.lock:
        zone.failing = set()
        zone.save()
    r.expect("abort in keep", 0, "keep", "--abort")
    report.equal("the old keys are back", r.signing_files(), before)
    report.check("and sign", until(20, lambda: postman.settled() == before), postman.mail[-1][0])
    r.now += 7 * DAY
    r.expect("those that were given up may go", 1, "retire")
    with postman.lock:
        zone.remove(*(f"{s}._domainkey.{DOMAIN}" for s in fresh))
    r.expect("and are gone", 0, "none")


def check_kills(report, r, zone, postman):
    """kill -9 of the command at any moment: the next run goes on."""
    before = r.signing_files()
    for step in ("begin", "publish", "spread", "keep"):
        for _ in range(KILLS):
            r.kill_somewhere()
        done = r.run()
        if step == "begin":
            with postman.lock:
                zone.publish(done.stdout.decode())
        elif step == "publish":
            r.now += OLD_TTL
        elif step == "spread":
            r.now += 7 * DAY
    phase = r.status()["phase"]
    report.equal("killed again and again", phase, "retire")
    fresh = r.signing_files()
    report.check("a new set signs", len(fresh) == 2 and not fresh & before, fresh)
    report.check("and mail goes out by it", until(20, lambda: postman.settled() == fresh),
                 postman.mail[-1][0])
    with postman.lock:
        zone.remove(*(f"{s}._domainkey.{DOMAIN}" for s in before))
    r.expect("over", 0, "none")


def check_usage(report, r):
    real = [SMTPTOOL, "-C", r.server.file, "dkim", "rotate"]

    def code(*args):
        return subprocess.run([*real, *args], capture_output=True, timeout=60).returncode

    report.equal("--time without a zone", code(DOMAIN, "--time", "1"), 64)
    report.equal("two at once", code(DOMAIN, "--status", "--abort"), 64)
    report.equal("no domain", code("..", "--status"), 64)
    report.check("no keys", code("none.example", "--dns-zone", r.zone.path) != 0)
    used = sorted(r.signing_files())[0]
    report.equal("a selector is never used twice", r.run("--selector", used[1:]).returncode, 78)
    keys = os.path.join(r.server.state, "dkim", DOMAIN)
    shutil.copy(os.path.join(keys, used + ".pem"), os.path.join(keys, "upper.PEM"))
    report.equal("a key that could not be taken out of use", r.run().returncode, 78)
    os.remove(os.path.join(keys, "upper.PEM"))
    r.server.config["domains"][DOMAIN] = {"dkim": [{"selector": "own", "key": f"file:{keys}/{used}.pem"}]}
    r.server.save()
    done = r.run()
    report.check("the configuration's keys are its own", done.returncode == 78 and
                 b"domains.test.example.dkim" in done.stderr, done)
    r.server.config["domains"][DOMAIN] = {}
    r.server.save()
    report.equal("nothing was begun", r.status()["phase"], "none")


def check_overdue(report, r, server):
    """A rotation that nobody goes on with is told by the server: at its start, and after a reload."""
    r.now = int(time.time()) - 8 * DAY
    r.expect("begun eight days ago", 1, "publish")
    for number, mode in enumerate((["--one-process"], []), 1):
        server.start(wrapper=["sh", "-c", 'exec "$@" ' + " ".join(mode), "sh"])
        told = until(10, lambda n=number: len(server.events("rotation_late")) == n)
        report.check(f"it is overdue {mode}", told, server.events("rotation_late"))
        if not mode:
            break
        server.stop()
    reason = server.events("rotation_late")[-1]["reason"]
    report.check("which, and what to do", reason.startswith(DOMAIN + ": ") and
                 f"smtptool dkim rotate {DOMAIN}" in reason, reason)
    report.check("in the log, too", reason in server.stderr(), reason)
    report.equal("reload", server.tool("config", "reload").returncode, 0)
    report.check("it is told again", until(10, lambda: len(server.events("rotation_late")) == 3))
    r.expect("given up", 0, "none", "--abort")
    server.tool("config", "reload")
    until(10, lambda: len(server.events("config_reloaded")) >= 2)
    server.stop()
    report.equal("and not any more", len(server.events("rotation_late")), 3)


def check_plan(report, server, zone):
    """Times follow from the TTLs as they are."""
    def plan(*args):
        done = server.tool("domain", "plan-change", DOMAIN, "--dns-zone", zone.path, "--json", *args)
        lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
        return done.returncode, lines

    def seconds(text):
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S.000Z"))

    zone.records[DOMAIN] = "MX 10 mail.test."
    zone.save()
    code, (mx, dkim) = plan("--mx", "--dkim")
    at = {s["step"]: seconds(s["at"]) for s in mx["steps"]}
    report.equal("plan: done", code, 0)
    report.equal("plan: shorten one old TTL ahead", at["change"] - at["shorten"], OLD_TTL)
    report.equal("plan: then it is quick", at["seen"] - at["change"], 300)
    report.equal("plan: a new key has its own name", [s["step"] for s in dkim["steps"]],
                 ["prepare", "change", "seen", "remove"])
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    code, (late,) = plan("--mx", "--at", soon)
    report.equal("plan: too soon", (code, late["too_soon"]), (1, True))
    report.equal("plan: in the past", plan("--mx", "--at", "2020-01-01T00:00Z")[0], 64)
    report.equal("plan: of nothing", plan()[0], 64)
    zone.failing = {DOMAIN}
    zone.save()
    report.equal("plan: the DNS fails", plan("--mx")[0], 2)
    zone.failing = set()
    zone.save()
    done = server.tool("domain", "check", DOMAIN, "--dns-zone", zone.path, "--json")
    found = {f["record"]: f for f in map(json.loads, done.stdout.decode().splitlines())}
    report.check("check: a long TTL", found["MX"]["ttl"] == OLD_TTL and found["MX"]["slow"] and
                 "--mx" in found["MX"]["advice"], found["MX"])
    report.equal("check: a record that is missing", found["SPF"]["state"], "missing")
    report.equal("check: keys of today", found["DKIM"]["key_days"], 0)
    keys = os.path.join(server.state, "dkim", DOMAIN)
    for name in os.listdir(keys):
        os.utime(os.path.join(keys, name), (time.time() - 400 * DAY,) * 2)
    said = server.tool("domain", "check", DOMAIN, "--dns-zone", zone.path).stdout
    report.check("check: an old key", b"the key is 400 days old" in said and b"dkim rotate" in said, said)


def main():
    need_program()
    report, sink = Report(), Sink()
    server = Server(routes=[route("*", sink.port)], domains={DOMAIN: {}})
    report.on_fail.append(server.show)
    zone = Zone(server.folder)
    zone.publish(server.tool("domain", "add", DOMAIN).stdout.decode())
    server.start()
    postman, rotation = Postman(server, sink, zone), Rotation(report, server, zone)
    postman.start()
    old, fresh = check_publishing(report, rotation, zone, postman)
    check_switch(report, rotation, server, postman, fresh)
    check_keeping(report, rotation, server, zone, postman, old, fresh)
    check_aborts(report, rotation, zone, postman)
    check_kills(report, rotation, zone, postman)
    check_usage(report, rotation)
    postman.ended = True
    postman.join(60)
    report.equal(f"each of {postman.judged} messages verified when it came", postman.bad, [])
    report.check("there was mail all the time", postman.judged > 50, postman.judged)
    server.stop()
    check_overdue(report, rotation, server)
    check_plan(report, server, zone)
    return report.finish()


if __name__ == "__main__":
    random.seed(int(os.environ.get("SEED", "1")))
    sys.exit(main())
