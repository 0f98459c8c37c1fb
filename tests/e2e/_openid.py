"""An OpenID provider on loopback, HTTPS with a certificate of its own, and the browser of its user.

It checks what a provider must check, by itself: client and secret, redirect, PKCE (RFC 7636), codes that
work once, refresh tokens that change each time and of which an old one ends the login (RFC 9700
section 4.14.2), device codes (RFC 8628), revocation (RFC 7009), introspection (RFC 7662).
"""
import base64
import hashlib
import json
import os
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from _check import at_end, folder, write
from _server import make_certificate


def random_text(size):
    return base64.urlsafe_b64encode(os.urandom(size)).rstrip(b"=").decode()


class Provider:
    """Clients: "public" without a secret, "secret-form" and "secret-basic" with SECRET."""

    SECRET = "s3cr3t:of the client&more"

    def __init__(self, life=3600, rotate=True):
        self.life, self.rotate = life, rotate
        self.user = "me@our.test"
        self.granted = None     # scopes given in place of those asked for
        self.device_script = [] # what the next questions for a device code hear; then a token
        self.refuse = None      # (status, error) for the token endpoint
        self.codes, self.devices, self.access, self.refresh = {}, {}, {}, {}
        self.grants, self.times, self.revoked, self.bad = [], [], [], []
        self.lock = threading.Lock()
        self.certificate, key = make_certificate(folder())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        provider = self

        class Handler(_Handler):
            def __init__(self, *args):
                self.provider = provider
                super().__init__(*args)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        at_end(self.server.shutdown)

    # ---- what it gives out

    def token(self, user, client, scope, refreshable=True, family=None):
        access, family = "at-" + random_text(24), family or random_text(8)
        scope = self.granted if self.granted is not None else scope
        self.access[access] = {"user": user, "scope": scope, "until": time.time() + self.life,
                               "family": family}
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": self.life,
                  "scope": scope}
        if refreshable:
            fresh = "rt-" + random_text(24)
            self.refresh[fresh] = {"user": user, "client": client, "scope": scope, "used": False,
                                   "family": family}
            answer["refresh_token"] = fresh
        return answer

    def end_family(self, family):
        for kept in (self.access, self.refresh):
            for token in [t for t, facts in kept.items() if facts["family"] == family]:
                del kept[token]

    def is_good(self, access, user=None):
        facts = self.access.get(access)
        return bool(facts and facts["until"] > time.time() and user in (None, facts["user"]))

    # ---- its endpoints; each returns (status, JSON)

    def discovery(self, _):
        url = self.url
        return 200, {"issuer": url, "authorization_endpoint": url + "/authorize",
                     "token_endpoint": url + "/token", "revocation_endpoint": url + "/revoke",
                     "device_authorization_endpoint": url + "/device",
                     "introspection_endpoint": url + "/introspect",
                     "code_challenge_methods_supported": ["S256"],
                     "token_endpoint_auth_methods_supported":
                         ["client_secret_post", "client_secret_basic", "none"]}

    def client_of(self, handler, form):
        """The client's name, or None when its secret is wrong."""
        name, secret = form.get("client_id", ""), form.get("client_secret")
        head = handler.headers.get("Authorization", "")
        if head.startswith("Basic "):
            pair = base64.b64decode(head[6:]).decode()
            name, secret = (urllib.parse.unquote_plus(part) for part in pair.split(":", 1))
        if name == "public":
            return name if secret is None else None
        return name if name.startswith("secret") and secret == self.SECRET else None

    def device(self, handler):
        form = handler.form()
        if form.get("client_id") not in ("public", "secret-form"):
            return 401, {"error": "invalid_client"}
        code = "dc-" + random_text(16)
        self.devices[code] = {"scope": form.get("scope", ""), "client": form["client_id"]}
        return 200, {"device_code": code, "user_code": "WDJB-MJHT", "interval": 1, "expires_in": 60,
                     "verification_uri": self.url + "/enter"}

    def grant(self, handler):
        form = handler.form()
        self.grants.append(form)
        self.times.append(time.monotonic())
        if self.refuse:
            return self.refuse[0], {"error": self.refuse[1]}
        client = self.client_of(handler, form)
        if client is None:
            return 401, {"error": "invalid_client", "error_description": "who are you?"}
        kind = form.get("grant_type", "").rsplit(":", 1)[-1]
        how = {"authorization_code": self.by_code, "refresh_token": self.by_refresh,
               "device_code": self.by_device, "client_credentials": self.by_client}.get(kind)
        return how(client, form) if how else (400, {"error": "unsupported_grant_type"})

    def by_code(self, client, form):
        facts = self.codes.pop(form.get("code"), None)
        verifier = form.get("code_verifier", "")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        if not facts or facts["client"] != client or facts["redirect"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        if len(verifier) < 43 or digest.rstrip(b"=").decode() != facts["challenge"]:
            self.bad.append("PKCE")
            return 400, {"error": "invalid_grant", "error_description": "PKCE"}
        return 200, self.token(self.user, client, facts["scope"])

    def by_refresh(self, client, form):
        facts = self.refresh.get(form.get("refresh_token"))
        if not facts or facts["client"] != client:
            return 400, {"error": "invalid_grant", "error_description": "no such refresh token"}
        if facts["used"]:
            self.bad.append("a refresh token was used twice")
            self.end_family(facts["family"])
            return 400, {"error": "invalid_grant", "error_description": "used twice"}
        facts["used"] = self.rotate
        answer = self.token(facts["user"], client, facts["scope"], self.rotate, facts["family"])
        return 200, answer

    def by_device(self, client, form):
        facts = self.devices.get(form.get("device_code"))
        if not facts or facts["client"] != client:
            return 400, {"error": "invalid_grant"}
        if self.device_script:
            return 400, {"error": self.device_script.pop(0)}
        del self.devices[form["device_code"]]
        return 200, self.token(self.user, client, facts["scope"])

    def by_client(self, client, form):
        if client == "public":
            return 400, {"error": "unauthorized_client"}
        return 200, self.token("service@our.test", client, form.get("scope", ""), False)

    def revoke(self, handler):
        form = handler.form()
        if self.client_of(handler, form) is None:
            return 401, {"error": "invalid_client"}
        self.revoked.append((form.get("token_type_hint"), form.get("token")))
        facts = self.refresh.get(form.get("token")) or self.access.get(form.get("token"))
        if facts:
            self.end_family(facts["family"])
        return 200, {}

    def introspect(self, handler):
        """RFC 7662, as Dovecot asks it: by a form, or with the token behind the URL."""
        token = handler.form().get("token") or handler.query().get("token")
        facts = self.access.get(token)
        if not self.is_good(token):
            return 200, {"active": False}
        return 200, {"active": True, "username": facts["user"], "email": facts["user"],
                     "scope": facts["scope"], "exp": int(facts["until"])}

    def authorize(self, handler):
        """The user has said yes before he was asked: where the browser is to go."""
        q = handler.query()
        back = q.get("redirect_uri", "")
        good = (q.get("response_type") == "code" and q.get("code_challenge_method") == "S256"
                and len(q.get("code_challenge", "")) == 43 and len(q.get("state", "")) >= 32
                and q.get("client_id") in ("public", "secret-form", "secret-basic")
                and back.startswith("http://127.0.0.1:") and back.endswith("/"))
        if not good:
            self.bad.append(f"authorize: {q}")
            return None
        code = "c-" + random_text(16)
        self.codes[code] = {"client": q["client_id"], "redirect": back, "scope": q.get("scope", ""),
                            "challenge": q["code_challenge"]}
        return back + "?" + urllib.parse.urlencode(
            {"code": code, "state": q["state"], "iss": self.url})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider = None

    def log_message(self, *_):
        pass

    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))

    def form(self):
        if not hasattr(self, "body"):
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        return dict(urllib.parse.parse_qsl(self.body))

    def answer(self, status, body, **fields):
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(raw),
                            "Cache-Control": "no-store", "Connection": "close", **fields}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(raw)
        self.close_connection = True

    def do_GET(self):
        p, path = self.provider, urllib.parse.urlsplit(self.path).path
        with p.lock:
            if path == "/.well-known/openid-configuration":
                return self.answer(*p.discovery(self))
            if path == "/introspect":
                return self.answer(*p.introspect(self))
            back = p.authorize(self) if path == "/authorize" else None
        if back:
            return self.answer(302, {}, Location=back)
        return self.answer(400, {"error": "invalid_request"})

    def do_POST(self):
        p, path = self.provider, urllib.parse.urlsplit(self.path).path
        ends = {"/token": p.grant, "/device": p.device, "/revoke": p.revoke,
                "/introspect": p.introspect}
        self.form()
        with p.lock:
            self.answer(*(ends[path](self) if path in ends else (404, {"error": "no"})))


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def where_to(url, ca):
    """Where a provider's page sends the browser."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), _Stay,
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
    try:
        opener.open(url, timeout=20).close()
    except urllib.error.HTTPError as e:
        return e.headers.get("Location")
    return None


def visit(url):
    """(status, page) of a plain page on this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=20) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def browser(ca):
    """A command for --browser: it follows the provider's page back to who asked."""
    path = os.path.join(folder(), "browser.py")
    write(path, f"""import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from _openid import visit, where_to
back = where_to(sys.argv[1], {ca!r})
visit(back) if back else None
""")
    return f"python3 {path}"
