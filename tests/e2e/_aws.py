"""Secrets Manager, a container's and an instance's credentials: their protocols, signatures checked.

The check of Signature Version 4 is written from AWS's description of it, on its own: whoever signs wrongly
is refused as AWS refuses it.
"""
import base64
import datetime
import email.utils
import hashlib
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from _check import at_end, free_port

KEY_ID, SECRET_KEY = "AKIDEXAMPLE", "mArk3r/of+the+key"
CONTAINER_TOKEN = "mArk3r-container"
SKEW_SECONDS_MAX = 300


def signature(secret_key, request, body, scope, names):
    """What the signature of this request ought to be."""
    def value(name):
        return " ".join(",".join(request.headers.get_all(name, [""])).split())

    path, _, query = request.path.partition("?")
    canonical = "\n".join([request.command, path, query, *(f"{n}:{value(n)}" for n in names), "", ";".join(names),
                           hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", value("x-amz-date"), scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + secret_key.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Aws:
    def __init__(self, region="eu-central-1"):
        self.region = region
        self.secrets = {}  # name: text or bytes
        self.keys = {KEY_ID: (SECRET_KEY, None)}  # id: (secret, token)
        self.throttle, self.ahead_seconds = 0, 0
        self.given, self.calls, self.lock = 0, [], threading.Lock()
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                aws.serve(self, self.rfile.read(int(self.headers.get("Content-Length", "0"))))

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *_):
                pass

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate((timestamp or time.time()) + aws.ahead_seconds, usegmt=True)

        self.port = free_port()
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        at_end(self.stop)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def serve(self, request, body):
        with self.lock:
            self.calls.append(f"{request.command} {request.path}")
            status, answer = self.answer(request, body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        request.send_response(status)  # with Date
        request.send_header("Content-Type", "application/x-amz-json-1.1")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def answer(self, request, body):
        if request.path.startswith("/latest/"):
            return self.instance(request)
        if request.path == "/container":
            if request.headers.get("Authorization") != CONTAINER_TOKEN:
                return 401, {"message": "no"}
            return 200, self.give_keys()
        refused = self.refuse(request, body)
        return refused or self.secret(json.loads(body)["SecretId"])

    # ---- credentials

    def give_keys(self):
        """New ones each time; those of before are over."""
        self.given += 1
        key_id, secret, token = f"ASIA{self.given}", f"mArk3r-session-{self.given}", f"mArk3r-token-{self.given}"
        self.keys = {KEY_ID: (SECRET_KEY, None), key_id: (secret, token)}
        over = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        return {"Code": "Success", "AccessKeyId": key_id, "SecretAccessKey": secret, "Token": token,
                "Expiration": over.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def instance(self, request):
        """IMDSv2: nothing without a token, and that by PUT."""
        if request.path == "/latest/api/token":
            good = request.command == "PUT" and request.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
            return (200, b"mArk3r-imds") if good else (405, b"")
        if request.headers.get("X-aws-ec2-metadata-token") != "mArk3r-imds":
            return 401, b""
        where = request.path.removeprefix("/latest/meta-data/iam/security-credentials/")
        return (200, b"mail-role") if where == "" else (200, self.give_keys()) if where == "mail-role" else (404, b"")

    # ---- Secrets Manager

    def refuse(self, request, body):
        def no(kind, message, status=400):
            return status, {"__type": f"com.amazonaws.secretsmanager#{kind}", "message": message}

        if (request.headers.get("X-Amz-Target") != "secretsmanager.GetSecretValue"
                or request.headers.get("Content-Type") != "application/x-amz-json-1.1"):
            return no("UnknownOperationException", "")
        if self.throttle > 0:
            self.throttle -= 1
            return no("ThrottlingException", "Rate exceeded")
        said = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)",
                            request.headers.get("Authorization", ""))
        if not said:
            return no("IncompleteSignatureException", "")
        key_id, scope, names, given = said.groups()
        when = datetime.datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        ours = datetime.datetime.utcfromtimestamp(time.time() + self.ahead_seconds)
        if abs((ours - when).total_seconds()) > SKEW_SECONDS_MAX:
            return no("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
        if scope != f"{when:%Y%m%d}/{self.region}/secretsmanager/aws4_request":
            return no("InvalidSignatureException", "Credential should be scoped to a valid region.")
        secret, token = self.keys.get(key_id, (None, None))
        if secret is None:
            return no("ExpiredTokenException", "The security token included in the request is expired")
        needed = {"host", "x-amz-date"} | ({"x-amz-security-token"} if token else set())
        if not needed <= set(names.split(";")) or request.headers.get("X-Amz-Security-Token") != token:
            return no("InvalidSignatureException", "a field that must be signed is not")
        if not hmac.compare_digest(given, signature(secret, request, body, scope, names.split(";"))):
            return no("InvalidSignatureException", "The request signature we calculated does not match.")
        return None

    def secret(self, name):
        if name not in self.secrets:
            return 400, {"__type": "ResourceNotFoundException", "Message": "Secrets Manager can't find it."}
        value = self.secrets[name]
        told = {"SecretBinary": base64.b64encode(value).decode()} if isinstance(value, bytes) else {"SecretString": value}
        return 200, {"ARN": f"arn:aws:secretsmanager:{self.region}:1:secret:{name}", "Name": name, "VersionId": "v1", **told}
