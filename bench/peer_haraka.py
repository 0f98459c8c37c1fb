"""Haraka (npm, in a folder of its own), one process: its default."""
import json
import os
import shutil

from measure import read
from peers import ROOT, Peer

# Takes and relays everything, asks no name of anybody.
PLUGIN = """\
exports.hook_connect_init = (next, connection) => { connection.relaying = true; next(); };
exports.hook_lookup_rdns = (next) => next(OK, 'localhost');
exports.hook_rcpt = (next) => next(OK);
exports.hook_get_mx = (next, hmail, domain) => {
    const twenty = /^d(\\d+)\\.bench\\.test$/.exec(domain);
    const slow = domain === 'slow.bench.test';
    next(OK, { priority: 0, port: slow ? SLOW_PORT : SINK_PORT,
               exchange: twenty ? `127.0.0.${10 + Number(twenty[1])}` : '127.0.0.1' });
};
"""


class Haraka(Peer):
    name = "haraka"
    durability = "a 250 means that the message's queue file was fsync'ed"

    @staticmethod
    def home():
        return os.path.join(ROOT, "haraka/node_modules/Haraka")

    @classmethod
    def missing(cls):
        if not shutil.which("node"):
            return "node is not installed"
        if not os.path.exists(os.path.join(cls.home(), "bin/haraka")):
            return f"not installed in {ROOT} (bench/install-peers)"
        return None

    @classmethod
    def version(cls):
        try:
            return "Haraka " + json.loads(read(os.path.join(cls.home(), "package.json")))["version"]
        except (ValueError, KeyError):
            return ""

    def prepare(self):
        os.makedirs(self.path("queue"))
        plugins = "tls\nbench\n" if self.key() else "bench\n"
        held = "" if self.mode in ("relay", "relay20", "mixed") else "disabled=true\n"
        files = {
            "me": "server.bench.test\n", "host_list": "", "loglevel": "notice\n",
            "log.ini": "[main]\nlevel=notice\n", "plugins": plugins,
            "smtp.ini": f"listen=127.0.0.1:{self.port}\nnodes=0\ninactivity_timeout=300\n",
            "outbound.ini": held + "enable_tls=false\nlocal_mx_ok=true\n",
        }
        if self.key():
            certificate, key = self.key()
            files |= {"tls.ini": "key=tls_key.pem\ncert=tls_cert.pem\ndhparam=dhparams.pem\n",
                      "tls_key.pem": read(key), "tls_cert.pem": read(certificate)}
            files["dhparams.pem"] = self.site.certificates["dh"] # else it spends a minute on making some
        for name, text in files.items():
            self.write("config/" + name, text)
        shutil.copy(os.path.join(self.home(), "config/connection.ini"), self.path("config"))
        plugin = PLUGIN.replace("SLOW_PORT", str(self.site.slow_port)).replace("SINK_PORT", str(self.site.sink_port))
        self.write("plugins/bench.js", plugin)

    def start(self):
        self.run("node", os.path.join(self.home(), "bin/haraka"), "-c", self.folder)

    def listing(self):
        return ["node", os.path.join(self.home(), "bin/haraka"), "-c", self.folder, "--qlist"]
