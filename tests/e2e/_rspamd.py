"""rspamd as a judge and a signer: its own process with a folder, configuration and ports of its own, and of its
modules only those for SPF, DKIM, DMARC and ARC. No redis, no network: it asks the name server it is given.

    rspamd, why = Rspamd.make(NameServer(zone))       # (None, why not)
    symbols = rspamd.judge(message, ip="192.0.2.1", helo="mail.example", sender="a@example.com")
"""
import http.client
import json
import os
import signal
import subprocess

from _check import at_end, folder, free_port, port_answers, tool, until, write

PLUGINS = "/usr/share/rspamd/plugins"
START_SECONDS_MAX = 30

SETTINGS = """
options {{
  pidfile = "{root}/pid";
  control_socket = "{root}/control mode=0600";
  history_file = "{root}/history";
  filters = ["dkim"];
  local_addrs = ["203.0.113.254/32"]; # what it calls local it does not judge
  check_all_filters = true;
  dns {{ nameserver = ["127.0.0.1:{dns_port}:1"]; timeout = 2s; retransmits = 3; sockets = 4; }}
}}
logging {{ type = "file"; filename = "{root}/log"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = {workers}; task_timeout = 20s; }}
modules {{ {plugins} }}
dkim {{ trusted_only = false; skip_multi = false; max_sigs = 10; check_local = true; check_authed = true; }}
spf {{ check_local = true; check_authed = true; }}
dmarc {{ check_local = true; check_authed = true; }}
arc {{ check_local = true; check_authed = true; {signing} }}
dkim_signing {{ {signing} sign_headers = "{fields}"; }}
actions {{ reject = 100500; }}
"""
# Requests say with which key, for which domain.
SIGNING = """use_http_headers = true; allow_envfrom_empty = true; allow_hdrfrom_mismatch = true;
  allow_hdrfrom_multiple = true; allow_username_mismatch = true; sign_inbound = true; sign_local = true;
  use_esld = false; try_fallback = false;"""
FIELDS = "(o)from:(x)sender:(o)reply-to:(o)subject:(x)date:(x)message-id:(o)to:(o)cc:(x)mime-version:(x)content-type"


class Rspamd:
    @staticmethod
    def make(name_server, workers=1, start=subprocess.Popen):
        """start: as subprocess.Popen; who measures counts its processes."""
        if not tool("rspamd"):
            return None, "it is not installed"
        try:
            return Rspamd(name_server, workers, start), ""
        except (RuntimeError, OSError) as e:
            return None, f"it does not start here: {e}"

    def __init__(self, name_server, workers, start):
        self.root, self.port = folder(0o700), free_port()
        plugins = " ".join(f'path = "{PLUGINS}/{name}.lua";' for name in ("spf", "dmarc", "arc", "dkim_signing"))
        path = write(os.path.join(self.root, "rspamd.conf"), SETTINGS.format(
            root=self.root, port=self.port, dns_port=name_server.port, workers=workers, plugins=plugins,
            signing=SIGNING, fields=FIELDS))
        with open(os.path.join(self.root, "out"), "wb") as out:
            self.process = start([tool("rspamd"), "-f", "-i", "-c", path, "--var", f"DBDIR={self.root}",
                                  "--var", f"RUNDIR={self.root}", "--var", f"LOGDIR={self.root}"],
                                 stdout=out, stderr=out, start_new_session=True)
        at_end(self.stop)
        ready = until(START_SECONDS_MAX, lambda: self.process.poll() is not None or port_answers(self.port))
        if not ready or self.process.poll() is not None:
            raise RuntimeError(self.last_words())

    def last_words(self):
        said = b""
        for name in ("out", "log"):
            try:
                with open(os.path.join(self.root, name), "rb") as f:
                    said += f.read()[-600:]
            except OSError:
                pass
        return said.decode(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL) # its session is its own: the workers, too
                self.process.wait()

    def ask(self, message, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/checkv2", message, headers)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def judge(self, message, ip="192.0.2.1", helo="mail.example.org", sender="", rcpt="b@example.net"):
        """{symbol: its options}"""
        said = self.ask(message, {"IP": ip, "Helo": helo, "From": sender, "Rcpt": rcpt, "Pass": "all"})
        return {name: one.get("options", []) for name, one in said["symbols"].items()}

    def sign(self, message, domain, selector, key, **envelope):
        """The fields that it puts in front, as {name: value}. key: base64 of DER, or of an Ed25519 key."""
        headers = {"IP": "192.0.2.1", "Helo": "mail.example.org", "From": f"a@{domain}", "Rcpt": "b@example.net",
                   "PerformDkimSign": "yes", "DkimDomain": domain, "DkimSelector": selector,
                   "DkimPrivateKey": key, "SignOnAuthFailed": "1", **envelope}
        said = self.ask(message, headers)
        fields = {name: one["value"] for name, one in said.get("milter", {}).get("add_headers", {}).items()}
        if "dkim-signature" in said:
            fields["DKIM-Signature"] = said["dkim-signature"]
        return fields
