"""Small and failing disks under the spool, mounted for the test (attacks 188, 189, 192; root only).

A tmpfs of 8 MB that is filled, an ext4 without inodes, an ext4 that goes read-only while mail is
taken. Each time: the right reply, nothing acknowledged lost, and mail is taken again when there is
room. Where nothing may be mounted a part is skipped with the reason.
"""
import os
import subprocess
import sys
import time

from _check import Report, at_end, folder, need_program, tool, until
from _server import Server, retry_soon, route
from _smtp import Client, Closed, Sink

TAKEN_MAX = 2000 # messages; a small disk is full long before
KILLS_WHILE_FULL = 8
ROOM_SECONDS_MAX = 30
DRAIN_SECONDS_MAX = 60


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0, (done.stderr or done.stdout).strip()


class Place:
    """A server whose state stands on a disk of its own, and a sink that takes mail when told to."""

    def __init__(self, report, *mount):
        self.open, self.acknowledged, self.number = True, set(), 0
        self.sink = Sink(answer=self.answer)
        self.server = Server(routes=[route("sink.test", self.sink.port)], retry=retry_soon(),
                             limits={"free_space": "1MiB"}, events={"to": "none"})
        report.on_fail.append(self.server.show)
        self.mounted, self.why = run(tool("mount"), *mount, self.server.state)
        if self.mounted:
            os.chmod(self.server.state, 0o700)
            at_end(self.release)

    def release(self):
        self.server.kill()
        self.sink.stop()
        if self.mounted:
            run(tool("umount"), self.server.state)
        self.mounted = False

    def answer(self, verb, _line, _session):
        return "450 4.2.0 not now" if verb == "MAIL" and not self.open else None

    def path(self, name):
        return os.path.join(self.server.state, name)

    def send(self, size):
        """One message: the reply that decided, and after which command it came."""
        self.number += 1
        name = f"n{self.number}@sink.test"
        content = b"From: a@sink.test\r\n\r\n" + (b"x" * 70 + b"\r\n") * (size // 72 + 1)
        with Client(self.server.relay, seconds=40) as c:
            c.ehlo()
            for r in c.mail(name, "x@sink.test"):
                if r.code // 100 != 2:
                    return r, "MAIL"
            r = c.data(content)
        if r.code == 250:
            self.acknowledged.add(name)
        return r, "DATA"

    def fill(self, size):
        """Until there is no more room; the refusal, or None."""
        for _ in range(TAKEN_MAX):
            r, after = self.send(size)
            if r.code != 250:
                return r, after
        return None, None

    def lost(self):
        until(DRAIN_SECONDS_MAX,
              lambda: self.acknowledged <= {m.sender for m in self.sink.kept()})
        return sorted(self.acknowledged - {m.sender for m in self.sink.kept()})

    def takes_again(self, size=1000):
        return until(ROOM_SECONDS_MAX, lambda: self.send(size)[0].code == 250)


def refused_well(r):
    """For now: no room, or local trouble."""
    return r is not None and (r.code, r.enhanced) in ((452, "4.3.1"), (451, "4.3.0"))


def fill_up(path):
    """Somebody else's file takes what is left."""
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 16, 1):
            try:
                while f.write(b"x" * size):
                    pass
            except OSError:
                pass
    return path


# ---- a tmpfs of 8 MB ------------------------------------------------------------------------------

def small_disk(report):
    """Attack 188: full, killed while full, started while full, drained, full again."""
    p = Place(report, "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs")
    if not p.mounted:
        report.skip("attack 188: a tmpfs of 8 MB", p.why)
        return
    p.server.start()
    for cycle in ("first", "second"):
        p.open = False
        taken = len(p.acknowledged)
        r, after = p.fill(20000 if cycle == "first" else 400000)
        report.check(f"attack 188: a full disk is told, {cycle} time", refused_well(r), (r, after))
        report.check(f"attack 188: it did take mail before, {cycle} time",
                     len(p.acknowledged) > taken + 2, len(p.acknowledged) - taken)
        r, after = p.send(100) # what is small may still fit
        report.check("attack 188: and MAIL hears it", r.code == 250 or refused_well(r), (r, after))
        for _ in range(KILLS_WHILE_FULL):
            p.server.kill()
            p.server.start()
        report.check("attack 188: a full spool opens", p.server.process.poll() is None)
        p.server.kill()
        junk = fill_up(p.path("junk"))
        p.server.start()
        report.check("attack 188: and without a byte left", p.server.process.poll() is None)
        os.unlink(junk)
        p.open = True
        report.equal("attack 188: nothing acknowledged is lost", p.lost(), [])
        report.check("attack 188: then mail is taken", p.takes_again())
    report.equal("attack 188: SIGTERM", p.server.stop(), 0)
    p.release()


# ---- ext4 ---------------------------------------------------------------------------------------

def image(folder, *options):
    """A file with an ext4 of 32 MB, or why there is none."""
    if not tool("mkfs.ext4"):
        return None, "mkfs.ext4 is not installed"
    path = os.path.join(folder, "disk.img")
    with open(path, "wb") as f:
        f.truncate(32 << 20)
    good, why = run(tool("mkfs.ext4"), "-q", "-F", *options, path)
    return (path, "") if good else (None, why)


def few_inodes(report):
    """Attack 189: bytes are free, but no file can be made."""
    path, why = image(folder(), "-N", "64")
    p = Place(report, "-o", "loop", path) if path else None
    if p is None or not p.mounted:
        report.skip("attack 189: an ext4 with few inodes", why or p.why)
        return
    p.server.start()
    report.equal("attack 189: mail is taken at first", p.send(1000)[0].code, 250)
    junk = []
    try:
        while True:
            junk.append(p.path(f"junk{len(junk)}"))
            open(junk[-1], "w").close()
    except OSError:
        junk.pop()
    free = os.statvfs(p.server.state)
    report.check("attack 189: no inode is left, but bytes are",
                 free.f_favail == 0 and free.f_bavail > 0, (free.f_favail, free.f_bavail))
    r = p.send(400000)[0] # its body needs a file
    report.check("attack 189: a large message is refused for now", refused_well(r), r)
    report.check("attack 189: soon MAIL hears of it", until(10, lambda: refused_well(p.send(1)[0])))
    for name in junk:
        os.unlink(name)
    report.check("attack 189: then mail is taken", p.takes_again(400000))
    report.equal("attack 189: nothing acknowledged is lost", p.lost(), [])
    report.equal("attack 189: SIGTERM", p.server.stop(), 0)
    p.release()


def goes_read_only(report):
    """Attack 192: the kernel aborts the journal and mounts it read-only, as after a disk's error."""
    path, why = image(folder())
    p = Place(report, "-o", "loop", path) if path else None
    if p is None or not p.mounted:
        report.skip("attack 192: a disk that goes read-only", why or p.why)
        return
    p.server.start()
    p.open = False
    report.check("attack 192: mail is taken at first",
                 all(p.send(2000)[0].code == 250 for _ in range(20)))
    good, why = run(tool("mount"), "-o", "remount,abort", p.server.state)
    if not good:
        report.skip("attack 192: a disk that goes read-only", why)
        p.release()
        return
    replies = []
    for _ in range(10):
        try:
            replies.append(p.send(2000)[0])
        except (Closed, OSError) as e:
            replies.append(e)
        time.sleep(0.1)
    report.check("attack 192: 451 or 452, never 250", all(
        isinstance(r, Closed) or refused_well(r) for r in replies), replies)
    report.check("attack 192: the operator is told", "stopped" in p.server.stderr(),
                 p.server.stderr()[-500:])
    p.server.kill()
    run(tool("umount"), p.server.state)
    run(tool("e2fsck"), "-fy", path)
    good, why = run(tool("mount"), "-o", "loop", path, p.server.state)
    report.check("attack 192: mounted again", good, why)
    p.server.start()
    p.open = True
    report.equal("attack 192: nothing acknowledged is lost", p.lost(), [])
    report.check("attack 192: and mail is taken", p.takes_again())
    report.equal("attack 192: SIGTERM", p.server.stop(), 0)
    p.release()


def main():
    need_program()
    report = Report()
    if os.geteuid() != 0:
        report.skip("disks of our own", "only root may mount them")
        return report.finish()
    for part in (small_disk, few_inodes, goes_read_only):
        try:
            part(report)
        except (Closed, OSError, RuntimeError, ValueError) as e:
            report.check(f"{part.__name__} to its end", False, repr(e))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
