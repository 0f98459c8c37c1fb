"""A Vault of one's own, as far as reading secrets goes: KV engine 2, logins, and all that goes wrong.

    vault = Vault()
    vault.put("secret", "relay", password="one")      # a new version
    vault.sealed = True                               # 503
    vault.throttle = 2                                # the next two requests: 429, Retry-After: 1
"""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from _check import at_end, free_port

ROOT, ROLE_ID, SECRET_ID, ROLE, JWT = "hvs.mArk3r-root", "mArk3r-role", "mArk3r-secret-id", "mail", "mArk3r.jwt.x"


class Vault:
    def __init__(self, namespace=None):
        self.namespace = namespace
        self.versions = {}  # (mount, path): [fields or None when deleted]
        self.tokens = {ROOT: None}  # token: when it is over
        self.sealed, self.throttle, self.lease = False, 0, 3600
        self.requests, self.logins, self.lock = [], 0, threading.Lock()
        vault = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                vault.serve(self, b"")

            def do_POST(self):
                vault.serve(self, self.rfile.read(int(self.headers.get("Content-Length", "0"))))

            def log_message(self, *_):
                pass

        self.port = free_port()
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        at_end(self.stop)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    # ---- what a test does to it

    def put(self, mount, path, **fields):
        with self.lock:
            self.versions.setdefault((mount, path), []).append(fields)

    def delete(self, mount, path):
        with self.lock:
            self.versions[(mount, path)][-1] = None

    def revoke_all(self):
        with self.lock:
            self.tokens = {ROOT: None}

    # ---- what it says

    def serve(self, request, body):
        with self.lock:
            self.requests.append(f"{request.command} {request.path}")
            status, answer, fields = self.answer(request, body)
        data = json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **fields}.items():
            request.send_header(name, str(value))
        request.end_headers()
        request.wfile.write(data)

    def answer(self, request, body):
        if self.throttle > 0:
            self.throttle -= 1
            return 429, {"errors": ["request path \"x\": rate limit quota exceeded"]}, {"Retry-After": "1"}
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}, {}
        if request.headers.get("X-Vault-Namespace") != self.namespace:
            return 404, {"errors": ["no handler for route"]}, {}
        parts = request.path.split("/")
        if request.command == "POST" and parts[2] == "auth" and parts[-1] == "login":
            return self.log_in("/".join(parts[3:-1]), body)
        over = self.tokens.get(request.headers.get("X-Vault-Token"), 0)
        if over is not None and over < time.monotonic():
            return 403, {"errors": ["permission denied"]}, {}
        mount, _, path = request.path[len("/v1/"):].partition("/data/")
        return self.read((mount, path))

    def log_in(self, method, body):
        said = json.loads(body)
        right = {"approle": {"role_id": ROLE_ID, "secret_id": SECRET_ID},
                 "kubernetes": {"role": ROLE, "jwt": JWT}}.get(method)
        if right is None:
            return 404, {"errors": ["no handler for route"]}, {}
        if said != right:
            return 400, {"errors": ["invalid role or secret ID"]}, {}
        self.logins += 1
        token = f"hvs.mArk3r-{self.logins}"
        self.tokens[token] = time.monotonic() + self.lease
        return 200, {"auth": {"client_token": token, "lease_duration": self.lease, "renewable": True}}, {}

    def read(self, where):
        versions = self.versions.get(where)
        if versions is None:
            return 404, {"errors": []}, {}
        gone = versions[-1] is None
        metadata = {"version": len(versions), "destroyed": False,
                    "deletion_time": "2026-11-22T00:00:00Z" if gone else ""}
        return (404 if gone else 200), {"lease_duration": 0, "renewable": False,
                                        "data": {"data": versions[-1], "metadata": metadata}}, {}
