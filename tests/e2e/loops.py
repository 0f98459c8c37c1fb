"""Two servers that send everything to each other (attack 105): the message ends by its hops.

Not by a full disk, not after five days: once the limit of Received fields is reached the message is
refused, the report goes the same way with the null sender, and what remains is nothing.
"""
import sys

from _check import Report, need_program, until
from _server import Server, retry_soon, route
from _smtp import Client

HOPS = 12


def main():
    need_program()
    report = Report()
    a = Server(retry=retry_soon(), limits={"hops": HOPS}, workers=1)
    b = Server(hostname="other.test", retry=retry_soon(), limits={"hops": HOPS}, workers=1)
    for one, other in ((a, b), (b, a)):
        one.config["routes"] = [route("*", other.relay)]
        one.save()
        report.on_fail.append(one.show)
        one.start()
    with Client(a.relay) as c:
        c.ehlo()
        report.equal("attack 105: taken",
                     c.message("x@loop.test", "y@loop.test", b"From: x@loop.test\r\n\r\nhi\r\n").code, 250)
    report.check("attack 105: it ends: a report is dropped, for nobody is to hear of it",
                 until(60, lambda: a.events("dsn_dropped") + b.events("dsn_dropped")))
    accepted = a.events("accepted") + b.events("accepted")
    bounced = a.events("bounced") + b.events("bounced")
    report.check("attack 105: by the number of hops", all(
        e["status"] == "5.4.6" for e in bounced) and len(bounced) == 2, bounced)
    report.check("attack 105: after as many as are allowed, and as many for the report",
                 HOPS <= len(accepted) <= 2 * (HOPS + 2), len(accepted))
    report.check("attack 105: one report, from nobody to x", len(
        a.events("dsn_sent") + b.events("dsn_sent")) == 1, a.events("dsn_sent") + b.events("dsn_sent"))
    for one in (a, b):
        report.check("attack 105: nothing is left",
                     until(10, lambda s=one: b'"id"' not in s.tool("queue", "ls", "--json").stdout),
                     one.tool("queue", "ls", "--json"))
    for one in (a, b):
        report.equal("attack 105: SIGTERM", one.stop(), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
