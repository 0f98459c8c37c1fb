"""`smtptool account`: found by preset, SRV, autoconfiguration and MX; added, tested, watched, removed; where
its password is kept.

Attacks: 20 and 73 (no login without verified TLS).
"""
import json
import os
import re
import shlex
import ssl
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from _check import PROJECT, SMTPTOOL, Report, at_end, folder, free_port, need_program, write
from _server import Server, route
from _smtp import CAPABILITIES, Sink

PASSWORD = "correct-horse-7"

XML = """<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="auto.example">
<incomingServer type="imap"><hostname>localhost</hostname><port>993</port></incomingServer>
<outgoingServer type="smtp"><hostname>localhost</hostname><port>{port}</port><socketType>SSL</socketType>
<username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></outgoingServer>
</emailProvider></clientConfig>"""


class User:
    """Folders, presets and a zone of his own; nothing of the machine's."""

    def __init__(self, server, zone=""):
        self.folder = folder()
        self.config = os.path.join(self.folder, "smtptool", "accounts.yaml")
        share = os.path.join(self.folder, "share")
        os.mkdir(share)
        write(os.path.join(share, "presets.yaml"), json.dumps({"presets": {
            "gmail-like": preset("Gmail-like", server, ["gmail.example"], ["PLAIN"],
                                 enable="2-step verification, then an app password"),
            "microsoft-like": preset("Microsoft-like", server, [], ["XOAUTH2"], mx=["protection.example"])}}))
        os.mkdir(os.path.join(self.folder, "smtptool"), 0o700)
        write(os.path.join(self.folder, "smtptool", "smtptool.yaml"), json.dumps({"share": share, "hostname": "laptop.test"}))
        self.zone = write(os.path.join(self.folder, "zone"), "localhost. A 127.0.0.1\n" + zone)
        self.ca = server.certificate
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "XDG_CONFIG_HOME": self.folder,
                    "XDG_STATE_HOME": f"{self.folder}/state", "XDG_CACHE_HOME": f"{self.folder}/cache",
                    "XDG_DATA_HOME": f"{self.folder}/data", "PASSWORD": PASSWORD, "WRONG": "wrong"}

    def run(self, *args, stdin=""):
        return subprocess.run([SMTPTOOL, *args], input=stdin.encode(), capture_output=True, timeout=120, env=self.env,
                              cwd=self.folder)

    def account(self, *args, stdin=""):
        return self.run("account", *args, "--dns-zone", self.zone, "--ca-file", self.ca, stdin=stdin)

    def accounts_text(self):
        with open(self.config, encoding="utf-8") as f:
            return f.read()


def preset(name, server, domains, login, enable="", mx=()):
    p = {"name": name, "domains": domains, "mx": list(mx), "login": login, "user": "the whole address", "from": "unknown",
         "servers": [f"smtp://localhost:{server.submission}"], "enable_at": "https://passwords.example/",
         "quota": {"any": {"per_day": 500}}, "source": "https://example.net/", "date": "2026-11-21"}
    return {**p, "enable": enable} if enable else p


def web(server, body):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path.endswith("/config-v1.1.xml") else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.config["tls"]["key"])
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    at_end(httpd.shutdown)
    return f"https://localhost:{httpd.server_port}/mail/config-v1.1.xml"


# ---- finding -----------------------------------------------------------------------------------

def finding(report, server):
    user = User(server, f"_submissions._tcp.plain.example. SRV 0 1 {server.tls} localhost.\n"
                        "_submissions._tcp.not.example. SRV 0 0 0 .\nhosted.example. MX 1 in.protection.example.\n")
    done = user.account("add", "me@plain.example", "--secret", "env:PASSWORD")
    report.check("what the network says is not taken without a word", done.returncode == 1 and b"--yes" in done.stderr, done)
    report.check("... and nothing is written", not os.path.exists(user.config))
    done = user.account("add", "me@plain.example", "--secret", "env:PASSWORD", "--yes")
    report.check("SRV", done.returncode == 0 and b"SRV records of plain.example" in done.stderr, done)
    report.check("SRV: the server", f"smtps://localhost:{server.tls}" in user.accounts_text(), user.accounts_text())
    done = user.account("add", "me@hosted.example", "--secret", "env:PASSWORD", "--yes")
    report.check("by MX", done.returncode == 0 and b"Microsoft-like" in done.stderr and b"OAuth2" in done.stderr, done)
    for domain in ("not.example", "nothing.example"):
        done = user.account("add", f"me@{domain}", "--secret", "env:PASSWORD", "--yes")
        report.check(f"{domain}: nothing is guessed", done.returncode == 1 and b"nothing is guessed" in done.stderr, done)
    url = web(server, XML.format(port=server.tls).encode())
    done = user.account("add", "me@auto.example", "--autoconfig", url, "--secret", "env:PASSWORD", "--yes")
    report.check("autoconfiguration", done.returncode == 0 and url.encode() in done.stderr, done)
    report.check("autoconfiguration works", user.account("test", "auto").returncode == 0)
    evil = web(server, b'<!DOCTYPE c [<!ENTITY a SYSTEM "file:///etc/passwd">]><clientConfig>&a;</clientConfig>')
    done = user.account("add", "me@evil.example", "--autoconfig", evil, "--secret", "env:PASSWORD", "--yes")
    report.check("a document type is refused", done.returncode == 1 and b"document type" in done.stderr, done)
    clear = web(server, XML.format(port=server.relay).replace("SSL", "plain").encode())
    done = user.account("add", "me@clear.example", "--autoconfig", clear, "--secret", "env:PASSWORD", "--yes")
    report.check("attack 73: a server in clear is not taken", done.returncode == 1, done)


# ---- testing -----------------------------------------------------------------------------------

def findings_of(done):
    return [f["kind"] for line in done.stdout.splitlines() for f in json.loads(line)["findings"]]


def testing(report, server):
    user = User(server)
    closed = free_port()
    write(user.config, f"""# mine
accounts:
  good: {{ servers: ["smtp://localhost:{server.submission}"], user: me@gmail.example, secret: "env:PASSWORD" }}
  wrong: {{ servers: ["smtp://localhost:{server.submission}"], user: me@gmail.example, secret: "env:WRONG" }}
  moved:
    servers: ["smtps://localhost:{closed}", "smtps://localhost:{server.tls}"]
    user: me@gmail.example
    secret: "env:PASSWORD"
    mechanism: CRAM-MD5
  quota: {{ preset: gmail-like, user: me@gmail.example, secret: "env:PASSWORD", quota: {{ per_day: 100 }} }}
  less: {{ servers: ["smtp://localhost:{server.submission}?tls=opportunistic"], user: me@gmail.example, secret: "env:PASSWORD" }}
  gone: {{ servers: ["smtps://localhost:{closed}"], user: me@gmail.example, secret: "env:PASSWORD" }}
""", 0o600)
    for name, code, kinds in (("good", 0, []), ("wrong", 1, ["login"]), ("quota", 1, ["quota"]), ("less", 1, ["tls"]),
                              ("gone", 2, ["unreachable"])):
        done = user.account("test", name, "--json")
        report.check(f"test {name}", done.returncode == code and findings_of(done) == kinds, done)
    done = user.account("test", "moved", "--json")
    report.check("test moved: port and mechanism", done.returncode == 1 and
                 {"port", "mechanism"} <= set(findings_of(done)), done)
    done = user.account("test", "quota")
    report.check("the line to write", b"quota: { per_day: 500 }" in done.stdout, done)
    report.check("no secret is shown", PASSWORD.encode() not in done.stdout + done.stderr)
    first, second = user.account("watch"), user.account("watch")
    report.check("watch tells", first.returncode == 1 and b"quota" in first.stdout, first)
    report.check("watch tells only once", second.returncode == 0 and second.stdout == b"", second)
    write(user.config, user.accounts_text().replace("env:PASSWORD", "env:MISSING", 1), 0o600)
    third = user.account("watch")
    report.check("watch tells what is new", third.returncode == 1 and b"good" in third.stdout
                 and b"quota: {" not in third.stdout, third)
    user.account("rm", "moved")
    report.check("other lines stay", user.accounts_text().startswith("# mine\n") and "moved" not in user.accounts_text()
                 and "  good: {" in user.accounts_text(), user.accounts_text())


def downgraded(report, server):
    """A server that does not offer STARTTLS gets no password."""
    user = User(server)
    sink = Sink(capabilities=CAPABILITIES + ("AUTH PLAIN",), host="127.0.0.1")
    user.run("account", "add", "me@x.example", "--server", f"smtp://localhost:{sink.port}", "--secret", "env:PASSWORD")
    done = user.account("test", "x")
    report.check("attack 20: no STARTTLS, no login", done.returncode == 1 and b"STARTTLS" in done.stdout, done)
    report.check("attack 20: nothing of it was said", not any(b"AUTH " in line.encode() if isinstance(line, str)
                                                              else b"AUTH " in line for line in sink.lines), sink.lines)


def main():
    need_program()
    report = Report()
    sink = Sink()
    server = Server(routes=[route("*", sink.port)])
    report.on_fail.append(server.show)
    for who in ("gmail", "plain", "company", "auto"):
        server.add_user(f"me@{who}.example", PASSWORD)
    server.start()
    finding(report, server)
    testing(report, server)
    downgraded(report, server)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
