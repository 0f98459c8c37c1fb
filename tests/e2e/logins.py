"""Logins at real servers: Dovecot's submission, and Postfix with Dovecot's and with Cyrus's SASL.

Passwords by PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-1 and SCRAM-SHA-256, right and wrong; tokens by XOAUTH2 and OAUTHBEARER,
which Dovecot has judged by an OpenID provider's introspection (RFC 7662). Root only: they are daemons.
"""
import os
import pwd
import subprocess
import sys

from _check import SMTPTOOL, Report, at_end, folder, free_port, need_program, port_speaks, tool, until, write
from _openid import Provider
from _peers import Postfix
from _server import make_certificate
from _smtp import Sink
from oauth import USER, Bench

PASSWORD = "correct horse=,battery"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
TOKENS = ("XOAUTH2", "OAUTHBEARER")


class Dovecot:
    """Its SASL on a Unix socket (self.auth) and, when it is installed, its submission (self.port)."""

    def __init__(self, sink_port, provider):
        root = self.root = folder()
        self.certificate, key = make_certificate(root)
        self.auth, self.port = os.path.join(root, "auth"), free_port()
        self.submits = os.path.exists("/usr/lib/dovecot/submission")
        users = write(os.path.join(root, "users"), f"{USER}:{{PLAIN}}{PASSWORD}\n", 0o644)
        tokens = write(os.path.join(root, "oauth2"), f"""introspection_url = {provider.url}/introspect
introspection_mode = post
username_attribute = username
active_attribute = active
active_value = true
tls_ca_cert_file = {provider.certificate}
openid_configuration_url = {provider.url}/.well-known/openid-configuration
""")
        mail = pwd.getpwnam("mail")
        config = write(os.path.join(root, "dovecot.conf"), f"""base_dir = {root}/run
state_dir = {root}/state
instance_name = {os.path.basename(root)}
log_path = {root}/log
protocols = {"submission" if self.submits else ""}
listen = 127.0.0.1
hostname = dovecot.test
ssl = required
ssl_cert = <{self.certificate}
ssl_key = <{key}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{root}/mail
submission_relay_host = 127.0.0.1
submission_relay_port = {sink_port}
auth_mechanisms = {" ".join((*MECHANISMS, *TOKENS)).lower()}
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {tokens}
}}
passdb {{
  driver = passwd-file
  mechanisms = {" ".join(MECHANISMS).lower()}
  args = {users}
}}
userdb {{
  driver = static
  args = uid={mail.pw_uid} gid={mail.pw_gid} home={root}/mail allow_all_users=yes
}}
service auth {{
  unix_listener {self.auth} {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {self.port}
  }}
}}
""")
        os.mkdir(os.path.join(root, "mail"))
        os.chown(os.path.join(root, "mail"), mail.pw_uid, mail.pw_gid)
        out = open(os.path.join(root, "out"), "wb")
        self.process = subprocess.Popen([tool("dovecot"), "-F", "-c", config], stdin=subprocess.DEVNULL,
                                        stdout=out, stderr=out)
        at_end(self.stop)
        up = until(20, lambda: self.process.poll() is not None or (
            os.path.exists(self.auth) and (not self.submits or port_speaks(self.port))))
        if not up or self.process.poll() is not None:
            raise RuntimeError(self.last_words())

    def last_words(self):
        said = ""
        for name in ("out", "log"):
            path = os.path.join(self.root, name)
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    said += f.read()[-1500:]
        return said

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)


class SaslPostfix(Postfix):
    """Submission with TLS and a login, relayed to the sink."""

    def __init__(self, sink_port, sasl, prepare=lambda root: None):
        self.sasl, self.prepare = sasl, prepare
        super().__init__(sink_port)

    def settings(self, sink_port):
        self.certificate, key = make_certificate(self.root)
        self.prepare(self.root)
        lines = super().settings(sink_port).split("\n")
        kept = [l for l in lines if not l.startswith(("mynetworks", "smtpd_relay_restrictions"))]
        return "\n".join([*kept, "mynetworks =", "smtpd_relay_restrictions = permit_sasl_authenticated, reject",
                          "smtpd_sasl_auth_enable = yes", "smtpd_sasl_security_options = noanonymous",
                          "smtpd_tls_security_level = encrypt", f"smtpd_tls_cert_file = {self.certificate}",
                          f"smtpd_tls_key_file = {key}", "smtpd_tls_auth_only = yes",
                          *(l.format(root=self.root) for l in self.sasl), ""])


def cyrus_files(root):
    """A sasldb of one user, which Postfix may read. Debian's Postfix looks for sasl/ in its own folder."""
    path, sasl = os.path.join(root, "sasldb2"), os.path.join(root, "etc", "sasl")
    subprocess.run([tool("saslpasswd2"), "-p", "-c", "-f", path, "-u", "our.test", "me"],
                   input=PASSWORD.encode(), check=True, capture_output=True)
    os.chown(path, pwd.getpwnam("postfix").pw_uid, -1)
    os.mkdir(sasl)
    write(os.path.join(sasl, "smtpd.conf"), f"""pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {path}
mech_list: {" ".join(MECHANISMS)}
""")


# ---- the checks ---------------------------------------------------------------------------------

class Target:
    def __init__(self, name, port, certificate, last_words):
        self.name, self.port, self.certificate, self.last_words = name, port, certificate, last_words


def send(b, target, secret, *args):
    return subprocess.run(
        [SMTPTOOL, "-C", b.config, "send", "-v", "--retries", "0", "--server", f"smtp://localhost:{target.port}", "--ca-file",
         target.certificate, "--from", USER, "--to", "x@sink.test", "--user", USER, "--secret", secret, *args,
         "--eml", b.mail], capture_output=True, text=True, timeout=60, env=b.env)


def passwords(b, sink, target):
    right = "file:" + write(os.path.join(b.home, "right"), PASSWORD + "\n", 0o600)
    wrong = "file:" + write(os.path.join(b.home, "wrong"), "another\n", 0o600)
    for mechanism in MECHANISMS:
        before = len(sink.kept())
        done = send(b, target, right, "--mechanism", mechanism)
        b.report.check(f"{target.name}, {mechanism}: logged in and sent", done.returncode == 0 and
                       f"AUTH {mechanism}" in done.stderr, done.stderr + target.last_words())
        b.report.check(f"{target.name}, {mechanism}: it arrives", len(sink.wait(before + 1)) == before + 1)
        b.report.check(f"{target.name}, {mechanism}: the password is shown nowhere", PASSWORD not in done.stderr)
    for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
        done = send(b, target, wrong, "--mechanism", mechanism)
        b.report.equal(f"{target.name}, {mechanism}: a wrong password", done.returncode, 77)
    done = send(b, target, right)
    b.report.check(f"{target.name}: the strongest is chosen", done.returncode == 0 and
                   "AUTH SCRAM-SHA-256" in done.stderr, done.stderr)


def tokens(b, sink, target):
    for mechanism in TOKENS:
        before = len(sink.kept())
        done = send(b, target, "oauth:me", "--mechanism", mechanism)
        b.report.check(f"{target.name}, {mechanism}: logged in and sent", done.returncode == 0 and
                       f"AUTH {mechanism}" in done.stderr, done.stderr + str(target.last_words()))
        b.report.check(f"{target.name}, {mechanism}: it arrives", len(sink.wait(before + 1)) == before + 1)
        token = b.token("me").stdout.strip()
        b.report.check(f"{target.name}, {mechanism}: the token is shown nowhere", token not in done.stderr)
        facts = b.provider.access.pop(token)
        done = send(b, target, "oauth:me", "--mechanism", mechanism)
        b.provider.access[token] = facts
        b.report.check(f"{target.name}, {mechanism}: a token that is void is refused", done.returncode == 77,
                       (done.returncode, done.stderr))
        done = send(b, target, "env:NOT_A_TOKEN", "--token", "--mechanism", mechanism)
        b.report.equal(f"{target.name}, {mechanism}: what was never a token", done.returncode, 77)
    done = send(b, target, "oauth:me")
    b.report.check(f"{target.name}: a token is sent by OAUTHBEARER where there is a choice",
                   done.returncode == 0 and "AUTH OAUTHBEARER" in done.stderr, done.stderr)


def with_dovecot(b, sink):
    if not tool("dovecot"):
        return b.report.skip("Dovecot", "it is not installed")
    dovecot = Dovecot(sink.port, b.provider)
    b.report.on_fail.append(lambda: print(dovecot.last_words()))
    targets = []
    if dovecot.submits:
        targets.append(Target("Dovecot", dovecot.port, dovecot.certificate, dovecot.last_words))
    else:
        b.report.skip("Dovecot's submission", "dovecot-submissiond is not installed")
    if tool("postfix"):
        postfix = SaslPostfix(sink.port, ["smtpd_sasl_type = dovecot", f"smtpd_sasl_path = {dovecot.auth}"])
        targets.append(Target("Postfix with Dovecot's SASL", postfix.port, postfix.certificate,
                              lambda: postfix.last_words().decode(errors="replace")))
    else:
        b.report.skip("Postfix", "it is not installed")
    for target in targets:
        passwords(b, sink, target)
        tokens(b, sink, target)
    return None


def with_cyrus(b, sink):
    if not tool("postfix") or not tool("saslpasswd2"):
        return b.report.skip("Postfix with Cyrus's SASL", "postfix or sasl2-bin is not installed")
    postfix = SaslPostfix(sink.port, ["smtpd_sasl_type = cyrus", "smtpd_sasl_path = smtpd",
                                      "cyrus_sasl_config_path = {root}/etc/sasl", "smtpd_sasl_local_domain = our.test"],
                          cyrus_files)
    return passwords(b, sink, Target("Postfix with Cyrus's SASL", postfix.port, postfix.certificate,
                                     lambda: postfix.last_words().decode(errors="replace")))


def main():
    need_program()
    report = Report()
    if os.geteuid() != 0:
        report.skip("logins at real servers", "their masters must be started by root")
        return report.finish()
    b, sink = Bench(report), Sink()
    b.env["NOT_A_TOKEN"] = "never-a-token"
    done = b.by_browser("me")
    report.check("a login by token", done.returncode == 0, done.stderr)
    for part in (with_dovecot, with_cyrus):
        try:
            part(b, sink)
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:
            report.check(part.__name__, False, f"{type(e).__name__}: {e}")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
