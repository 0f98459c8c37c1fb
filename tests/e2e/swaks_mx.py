#!/usr/bin/env python3
"""Where swaks sends when nobody names a server: by the MX records of the recipient's domain or of --copy-routing's,
beside the original. In a network namespace with a name server and mail servers of its own (root only)."""
import os
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, need_program, tool, write
from _dns import NameServer, Zone
from _lab import enter, make_network, put_in_place_of
from _smtp import Sink

FIRST, SECOND, PLAIN = "11.0.0.1", "11.0.0.2", "11.0.0.3"
SIX = "2001:db9::6"
ZONE = f"""
many.example. IN MX 20 second.example.
many.example. IN MX 10 first.example.
first.example. IN A {FIRST}
second.example. IN A {SECOND}
plain.example. IN A {PLAIN}
six.example. IN MX 10 first.example.
six.example. IN MX 20 only6.example.
only6.example. IN AAAA {SIX}
null.example. IN MX 0 .
lab.test. IN MX 10 first.example.
gone.example. IN MX 10 nowhere.example.
"""


def run(program, words):
    done = subprocess.run([program, "--helo", "client.example", "-f", "a@client.example", "-q", "RCPT", *words.split()],
                          capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL,
                          env={"HOME": HOME, "PATH": os.environ["PATH"], "LC_ALL": "C"})
    return done.returncode, done.stdout + done.stderr


def reached(sinks):
    found = [name for name, sink in sinks.items() if sink.lines]
    for sink in sinks.values():
        sink.clear()
    return found


need_program()
enter(())
report = Report()
make_network((FIRST, SECOND, PLAIN))
subprocess.run([tool("ip"), "-6", "address", "add", f"{SIX}/128", "dev", "lo", "nodad"], check=False, capture_output=True)
HOME = folder()
put_in_place_of("/etc/resolv.conf", write(os.path.join(HOME, "resolv.conf"), "nameserver 127.0.0.1\n", 0o644))
put_in_place_of("/etc/hosts", write(os.path.join(HOME, "hosts"), "127.0.0.1 localhost\n", 0o644))
server = NameServer(Zone(ZONE), "127.0.0.1", 53)
sinks = {host: Sink(port=25, host=host) for host in (FIRST, SECOND, PLAIN)}
try:
    sinks[SIX] = Sink(port=25, host=SIX)
except OSError:
    report.skip("-6", "there is no IPv6 here")
OURS = os.path.join(HOME, "swaks")
os.symlink(SMTPTOOL, OURS)
programs = {"ours": OURS}
if tool("swaks") and subprocess.run(["perl", "-MNet::DNS", "-e1"], capture_output=True).returncode == 0:
    programs["swaks"] = tool("swaks")
else:
    report.skip("the original", "swaks or Net::DNS is not installed")

LINES = [ # options, the server that is reached, the exit code of each
    ("-t b@many.example", FIRST, 0),
    ("-t b@plain.example", PLAIN, 0),
    ("-t b@many.example,c@plain.example", None, 0),
    ("-t b@lab.test", FIRST, 0),
    ("-t b@plain.example --copy-routing many.example", FIRST, 0),
    ("-t b@nowhere.example --copy-routing x@plain.example", PLAIN, 0),
    ("-t b@many.example -s second.example", SECOND, 0),
    (f"-t b@[{PLAIN}]", PLAIN, 0),
    ("-t b@#184549379", PLAIN, 0),
    ("-t b@six.example -4", FIRST, 0),
    ("-t b@gone.example", "", 2),
]
for words, host, code in LINES:
    places = {}
    for name, program in programs.items():
        got, said = run(program, words)
        places[name] = reached(sinks)
        report.check(f"{name} {words}: exit", got == code, (got, said))
        report.check(f"{name} {words}: where", host is None or places[name] == ([host] if host else []), (places[name], said))
    report.check(f"{words}: the same place", len({str(p) for p in places.values()}) == 1, places)

if SIX in sinks: # the original needs a module for it
    got, said = run(OURS, "-t b@six.example -6")
    report.check("-6 passes over a server without such an address", got == 0 and reached(sinks) == [SIX], said)
asked = len(server.asked)
got, said = run(OURS, "-t b@null.example")
report.check("a domain that takes no mail", got == 2 and "takes no mail (RFC 7505)" in said and not reached(sinks), said)
got, said = run(OURS, "-t b@many.example -s 11.0.0.3")
report.check("an address needs no name server", got == 0 and reached(sinks) == [PLAIN] and
             not [name for name, _ in server.asked[asked:] if name == "many.example"], said)
sys.exit(report.finish())
