"""Whoever times a change asks a zone's own name servers: `domain check`, `plan-change` and `dkim rotate` with
two of them and a resolver on loopback. Needs port 53 there."""
import json
import os
import re
import sys
import time

from _check import Report, need_program
from _dns import AUTHORITY, RESOLVER, NameServer, Records
from _server import Server, route

DOMAIN = "example.net"
OWN = tuple(f"127.{77 + i}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}" for i in range(2))  # port 53 is free there
DAY = 86400


def base_zone():
    return Records({
        (DOMAIN, "SOA"): (3600, [f"ns1.{DOMAIN} ops.{DOMAIN} 1 2 3 4 900"]),
        (DOMAIN, "NS"): (DAY, [f"ns1.{DOMAIN}", f"ns2.{DOMAIN}"]),
        (f"ns1.{DOMAIN}", "A"): (DAY, [OWN[0]]),
        (f"ns2.{DOMAIN}", "A"): (DAY, [OWN[1]]),
        (DOMAIN, "MX"): (DAY, ["10 mail.test"]),
    })


def records_of(text):
    """What a command prints to be published."""
    found = {}
    for name, strings in re.findall(r"^(\S+)\. IN TXT (.*)$", text, re.M):
        found[(name, "TXT")] = (DAY, ["".join(re.findall(r'"([^"]*)"', strings))])
    return found


def lines(done):
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def check_ttl(report, server, resolver):
    """A cache has 77 seconds left of a day: that is not what a change has to wait for."""
    resolver.zone[(DOMAIN, "MX")] = (77, ["10 mail.test"])
    found = {f["record"]: f for f in lines(server.tool("domain", "check", DOMAIN, "--json"))}
    report.equal("check: the whole TTL", (found["MX"]["ttl"], found["MX"]["asked"], found["MX"]["ttl_whole"]),
                 (DAY, "servers", True))
    report.equal("check: all are live", {f["state"] for f in found.values()}, {"live"})
    found = {f["record"]: f for f in lines(server.tool("domain", "check", DOMAIN, "--json", "--resolver"))}
    report.equal("check --resolver: what is left of it",
                 (found["MX"]["ttl"], found["MX"]["asked"], found["MX"]["ttl_whole"]), (77, "resolver", False))
    (plan,) = lines(server.tool("domain", "plan-change", DOMAIN, "--mx", "--json"))
    report.equal("plan-change: by the whole TTL", (plan["ttl"], plan["ttl_whole"]), (DAY, True))


def check_servers_differ(report, server, own):
    del own[1].zone[(DOMAIN, "MX")]
    found = {f["record"]: f for f in lines(server.tool("domain", "check", DOMAIN, "--json"))}
    report.equal("check: one server lags behind", found["MX"]["state"], "differs")
    own[1].zone[(DOMAIN, "MX")] = (DAY, ["10 mail.test"])


def check_rotation(report, server, own, resolver):
    def rotate(*args):
        done = server.tool("dkim", "rotate", DOMAIN, "--json", *args)
        return done.returncode, json.loads(done.stdout)

    code, said = rotate()
    fresh = {(k["name"], "TXT"): (DAY, [k["value"]]) for k in said["new"]}
    report.equal("begin", (code, said["phase"]), (1, "publish"))
    asked = {name for name, _ in resolver.asked}
    report.check("no resolver was asked for what is not there yet",
                 not asked & {k["name"] for k in said["new"]}, asked)
    own[0].zone.update(fresh)
    code, said = rotate()
    report.equal("on one server only", (code, said["phase"]), (1, "publish"))
    report.equal("each was asked", len(said["new"][0]["asked"]), 2)
    own[1].zone.update(fresh)
    own[1].silent = True
    code, said = rotate()
    report.equal("the other does not answer", (code, said["phase"]), (2, "publish"))
    own[0].silent = True
    resolver.zone.update(fresh)
    code, said = rotate()
    report.equal("nor does the first: the resolver's word does not count", (code, said["phase"]), (2, "publish"))
    own[0].silent = own[1].silent = False
    before = time.time()
    code, said = rotate()
    report.equal("on both", (code, said["phase"]), (0, "spread"))
    until = time.mktime(time.strptime(said["until"], "%Y-%m-%dT%H:%M:%S.%fZ")) - time.timezone
    report.check("the old TTL is waited for", before + DAY - 1 <= until <= time.time() + DAY + 1, said)
    report.equal("give it up", rotate("--abort")[0], 0)


def check_wait(report, server, own, resolver):
    """--wait goes on by itself; short TTLs, so that it can be seen."""
    for server_of_zone in (*own, resolver):
        zone = server_of_zone.zone
        zone[(DOMAIN, "SOA")] = (1, [f"ns1.{DOMAIN} ops.{DOMAIN} 1 2 3 4 1"])
        for key in list(zone):
            if "_domainkey" in key[0]:
                zone[key] = (1, zone[key][1])
    done = server.tool("dkim", "rotate", DOMAIN)
    fresh = {key: (1, texts) for key, (_, texts) in records_of(done.stdout.decode()).items()}
    report.equal("two new records", len(fresh), 2)
    for server_of_zone in own:
        server_of_zone.zone.update(fresh)
    done = server.tool("dkim", "rotate", DOMAIN, "--wait")
    said = done.stdout.decode()
    report.equal("--wait", done.returncode, 0)
    report.check("--wait: both steps", "step 2 of 4" in said and "step 4 of 4" in said, said)
    report.equal("--resolver", server.tool("dkim", "rotate", DOMAIN, "--status", "--resolver").returncode, 0)


def main():
    need_program()
    report = Report()
    try:
        own = [NameServer(base_zone(), address, 53, AUTHORITY) for address in OWN]
    except OSError as e:
        report.skip("name servers on loopback", e)
        return report.finish()
    resolver = NameServer(base_zone(), says=RESOLVER)
    server = Server(routes=[route("*", 9)], domains={DOMAIN: {}}, hostname="mail.test",
                    dns={"servers": [f"127.0.0.1:{resolver.port}"], "validate": "no"})
    published = records_of(server.tool("domain", "add", DOMAIN).stdout.decode())
    for name_server in (*own, resolver):
        name_server.zone.update(published)
    check_ttl(report, server, resolver)
    check_servers_differ(report, server, own)
    check_rotation(report, server, own, resolver)
    check_wait(report, server, own, resolver)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
