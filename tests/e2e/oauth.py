"""Logins by token against an OpenID provider of our own: device code, loopback with PKCE, refresh, revoke;
and mail that is sent by them, from `send` and from a running server.

The provider and the SMTP server check by themselves, with Python's hashlib, what was asked and sent.
"""
import base64
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time

from _check import SMTPTOOL, Report, folder, need_program, until, write
from _openid import Provider, browser, visit, where_to
from _server import Server, make_certificate, retry_soon
from _smtp import CAPABILITIES, Client, Sink

USER = "me@our.test"
MAIL = b"From: me@our.test\r\nTo: x@sink.test\r\nSubject: by token\r\n\r\nhello\r\n"


class Bench:
    def __init__(self, report):
        self.report, self.provider = report, Provider()
        self.home = folder(0o700)
        self.env = {k: v for k, v in os.environ.items() if k.lower() not in ("https_proxy", "http_proxy")}
        self.env |= {"HOME": self.home, "XDG_DATA_HOME": os.path.join(self.home, "data"),
                     "XDG_CONFIG_HOME": os.path.join(self.home, "config"),
                     "XDG_STATE_HOME": os.path.join(self.home, "state")}
        self.env.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self.secret = write(os.path.join(self.home, "client"), Provider.SECRET + "\n", 0o600)
        self.config = write(os.path.join(self.home, "empty.yaml"), "{}\n")
        self.mail = write(os.path.join(self.home, "mail"), MAIL)

    def oauth(self, *args, config=None):
        return subprocess.run([SMTPTOOL, "-C", config or self.config, "oauth", *args], capture_output=True, text=True,
                              timeout=60, env=self.env)

    def login(self, name, *args, client="public", **more):
        given = ["--wait", "20s", "--provider", self.provider.url, "--ca-file", self.provider.certificate,
                 "--client-id", client, "--scope", "mail.send offline_access", "--user", USER]
        if client.startswith("secret"):
            given += ["--client-secret-ref", "file:" + self.secret]
        return self.oauth("login", name, *given, *args, **more)

    def by_browser(self, name, *args, **more):
        return self.login(name, "--loopback", "--browser", browser(self.provider.certificate), *args,
                          **more)

    def token(self, name, *args):
        return self.oauth("token", name, *args)

    def status(self, name):
        done = self.oauth("status", name, "--json")
        return json.loads(done.stdout) if done.stdout else {}


# ---- logging in -------------------------------------------------------------------------------

def loopback(b):
    for client in ("public", "secret-form"):
        done = b.by_browser("me", client=client)
        b.report.check(f"loopback, {client}: logged in", done.returncode == 0, done.stderr)
        b.report.check(f"loopback, {client}: no token is shown",
                       not re.search("[ar]t-", done.stdout + done.stderr), done.stdout)
    code = [g for g in b.provider.grants if g.get("grant_type") == "authorization_code"]
    b.report.equal("two codes were redeemed", len(code), 2)
    b.report.equal("PKCE and the question were right", b.provider.bad, [])
    token = b.token("me").stdout.strip()
    b.report.check("the token is good at the provider", b.provider.is_good(token, USER), token[:3])
    said = b.oauth("status", "me")
    b.report.check("status tells of it and never shows it", said.returncode == 0 and "mail.send" in said.stdout
                   and token not in said.stdout, said.stdout)
    b.report.equal("ls", b.oauth("ls").stdout, "me\n")


def foreign_requests(b):
    """What is not the answer gets a refusal and changes nothing; then the answer comes."""
    p = subprocess.Popen(
        [SMTPTOOL, "-C", b.config, "oauth", "login", "lonely", "--provider", b.provider.url, "--ca-file",
         b.provider.certificate, "--client-id", "public", "--scope", "mail.send", "--loopback"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=b.env)
    url = next(line.strip() for line in p.stderr if line.strip().startswith("https://"))
    back = where_to(url, b.provider.certificate)
    base = back.split("?")[0]
    for label, foreign in (("another state", base + "?code=stolen&state=" + "A" * 43),
                           ("no state", base + "?code=stolen"),
                           ("another path", base + "favicon.ico"),
                           ("two states", back + "&state=x"),
                           ("another host", back.replace("127.0.0.1", "localhost")),
                           ("another issuer", back.replace("localhost", "mallory"))):
        status, page = visit(foreign)
        b.report.equal(f"{label}: refused", status, 400)
        b.report.check(f"{label}: the page tells nothing", "stolen" not in page and "state" not in page, page)
    b.report.equal("the answer is taken", visit(back)[0], 200)
    rest = p.communicate(timeout=60)
    b.report.check("and the login is there", p.returncode == 0, rest)
    b.report.check("no stolen code was redeemed", all(g.get("code") != "stolen" for g in b.provider.grants))


def device(b):
    b.provider.device_script[:] = ["authorization_pending", "slow_down"]
    b.provider.times.clear()
    done = b.login("phone", "--device")
    b.report.check("device: logged in", done.returncode == 0, done.stderr)
    b.report.check("device: the code and the address are shown",
                   "WDJB-MJHT" in done.stderr and b.provider.url + "/enter" in done.stderr, done.stderr)
    gaps = [y - x for x, y in zip(b.provider.times, b.provider.times[1:])]
    b.report.check("device: the interval is kept, and slow_down adds 5 s",
                   len(gaps) == 2 and gaps[0] >= 0.9 and gaps[1] >= 5.9, gaps)
    for error, exits, words in (("expired_token", 75, "not entered in time"),
                                ("access_denied", 77, "said no"),
                                ("invalid_grant", 77, "log in again")):
        b.provider.device_script[:] = [error]
        done = b.login("never", "--device")
        b.report.check(f"device: {error} ends it, in words",
                       done.returncode == exits and words in done.stderr, (done.returncode, done.stderr))
    b.provider.device_script.clear()


def client_credentials(b):
    done = b.login("service", "--client-credentials", client="secret-basic")
    b.report.check("client credentials: logged in", done.returncode == 0, done.stderr)
    token, again = b.token("service").stdout, b.token("service", "--renew").stdout
    b.report.check("client credentials: renewed without a refresh token", token != again and again, "")
    done = b.login("service2", "--client-credentials")
    b.report.check("client credentials: a public client is told why not",
                   done.returncode == 78 and "secret" in done.stderr, done.stderr)


def setup(b):
    said = b.oauth("setup", "google")
    b.report.check("setup google: its steps and smallest scope", said.returncode == 0 and "1. " in said.stdout and
                   "https://mail.google.com/" in said.stdout, said.stdout + said.stderr)
    given = ["--ca-file", b.provider.certificate, "--client-id", "public", "--loopback", "--wait", "20s", "--scope",
             "mail.send offline_access", "--browser", browser(b.provider.certificate)]
    said = b.oauth("setup", b.provider.url, *given)
    b.report.check("setup: a trial that goes well", said.returncode == 0 and "went well" in said.stdout,
                   said.stdout + said.stderr)
    b.report.check("setup: its token was revoked, and nothing was kept", len(b.provider.revoked) == 1 and
                   "trial" not in b.oauth("ls").stdout, b.provider.revoked)
    b.provider.granted = "openid"
    said = b.oauth("setup", b.provider.url, *given)
    b.report.check("setup: a token without the scope is refused, with the reason", said.returncode == 1 and
                   "lacks mail.send" in said.stderr, said.stderr)
    done = b.by_browser("poor")
    b.report.check("login: the same, and it is not kept", done.returncode == 77 and
                   "poor" not in b.oauth("ls").stdout, done.stderr)
    b.provider.granted = None
    said = b.oauth("setup", b.provider.url, *given[:2], "--client-id", "stranger", "--device", "--scope", "x")
    b.report.check("setup: a client that is not known", said.returncode == 1 and "client id" in said.stderr,
                   said.stderr)


# ---- renewing ---------------------------------------------------------------------------------

def refresh(b):
    first = b.token("me").stdout
    b.report.equal("a token that is good is not renewed", b.token("me").stdout, first)
    asked = len(b.provider.grants)
    b.provider.life = 5
    b.token("me", "--renew")
    b.provider.life = 3600
    short = b.token("me").stdout
    until(30, lambda: b.token("me").stdout != short)
    b.report.equal("a token is renewed before it ends: two questions, no more", len(b.provider.grants) - asked, 2)
    b.report.equal("each refresh token was used once", b.provider.bad, [])


def at_once(b):
    """Twelve processes find the token over: one of them asks."""
    b.provider.life = 1
    b.token("me", "--renew")
    b.provider.life = 3600
    time.sleep(1.1)
    asked, said = len(b.provider.grants), []
    threads = [threading.Thread(target=lambda: said.append(b.token("me"))) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    b.report.equal("twelve at once: one question", len(b.provider.grants) - asked, 1)
    b.report.equal("twelve at once: one token for all",
                   {(d.returncode, d.stdout) for d in said}, {(0, b.token("me").stdout)})
    b.report.equal("twelve at once: nothing twice", b.provider.bad, [])


def trouble(b):
    good = b.token("me").stdout
    b.provider.refuse = (503, "temporarily_unavailable")
    b.provider.life = 20
    said = b.token("me", "--renew")
    b.report.check("a provider that is down: try again later", said.returncode == 75, said.stderr)
    b.report.equal("the good token is given meanwhile", b.token("me").stdout, good)
    b.report.check("status tells it", "temporarily_unavailable" in b.status("me").get("trouble", ""))
    b.provider.refuse = None
    b.report.check("and it comes back", b.token("me", "--renew").returncode == 0)
    b.provider.refresh.clear()
    b.provider.life = 3600
    said = b.token("me", "--renew")
    b.report.check("invalid_grant: log in again, and how", said.returncode in (65, 78) and
                   "smtptool oauth login me" in said.stderr, (said.returncode, said.stderr))
    b.report.check("status: exit 1, and so it says", b.oauth("status", "me").returncode == 1
                   and b.status("me")["login_again"])
    b.report.check("a new login mends it", b.by_browser("me").returncode == 0 and
                   b.provider.is_good(b.token("me").stdout.strip()))


def sealed(b):
    """Nothing of a token stands in any file, in clear or in base64."""
    token = b.token("me").stdout.strip().encode()
    facts = [t.encode() for t in b.provider.refresh] + [token]
    for root, _, names in os.walk(b.home):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as f:
                raw = f.read()
            mode = os.stat(path).st_mode & 0o777
            if "data" in path:
                b.report.check(f"{name}: nobody else may read it", mode == 0o600, oct(mode))
            b.report.check(f"{name}: no token in it", not any(
                t in raw or base64.b64encode(t)[:-4] in raw for t in facts))


def revoke(b):
    token = b.token("phone").stdout.strip()
    done = b.oauth("revoke", "phone")
    b.report.check("revoke: done", done.returncode == 0, done.stderr)
    b.report.check("revoke: the token is worth nothing", not b.provider.is_good(token))
    b.report.equal("revoke: the refresh token was named", b.provider.revoked[-1][0], "refresh_token")
    b.report.check("revoke: the login is forgotten", "phone" not in b.oauth("ls").stdout)
    said = b.token("phone")
    b.report.check("revoke: and asked for in words", said.returncode == 65 and "no login phone" in said.stderr,
                   said.stderr)


# ---- mail -------------------------------------------------------------------------------------

class TokenSink:
    """An SMTP server with TLS that takes tokens of the provider, in either form, and nothing else."""

    def __init__(self, provider, mechanisms):
        self.certificate, key = make_certificate(folder())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.provider, self.logins, self.answers = provider, [], []
        self.sink = Sink(capabilities=(*CAPABILITIES, "AUTH " + mechanisms), answer=self.answer, tls=context)

    def answer(self, verb, line, session):
        if verb == "MAIL" and not getattr(session, "user", None):
            return "530 5.7.0 Authentication required"
        return self.auth(line.split(), session) if verb == "AUTH" else None

    def auth(self, words, session):
        mechanism = words[1].decode()
        if len(words) < 3:
            session.say("334 ")
            words = [*words, session.file.readline().strip()]
        said = base64.b64decode(words[2]).decode()
        form = r"user=(.*)\1auth=Bearer (.*)\1\1" if mechanism == "XOAUTH2" else \
            r"n,a=(.*?),\1host=[^\1]*\1port=\d+\1auth=Bearer (.*)\1\1"
        found = re.fullmatch(form.replace(r"\1", "\1"), said)
        user, token = found.groups() if found else ("", "")
        if self.provider.is_good(token, user):
            session.user = user
            self.logins.append((mechanism, user, token))
            return "235 2.7.0 Accepted"
        why = {"status": "401" if mechanism == "XOAUTH2" else "invalid_token", "schemes": "Bearer",
               "scope": "mail.send"}
        session.say("334 " + base64.b64encode(json.dumps(why).encode()).decode())
        self.answers.append((mechanism, session.file.readline().strip()))
        return "535-5.7.8 Username and Password not accepted. For more information, go to\r\n" \
               "535 5.7.8  https://support.google.com/mail/?p=BadCredentials - gsmtp"


def send(b, sink, *args):
    return subprocess.run(
        [SMTPTOOL, "-C", b.config, "send", "--server", f"smtp://localhost:{sink.sink.port}", "--ca-file",
         sink.certificate, "--from", USER, "--to", "x@sink.test", "--user", USER, "--secret", "oauth:me", *args,
         "--eml", b.mail], capture_output=True, text=True, timeout=60, env=b.env)


def sending(b):
    for mechanism, empty in (("XOAUTH2", b""), ("OAUTHBEARER", b"AQ==")):
        sink = TokenSink(b.provider, mechanism + " PLAIN LOGIN")
        done = send(b, sink, "-v")
        token = b.token("me").stdout.strip()
        b.report.check(f"{mechanism}: sent", done.returncode == 0 and len(sink.sink.kept()) == 1,
                       done.stderr)
        b.report.equal(f"{mechanism}: the user and his token", sink.logins, [(mechanism, USER, token)])
        b.report.check(f"{mechanism}: the token is shown nowhere", token not in done.stderr + done.stdout)
        facts = b.provider.access.pop(token)
        done = send(b, sink)
        b.report.check(f"{mechanism}: a refused token, with the server's reason in words",
                       done.returncode == 77 and "mail.send" in done.stdout + done.stderr,
                       (done.returncode, done.stdout, done.stderr))
        b.report.equal(f"{mechanism}: the answer to the reason", sink.answers, [(mechanism, empty)])
        b.provider.access[token] = facts


def daemon(b):
    """A route with a login by token: used, renewed and mended without a restart."""
    sink = TokenSink(b.provider, "XOAUTH2 OAUTHBEARER")
    b.provider.life = 5
    server = Server(
        accounts={"post": {"user": USER, "oauth": "post",
                           "servers": [f"smtp://localhost:{sink.sink.port}"]}},
        routes=[{"to": "*", "via": ["account:post"]}], retry=retry_soon())
    os.environ["SSL_CERT_FILE"] = sink.certificate
    done = b.login("post", "--server", "--loopback", "--browser", browser(b.provider.certificate),
                   config=server.file)
    b.report.check("serve: a login of the server's own", done.returncode == 0, done.stderr)
    server.start()
    b.report.on_fail.append(server.show)

    def post():
        with Client(server.relay) as c:
            c.ehlo()
            return c.message(USER, "x@sink.test", MAIL)

    b.report.equal("serve: taken", post().code, 250)
    b.report.equal("serve: delivered by token", len(sink.sink.wait(1)), 1)
    time.sleep(5.5)
    post()
    b.report.equal("serve: a token that has ended is renewed", len(sink.sink.wait(2)), 2)
    b.report.check("serve: with another token", len({t for _, _, t in sink.logins}) >= 2 or
                   len(sink.logins) == 1, sink.logins)
    b.report.equal("serve: each refresh token was used once", b.provider.bad, [])
    b.provider.life = 3600
    server.stop()
    del os.environ["SSL_CERT_FILE"]


def run(b, parts):
    for part in parts:
        try:
            part(b)
        except Exception as e:  # pylint: disable=broad-except
            b.report.check(part.__name__, False, f"{type(e).__name__}: {e}")


def main():
    need_program()
    report = Report()
    b = Bench(report)
    slow = threading.Thread(target=run, args=(Bench(report), (device, revoke)))  # it waits as it is told
    slow.start()
    run(b, (loopback, foreign_requests, client_credentials, setup, refresh, at_once, trouble, sealed, sending,
            daemon))
    slow.join()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
