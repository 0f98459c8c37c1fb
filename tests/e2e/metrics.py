"""`metrics.file`: figures for Prometheus, written as a whole by a confined server, for others to read."""
import os
import signal
import sys

from _check import Report, need_program, until
from _server import Server, route
from _smtp import Client, Sink

SECONDS_MAX = 60 # four of its rounds


def read(path):
    """Each sample by its name and labels; every line has the form that Prometheus wants."""
    samples = {}
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
    return samples


def main():
    need_program()
    report = Report()
    sink = Sink()
    server = Server(routes=[route("*", sink.port, name="out")])
    where = os.path.join(server.folder, "metrics")
    path = os.path.join(where, "smtptool.prom")
    os.mkdir(where)
    server.config["metrics"] = {"file": path}
    server.config["shaping"] = {"tenants": {"default": {"per_day": 500}},
                                "egress": {"default": {"per_hour": 100}}}
    server.save()
    report.on_fail.append(server.show)
    server.start()
    report.check("it is written at the start", until(10, lambda: os.path.exists(path)))
    report.equal("others may read it", os.stat(path).st_mode & 0o777, 0o644)
    with Client(server.relay) as c:
        c.ehlo()
        reply = c.message("a@our.test", "b@remote.test", b"From: a@our.test\r\nSubject: x\r\n\r\nhi\r\n")
        report.equal("accepted", reply.code, 250)
    report.check("and again every 15 seconds", until(
        SECONDS_MAX, lambda: read(path).get('smtptool_recipients_total{result="delivered"}') == 1))
    samples = read(path)
    quota = '{egress="default",window="per_hour"}'
    report.equal("a quota, used", samples.get("smtptool_quota_used" + quota), 1)
    report.equal("and its limit", samples.get("smtptool_quota_limit" + quota), 100)
    ways = [name for name in samples if name.startswith('smtptool_shaping_messages_total{route="via ')]
    report.equal("the way that it took", sorted(samples[name] for name in ways), [0, 1])
    report.check("nothing is paused", not any(
        value for name, value in samples.items() if name.startswith("smtptool_shaping_paused")), samples)
    report.equal("the queue", (samples.get("smtptool_queue_messages"), samples.get("smtptool_accepted_total")),
                 (0, 1))
    report.equal("nothing else lies there", os.listdir(where), ["smtptool.prom"])
    server.config["metrics"] = {"file": os.path.join(server.state, "smtptool.prom")}
    server.save()
    done = server.tool("config", "check")
    report.check("not beside the passwords",
                 done.returncode != 0 and b"metrics.file" in done.stdout + done.stderr, done)
    report.equal("SIGTERM", server.stop(signal.SIGTERM), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
