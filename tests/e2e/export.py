"""`config export`: each program logs in with what was written for it, and sends a mail; `config import`: each program's
file becomes an account that logs in and sends. User and password are made to break out of every kind of quotes.

Attacks: 20 (STARTTLS taken away, or a certificate that nobody trusts: no program says its password), 73.
"""
import base64
import json
import os
import re
import ssl
import stat
import subprocess
import sys

from _check import PROJECT, SMTPTOOL, Report, folder, need_program, tool, write
from _peers import Postfix
from _server import Server, route
from _smtp import CAPABILITIES, Sink

USER = "o'br\"ien$HOME\\x;<b>^1{2}@x.example"
PASSWORD = "p\"a's$s\\w o<r>d^;{}%:#`id`"
TO = "you@sink.test"
SECONDS_MAX = 60
UNPACKED = os.path.join(PROJECT, "build-unpacked", "usr") # by tools/unpack


def installed(name, *unpacked):
    """The program, or what tools/unpack fetched; None when it is not there or lacks its libraries."""
    path = tool(name) or os.path.join(UNPACKED, *unpacked)
    if not os.access(path, os.X_OK):
        return None
    linked = subprocess.run([tool("ldd"), path], capture_output=True)
    return None if b"not found" in linked.stdout else path


def first_folder(*paths):
    return next((p for p in paths if p and os.path.isdir(p)), None)


class User:
    """A home with two accounts at that server: by STARTTLS and by TLS from the first byte."""

    def __init__(self, server):
        self.home, self.server = folder(), server
        self.secret = write(os.path.join(self.home, "it's secret"), PASSWORD + "\n", 0o600)
        os.mkdir(os.path.join(self.home, "smtptool"), 0o700)
        self.accounts = os.path.join(self.home, "smtptool", "accounts.yaml")
        self.zone = write(os.path.join(self.home, "zone"), "localhost. A 127.0.0.1\n")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "XDG_CONFIG_HOME": self.home,
                    "XDG_STATE_HOME": f"{self.home}/state", "XDG_CACHE_HOME": f"{self.home}/cache", "LC_ALL": "C.UTF-8"}
        self.add("starttls", f"smtp://localhost:{server.submission}")
        self.add("implicit", f"smtps://localhost:{server.tls}")

    def add(self, name, url, **more):
        head = "" if os.path.exists(self.accounts) else "accounts:\n"
        account = {"servers": [url], "user": USER, "secret": f"file:{self.secret}", "aliases": ["me@x.example"], **more}
        with open(self.accounts, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
            f.write(f"{head}  {name}: {json.dumps(account)}\n")

    def run(self, *words, **more):
        return subprocess.run([SMTPTOOL, *words], capture_output=True, text=True, timeout=SECONDS_MAX, env=self.env,
                              cwd=self.home, **more)

    def export(self, program, account, *more):
        done = self.run("config", "export", program, account, "--from", "me@x.example", *more)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def shell(self, line, given="", **env):
        return subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=SECONDS_MAX, input=given,
                              env={**self.env, **env}, cwd=self.home, check=False)


def command_of(text, program):
    """The line that a comment of the file says to type."""
    return re.search(rf"(?:#|//) *(\S+=\"\$\(.*\)\") {program} ", text)[1]


# ---- the programs --------------------------------------------------------------------------------

LETTER = f"From: me@x.example\nTo: {TO}\nSubject: Hello\n\nDoes it arrive?\n"


def by_msmtp(u, text):
    rc = write(os.path.join(u.home, "msmtprc"), text, 0o600)
    account = re.search(r"(?m)^account (.*)$", text)[1]
    return u.shell(f"exec {tool('msmtp')} -C {rc} -a {account} {TO}", LETTER)


def by_swaks(u, text):
    """Debian 12's cannot check the name in a certificate, and says so; the rest is tried with that line taken out: the
    file of roots holds nothing but the server's own certificate."""
    rc = write(os.path.join(u.home, "swaksrc"), text, 0o600)
    words = command_of(text, "swaks")
    done = u.shell(f"{words} exec {tool('swaks')} --config {rc} --to {TO} --helo x.test --body 'Does it arrive?'")
    if done.returncode != 0 and "tls-verify-target" in done.stdout + done.stderr:
        write(rc, re.sub(r"(?m)^tls-verify-target.*\n", "", text), 0o600)
        done = u.shell(f"{words} exec {tool('swaks')} --config {rc} --to {TO} --helo x.test --body 'Does it arrive?'")
    return done


def by_smtplib(u, text):
    script = write(os.path.join(u.home, "mail.py"), text)
    return u.shell(f"{command_of(text, 'python3')} exec {sys.executable} {script} {TO}")


def by_nodemailer(u, text):
    script = write(os.path.join(u.home, "mail.js"), text)
    return u.shell(f"{command_of(text, 'node')} exec {tool('node')} {script} {TO}", NODE_PATH=NODE_MODULES)


def by_phpmailer(u, text):
    script = write(os.path.join(u.home, "mail.php"), text)
    return u.shell(f"{command_of(text, 'php')} exec {PHP} -n {script} {TO}", PHPMAILER_AUTOLOAD=f"{PHPMAILER}/autoload.php")


def by_env(u, text):
    """A shell that has the variables, and curl for a program that reads them."""
    variables = write(os.path.join(u.home, "env"), text)
    mail = write(os.path.join(u.home, "mail.eml"), LETTER.replace("\n", "\r\n"))
    password = re.search(r"(?m)^# in a shell: (.*)$", text)[1]
    return u.shell(f"set -a; . {variables}; set +a; {password}; [ $SMTP_TLS = implicit ] && s=smtps || s=smtp; "
                   f"exec curl -sS --ssl-reqd --cacert \"$SMTP_CA_FILE\" --url $s://$SMTP_HOST:$SMTP_PORT "
                   f"--mail-from \"$SMTP_FROM\" --mail-rcpt {TO} -T {mail} --user \"$(printf '%s' \"$SMTP_USER\" | "
                   f"sed 's/:/%3A/g'):$SMTP_PASSWORD\"")


PHP, PHPMAILER = installed("php", "bin", "php8.2"), first_folder("/usr/share/php/libphp-phpmailer", f"{UNPACKED}/share/php/libphp-phpmailer")
NODE_MODULES = first_folder(*(os.path.join(f, "nodemailer") for f in (os.environ.get("NODE_PATH", ""), "/usr/share/nodejs", f"{UNPACKED}/share/nodejs")))
NODE_MODULES = NODE_MODULES and os.path.dirname(NODE_MODULES)
EXIM = installed("exim4", "sbin", "exim4")
PROGRAMS = (("msmtp", by_msmtp, tool("msmtp"), "msmtp is not installed"),
            ("swaks", by_swaks, tool("swaks"), "swaks is not installed"),
            ("smtplib", by_smtplib, True, ""),
            ("nodemailer", by_nodemailer, tool("node") and NODE_MODULES, "node or nodemailer is not there (tools/unpack)"),
            ("phpmailer", by_phpmailer, PHP and PHPMAILER, "PHP or PHPMailer is not there (tools/unpack)"),
            ("env", by_env, tool("curl"), "curl is not installed"))


def arrived(report, what, sink, done):
    kept = sink.wait(1, 20) if done.returncode == 0 else []
    good = len(kept) == 1 and kept[0].recipients == [TO] and b"Does it arrive?" in kept[0].data
    report.check(what, good, (done, kept and kept[0].data))
    sink.clear()


def exporting(report, u, sink):
    for program, send, there, why in PROGRAMS:
        if not there:
            report.skip(f"a mail by {program}", why)
            continue
        for account in ("starttls", "implicit"):
            text = u.export(program, account, "--ca-file", u.server.certificate)
            report.check(f"{program}: no secret is in it", PASSWORD not in text and "p\"a" not in text, text)
            arrived(report, f"{program}, {account}: logged in, and sent", sink, send(u, text))


def downgraded(report, u, sink):
    """attack 20: no STARTTLS is offered, or nobody vouches for the certificate."""
    clear = Sink(capabilities=CAPABILITIES + ("AUTH PLAIN LOGIN",))
    u.add("clear", f"smtp://localhost:{clear.port}")
    for program, send, there, _ in PROGRAMS:
        if not there:
            continue
        done = send(u, u.export(program, "clear", "--ca-file", u.server.certificate))
        report.check(f"attack 20, {program}: no STARTTLS, no mail", done.returncode != 0, done)
        if program == "env": # curl would need a file of roots
            continue
        done = send(u, u.export(program, "starttls"))
        report.check(f"attack 20, {program}: a certificate of nobody's", done.returncode != 0 and not sink.kept(), done)
    said = [line for line in clear.lines if b"AUTH" in line or b"MAIL" in line]
    report.check("attack 73: nobody logged in there", said == [], said)


def other_name(report, u):
    """attack 20: the certificate is trusted, and is another server's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(u.server.certificate, u.server.config["tls"]["key"])
    other = Sink(capabilities=CAPABILITIES + ("AUTH PLAIN LOGIN",), tls=context, host="127.0.0.2")
    u.add("other", f"smtp://127.0.0.2:{other.port}")
    for program, send, there, _ in PROGRAMS:
        if there and program != "swaks":
            done = send(u, u.export(program, "other", "--ca-file", u.server.certificate))
            report.check(f"attack 20, {program}: a certificate of another name", done.returncode != 0, done)
    if tool("swaks"):
        rc = write(os.path.join(u.home, "swaksrc"), u.export("swaks", "other", "--ca-file", u.server.certificate), 0o600)
        done = u.shell(f"SWAKS_OPT_auth_password=x exec {tool('swaks')} --config {rc} --to {TO}")
        report.check("attack 20, swaks: a certificate of another name", done.returncode != 0, done)
    said = [line for line in other.lines if b"AUTH" in line or b"MAIL" in line]
    report.check("attack 20: nobody logged in at another name", said == [], said)


def tokens(report, u):
    """XOAUTH2: the very words that the server is to hear, from each program that can."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(u.server.certificate, u.server.config["tls"]["key"])
    words = base64.b64encode(f"user={USER}\1auth=Bearer {PASSWORD}\1\1".encode())

    def answer(verb, line, session):
        said = line.split()
        if session.secure and said == [b"AUTH", b"XOAUTH2"]:
            return "334 "
        if session.secure and said and said[-1] == words:
            return "235 2.7.0 in"
        return "535 5.7.8 no" if verb == "AUTH" else None
    sink = Sink(capabilities=CAPABILITIES + ("AUTH XOAUTH2",), tls=context, answer=answer)
    u.add("token", f"smtp://localhost:{sink.port}", mechanism="XOAUTH2")
    for program, send, there, _ in PROGRAMS:
        if there and program in ("msmtp", "smtplib", "nodemailer", "phpmailer"):
            text = u.export(program, "token", "--ca-file", u.server.certificate)
            arrived(report, f"{program}: logged in by a token, and sent", sink, send(u, text))
    for program in ("postfix", "exim", "swaks"):
        done = u.run("config", "export", program, "token")
        report.check(f"{program}: a token is refused", done.returncode == 1 and "token" in done.stderr and not done.stdout, done)


# ---- mail servers --------------------------------------------------------------------------------

class Relay(Postfix):
    def __init__(self, user):
        self.user = user
        super().__init__(0)

    def lines(self, account):
        """The exported lines for main.cf, the map made by the commands in their comments."""
        path = os.path.join(self.etc, "sasl_passwd")
        text = self.user.export("postfix", account, "--ca-file", self.user.server.certificate).replace(
            "/etc/postfix/sasl_passwd", path)
        for line in re.findall(r"(?m)^#   (.*)$", text):
            line = line.replace("postmap ", f"{tool('postmap')} -c {self.etc} ").replace(" && postfix reload", "")
            done = self.user.shell(line)
            if done.returncode != 0:
                raise RuntimeError(f"{line}: {done.stderr}")
        modes = {stat.S_IMODE(os.stat(f"{path}{end}").st_mode) for end in ("", ".db")}
        return text, modes

    def settings(self, sink_port):
        base = [l for l in super().settings(sink_port).split("\n") if not l.startswith(("relayhost", "disable_dns"))]
        self.base = "\n".join(base) + "smtp_host_lookup = native\n"
        write(os.path.join(self.etc, "main.cf"), self.base) # postmap reads it
        text, self.modes = self.lines("starttls")
        return self.base + text

    def change(self, account):
        text, _ = self.lines(account)
        write(os.path.join(self.etc, "main.cf"), self.base + text)
        return subprocess.run([tool("postfix"), "-c", self.etc, "reload"], capture_output=True, timeout=SECONDS_MAX)


def hand_over(port):
    return subprocess.run([tool("curl"), "-sS", "--url", f"smtp://127.0.0.1:{port}", "--mail-from", "me@x.example",
                           "--mail-rcpt", TO, "-T", "-"], input=LETTER.replace("\n", "\r\n").encode(), capture_output=True,
                          timeout=SECONDS_MAX)


def by_postfix(report, u, sink):
    if not tool("postfix") or not tool("curl") or os.geteuid() != 0:
        return report.skip("a mail by Postfix", "it is not installed, or this is not root")
    postfix = Relay(u)
    report.on_fail.append(lambda: print(postfix.last_words().decode(errors="replace")))
    report.equal("postfix: only root reads the passwords", postfix.modes, {0o600})
    arrived(report, "postfix, starttls: logged in, and sent", sink, hand_over(postfix.port))
    postfix.change("implicit")
    return arrived(report, "postfix, implicit: logged in, and sent", sink, hand_over(postfix.port))


# Debian's is compiled for a user that only its package makes: it is lent one where nobody else sees it.
AS_EXIM = """set -e
cp /etc/passwd passwd; cp /etc/group group
grep -q ^Debian-exim: passwd || { echo Debian-exim:x:64999:64999::/:/bin/false >> passwd
  echo Debian-exim:x:64999: >> group; mount --bind passwd /etc/passwd; mount --bind group /etc/group; }
chgrp Debian-exim password; chmod 640 password
exec "$1" -C "$2" -odi -f me@x.example "$3"
"""


def by_exim(report, u, sink):
    unshare = [tool("unshare") or "unshare", "--mount", "--propagation", "private"]
    if not EXIM or os.geteuid() != 0 or subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        return report.skip("a mail by Exim", "it is not there (tools/unpack), or this machine permits no namespaces")
    for account, roots in (("starttls", True), ("implicit", True), ("starttls", False)):
        root = folder(0o777)
        text = u.export("exim", account, *(["--ca-file", u.server.certificate] if roots else [])).replace(
            f"/etc/exim4/password.{account}", f"{root}/password")
        made = u.shell(re.search(r"(?m)^#   (.*password\))$", text)[1])
        # What the tests' server needs besides: it is this machine, which Exim takes for itself.
        config = write(os.path.join(root, "exim.conf"), f"""primary_hostname = exim.test
exim_path = {EXIM}
spool_directory = {root}
log_file_path = {root}/log-%slog
domainlist local_domains =
qualify_domain = exim.test
keep_environment =
{text.replace("  no_more", "  self = send" + chr(10) + "  no_more")}
begin retry
""")
        done = subprocess.run([*unshare, "/bin/sh", "-c", AS_EXIM, "sh", EXIM, config, TO], input=LETTER.encode(),
                              capture_output=True, timeout=SECONDS_MAX, cwd=root)
        logs = "".join(open(os.path.join(root, f), errors="replace").read() for f in os.listdir(root) if f.startswith("log-"))
        report.check(f"exim, {account}: the file of the password is made", made.returncode == 0, made)
        if not roots:
            report.check("attack 20, exim: a certificate of nobody's", "certificate" in logs and not sink.kept(), logs)
            continue
        arrived(report, f"exim, {account}: logged in, and sent {logs if not sink.kept() else ''}", sink, done)
    return None


def by_thunderbird(report, u):
    """It has no way to send without a screen: its lines are read as JavaScript, and each preference compared."""
    if not tool("node"):
        return report.skip("user.js", "node is not installed")
    for account, try_ssl, port in (("starttls", 2, u.server.submission), ("implicit", 3, u.server.tls)):
        text = u.export("thunderbird", account)
        done = subprocess.run([tool("node"), "-e", "const p = {}; global.user_pref = (k, v) => { p[k] = v; };"
                               "require('vm').runInThisContext(require('fs').readFileSync(0)); console.log(JSON.stringify(p))"],
                              input=text.encode(), capture_output=True, timeout=SECONDS_MAX)
        prefs = json.loads(done.stdout or "{}")
        want = {"hostname": "localhost", "port": port, "try_ssl": try_ssl, "authMethod": 3, "username": USER}
        got = {k: prefs.get(f"mail.smtpserver.{account}.{k}") for k in want}
        report.equal(f"thunderbird, {account}: its preferences", got, want)
    return None


def presets(report, u):
    """A preset needs no account."""
    done = u.run("config", "export", "postfix", "preset:gmail", "--user", "me@gmail.com")
    report.check("a preset", done.returncode == 0 and "relayhost = [smtp.gmail.com]:587\n" in done.stdout, done)
    done = u.run("config", "export", "postfix", "preset:gmail")
    report.check("a preset without a user", done.returncode == 64 and "--user" in done.stderr, done)
    done = u.run("config", "export", "env", "preset:sendgrid")
    report.check("a preset whose user is a word", done.returncode == 0 and "\nSMTP_USER=apikey\n" in done.stdout, done)
    done = u.run("config", "export", "pine", "preset:gmail")
    report.check("what is no program", done.returncode == 64 and "thunderbird" in done.stderr, done)


# ---- import --------------------------------------------------------------------------------------

def files_of_others(server, home):
    """Each as a person has it: program, its text, the account, notes that must be told, by line."""
    password = write(os.path.join(home, "pass word"), PASSWORD + "\n", 0o600)
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`").replace("$", "\\$")
    url_user = "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in USER)
    return (
        ("msmtp", f"""# Set default values for all following accounts.
defaults
auth           on
tls            on
tls_trust_file {server.certificate}
logfile        ~/.msmtp.log

account        work
host           localhost
port           {server.submission}
from           me@x.example
user           {USER}
password       {PASSWORD}

account second : work
port           {server.tls}
tls_starttls   off
account default : work
""", "work", {5: "tls_trust_file", 6: "logfile"}),
        ("swaks", f"""# my tests
server localhost
port {server.submission}
--tls
auth PLAIN
auth-user {USER}
auth-password {PASSWORD}
from me@x.example
header-X-Test yes
""", "x", {9: "header"}),
        ("netrc", f"""machine localhost login "{quoted_netrc(USER)}" password "{quoted_netrc(PASSWORD)}" port {server.submission}
machine git.example login me password x
""", "x-2", {}),
        ("mutt", f"""set my_ran = "`touch {home}/ran`"
set realname = "Me"
set from = "Me <me@x.example>"
set smtp_url = "smtp://{url_user}@localhost:{server.submission}/" ssl_force_tls
set smtp_pass = "`cat '{password}'`"
source "touch {home}/ran |"
set sidebar_visible
""", "x-3", {2: "realname", 6: "source"}), quoted)[:4]


def quoted_netrc(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def importing(report, server, sink):
    u = User(server)
    os.remove(u.accounts)
    write(os.path.join(u.home, "smtptool", "smtptool.yaml"), "hostname: laptop.test\n")
    common = ["--dns-zone", u.zone, "--ca-file", server.certificate]
    for program, text, name, notes in files_of_others(server, u.home):
        path = write(os.path.join(u.home, f"{program}.rc"), text, 0o600)
        named = [] if program == "msmtp" else ["--name", name]
        named += ["--account", "localhost"] if program == "netrc" else []
        args = ["config", "import", program, path, "--keep", "file", *named]
        before = os.path.exists(u.accounts) and open(u.accounts, encoding="utf-8").read()
        dry = u.run(*args, "--dry-run")
        after = os.path.exists(u.accounts) and open(u.accounts, encoding="utf-8").read()
        report.check(f"{program}: a dry run shows and writes nothing", dry.returncode == 0 and f"  {name}:\n" in dry.stdout
                     and PASSWORD not in dry.stdout + dry.stderr and before == after, dry)
        done = u.run(*args)
        report.check(f"{program}: it becomes an account", done.returncode == 0, done)
        for line, option in notes.items():
            report.check(f"{program}: line {line} is told", f"{path}:{line}: {option}: " in done.stderr, done.stderr)
        report.check(f"{program}: the password is shown nowhere", PASSWORD not in done.stdout + done.stderr, done)
        tested = u.run("account", "test", name, *common)
        report.check(f"{program}: the account logs in", tested.returncode == 0, tested)
        done = u.run("send", "--account", name, "--from", "me@x.example", "--subject", "Hello", "--text", "Does it arrive?", TO,
                     *common)
        arrived(report, f"{program}: the account sends", sink, done)
        again = u.run(*args)
        report.check(f"{program}: not a second time", again.returncode == 1 and "already" in again.stderr, again)
    with open(u.accounts, encoding="utf-8") as f:
        report.check("no password is in accounts.yaml", PASSWORD not in f.read())
    where = os.path.dirname(u.accounts)
    secrets = [f for f in os.listdir(where) if f.endswith(".secret")]
    report.check("passwords lie in files that only their owner reads", len(secrets) == 4 and all(
        stat.S_IMODE(os.stat(os.path.join(where, f)).st_mode) == 0o600 for f in secrets), secrets)
    report.check("nothing that a muttrc would run was run", not os.path.exists(f"{u.home}/ran"))
    done = u.run("account", "default")
    report.equal("msmtp's default is the default", done.stdout, "work\n")
    by_itself(report, u)


def by_itself(report, u):
    """The file in its usual place, one account of it, and a netrc that stays where it is."""
    netrc = write(os.path.join(u.home, ".netrc"), "machine smtp.gmail.com login me@gmail.com password x\n"
                  "machine git.example login me password x\n", 0o600)
    done = u.run("config", "import", "netrc", "--dry-run")
    report.check("a login that is no mail server's is told", f"{netrc}:2: git.example: " in done.stderr, done)
    done = u.run("config", "import", "netrc", "--json")
    first = json.loads(done.stdout.split("\n")[0])
    report.equal("a netrc stays where it is", (first["account"], first["preset"], first["secret"]),
                 ("gmail", "gmail", "netrc:smtp.gmail.com/me@gmail.com"))
    done = u.run("config", "import", "swaks")
    report.check("no file", done.returncode == 66 and "usual places" in done.stderr, done)
    done = u.run("config", "import", "msmtp", "msmtp.rc", "--account", "second", "--name", "other", "--keep", "file")
    report.check("one account under another name", done.returncode == 0 and "account other is there" in done.stderr, done)
    bad = write(os.path.join(u.home, "bad"), "account a\nfoo bar\n", 0o600)
    done = u.run("config", "import", "msmtp", bad)
    report.check("a file with a mistake", done.returncode == 78 and "line 2: unknown command foo" in done.stderr, done)


def main():
    need_program()
    report = Report()
    sink = Sink()
    server = Server(routes=[route("*", sink.port)])
    server.add_user(USER, PASSWORD)
    server.start()
    u = User(server)
    exporting(report, u, sink)
    downgraded(report, u, sink)
    other_name(report, u)
    tokens(report, u)
    by_thunderbird(report, u)
    presets(report, u)
    importing(report, server, sink)
    for part in (by_postfix, by_exim):
        try:
            part(report, u, sink)
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:
            report.check(part.__name__, False, f"{type(e).__name__}: {e}")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
