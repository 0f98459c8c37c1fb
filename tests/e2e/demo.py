"""What a newcomer sees first: `make run DEMO=once`, from the user who may log in to the message in
the next hop's queue."""
import os
import socket
import subprocess
import sys

from _check import PROJECT, SMTPTOOL, Report, skip_all

PORTS = 2525, 2526, 2626 # the demonstration's own
ENDS_WITHIN_S = 120
WANTED = {
    "a user": "demo@localhost: added",
    "TLS, verified": "certificate verified",
    "the login": "235 2.7.0 Authentication succeeded",
    "it was sent": "bob@example.net: sent: 250 2.0.0 ",
    "the life of the message": "delivered",
    "where it is now": "no route: the configuration names no way",
    "where to go next": "Where to go next",
}


def in_use(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main():
    if os.path.realpath(SMTPTOOL) != os.path.join(PROJECT, "build", "smtptool"):
        skip_all("the demonstration", "it runs build/smtptool, another program is asked for")
    taken = [port for port in PORTS if in_use(port)]
    if taken:
        skip_all("the demonstration", f"somebody listens on port {taken[0]}")
    report = Report()
    done = subprocess.run([os.path.join(PROJECT, "tools", "demo")], env={**os.environ, "DEMO": "once"}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=ENDS_WITHIN_S, check=False)
    report.equal("it ends well", done.returncode, 0)
    for name, part in WANTED.items():
        report.check(name, part in done.stdout, f"no {part!r} in:\n{done.stdout[-1500:]}")
    for port in PORTS:
        report.check(f"nobody listens on {port} any more", not in_use(port))
    sys.exit(report.finish())


main()
