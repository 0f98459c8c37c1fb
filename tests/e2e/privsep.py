"""Two processes: the one that reads hostile input reaches no passwords (attack 145).

/proc tells: the keeper holds accounts.db, the main process has no descriptor of it, has dropped its
rights, runs under seccomp without new privileges, and cannot open the file as the user it became.
"""
import os
import pwd
import subprocess
import sys

from _check import Report, need_program, port_answers, skip_all, until, wait_gone, write
from _server import Server
from _smtp import Client, client_tls

USER = "nobody"
ZONE = """\
bank.example TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.bank.example TXT "v=DMARC1; p=none; rua=mailto:a@bank.example"
"""
CONTENT = b"From: x@bank.example\r\nDate: Sat, 21 Nov 2026 08:48:16 +0000\r\n\r\nHello\r\n"


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def open_files(pid):
    names = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return names


def main():
    need_program()
    if os.geteuid() != 0:
        skip_all("attack 145", "only root can become another user")
    server = Server(user=USER, relay={"trusted": ["127.0.0.2/32"]},
                    mailauth={"reports": {"aggregate": "on"}},
                    domains={"here.test": {"deliver": "smtp://127.0.0.1:1?tls=none", "recipients": ["b"]}})
    server.zone = write(os.path.join(server.folder, "zone.txt"), ZONE)
    server.add_user("tester", "secret")
    server.start()
    below = server.children()
    if not below:
        server.stop()
        skip_all("attack 145", "serve is one process: there is no keeper yet")
    report = Report()
    report.on_fail.append(server.show)
    tls = client_tls(server.certificate)
    with Client(server.tls, tls=tls) as c:
        c.ehlo()
        report.equal("a login through the keeper", c.auth_plain("tester", "secret").code, 235)
    processes = [server.process.pid, *below]
    holders = [p for p in processes if any("accounts.db" in f for f in open_files(p))]
    sockets = [p for p in processes if listens(p, server.relay)]
    report.equal("attack 145: one process holds accounts.db", len(holders), 1)
    mains = [p for p in sockets if p not in holders]
    if report.equal("attack 145: another one carries the connections", len(mains), 1):
        judge_main(report, server, mains[0])
    judge_reports(report, server)
    one_dies(report, server)
    report.equal("SIGTERM", server.stop(), 0)
    return report.finish()


def judge_reports(report, server):
    """The confined process keeps its own database of reports."""
    with Client(server.mx) as c:
        c.ehlo()
        report.equal("mail that is judged", c.message("x@bank.example", "b@here.test", CONTENT).code, 250)
    counted = until(20, lambda: b'"messages":1' in server.tool("dmarc", "reports", "ls", "--json").stdout)
    report.check("it is counted under seccomp and Landlock", counted, server.stderr())
    facts = os.stat(os.path.join(server.state, "reports", "reports.db"))
    report.equal("the reports are its user's alone", (facts.st_uid, facts.st_mode & 0o777),
                 (pwd.getpwnam(USER).pw_uid, 0o600))
    report.equal("and so is what lies beside them",
                 {os.stat(entry.path).st_uid for entry in os.scandir(os.path.join(server.state, "reports"))},
                 {pwd.getpwnam(USER).pw_uid})


def one_dies(report, server):
    """Attack 144: neither process lives on alone, and no port stays open."""
    for which in ("keeper", "main"):
        pid = server.process.pid if which == "keeper" else server.children()[0]
        other = server.children()[0] if which == "keeper" else server.process.pid
        os.kill(pid, 9)
        if which == "keeper":
            server.process.wait()
        gone = wait_gone(other, 35)
        report.check(f"attack 144: the {which} is killed: the other ends", gone)
        report.check(f"attack 144: the {which} is killed: the ports are closed",
                     until(5, lambda: not port_answers(server.relay)))
        server.kill()
        server.start()


def listens(pid, port):
    inodes = {f[8:-1] for f in open_files(pid) if f.startswith("socket:[")}
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    return any(row[9] in inodes and row[3] == "0A" and row[1].endswith(f":{port:04X}")
               for row in rows)


def judge_main(report, server, pid):
    status, uid = status_of(pid), pwd.getpwnam(USER).pw_uid
    report.equal("attack 145: its user", status["Uid"].split(), [str(uid)] * 4)
    report.equal("attack 145: no capabilities", int(status["CapEff"], 16), 0)
    report.equal("attack 145: no new privileges", status.get("NoNewPrivs"), "1")
    report.equal("attack 41: seccomp filters", status.get("Seccomp"), "2")
    report.check("attack 145: no account file is open",
                 not any("accounts.db" in f for f in open_files(pid)))
    report.equal("the event file is its user's", os.stat(server.events_file).st_uid, uid)
    report.equal("and was begun", server.events("started")[0]["count"], 2)
    path = os.path.join(server.state, "accounts.db")
    done = subprocess.run(["/bin/cat", path], user=uid, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    report.check("attack 145: its user cannot open accounts.db", done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
