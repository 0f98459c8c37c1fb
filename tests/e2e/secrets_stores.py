"""Secrets out of stores: Vault and AWS Secrets Manager as they speak, by `secret test`, `send` and `serve`.

Sealed, expired, throttled, skewed, deleted; rotated without a restart; down, with the last good value. Then
attack 147 again: what the stores gave stands in no log, event, queue, command line or child's environment.
"""
import base64
import json
import os
import subprocess
import sys

import _aws
import _vault
from _check import SMTPTOOL, Report, need_program, until, write
from _server import Server, retry_soon
from _smtp import Client, Sink

MARK = b"mArk3r"
ARN = "arn:aws:secretsmanager:eu-central-1:1:secret:plain"
HOP_PASSWORDS = {}  # what the next hop takes today, by user


def clean_environment(**more):
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "VAULT_", "CREDENTIALS_"))}
    return {**ours, "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/no/home", **more}


def hop_login(verb, line, session):
    """A next hop that takes the password of the day."""
    if verb == "EHLO":
        return "250-sink.test\r\n250-AUTH PLAIN\r\n250 SIZE 1000000"
    if verb == "AUTH":
        _, user, password = base64.b64decode(line.split()[-1]).decode().split("\0")
        return "235 2.7.0 in" if HOP_PASSWORDS.get(user) == password else "535 5.7.8 no"
    return None


class Tester:
    """`secret test` with a configuration: what it says of a reference, as JSON."""

    def __init__(self, report, folder):
        self.report, self.folder, self.count = report, folder, 0

    def test(self, reference, secrets, **environment):
        self.count += 1
        config = write(os.path.join(self.folder, f"test{self.count}.yaml"),
                       json.dumps({"hostname": "mail.test", "secrets": secrets}))
        done = subprocess.run([SMTPTOOL, "-C", config, "secret", "test", "--json", reference],
                              capture_output=True, timeout=60, env=clean_environment(**environment))
        self.report.check(f"{reference}: the secret is not shown", MARK not in done.stdout + done.stderr, done.stdout)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"ok": None, "why": (done.stdout + done.stderr).decode()}

    def good(self, name, said, size):
        self.report.check(name, said.get("ok") is True and said.get("bytes") == size, said)

    def bad(self, name, said, *words):
        self.report.check(name, said.get("ok") is False and all(w in said["why"] for w in words), said)


def vault_alone(tester, folder):
    vault = _vault.Vault()
    vault.put("secret", "relay", password="old")
    vault.put("secret", "relay", password="mArk3r-1")
    vault.put("kv/mail", "a%20b", only="mArk3r-12")
    where = "vault:secret/relay#password"
    role = write(os.path.join(folder, "role"), _vault.ROLE_ID + "\n", 0o600)
    secret_id = write(os.path.join(folder, "secret-id"), _vault.SECRET_ID + "\n", 0o600)
    jwt = write(os.path.join(folder, "jwt"), _vault.JWT)
    token = {"vault": {"address": vault.url, "token": "env:MY_TOKEN"}}
    approle = {"vault": {"address": vault.url, "auth": "approle", "role_id": f"file:{role}",
                         "secret_id": f"file:{secret_id}"}}
    kubernetes = {"vault": {"address": vault.url, "auth": "kubernetes", "role": "mail", "jwt_file": jwt}}
    said = tester.test(where, token, MY_TOKEN=_vault.ROOT)
    tester.good("Vault: by a token, the newest version", said, 8)
    tester.report.check("Vault: where it comes from", said.get("origin") == f"127.0.0.1:{vault.port}, version 2", said)
    tester.good("Vault: by the variables of its own tools", tester.test(where, {}, VAULT_ADDR=vault.url,
                                                                       VAULT_TOKEN=_vault.ROOT), 8)
    tester.good("Vault: by AppRole", tester.test(where, approle), 8)
    tester.good("Vault: by Kubernetes", tester.test(where, kubernetes), 8)
    mounted = {"vault": {**token["vault"], "mount": "kv/mail"}}
    tester.good("Vault: a mount with a slash, a path with a blank, one field",
                tester.test("vault:kv/mail/a b", mounted, MY_TOKEN=_vault.ROOT), 9)
    vault.throttle = 1
    tester.good("Vault: throttled, then not", tester.test(where, token, MY_TOKEN=_vault.ROOT), 8)
    wrong = {"vault": {**approle["vault"], "secret_id": "env:MY_TOKEN"}}
    tester.bad("Vault: a wrong secret id", tester.test(where, wrong, MY_TOKEN="x"), "400", "invalid role")
    tester.bad("Vault: a token that is over", tester.test(where, token, MY_TOKEN="hvs.x"), "403", "permission denied")
    tester.bad("Vault: no such secret", tester.test("vault:secret/none#x", token, MY_TOKEN=_vault.ROOT), "no such secret")
    tester.bad("Vault: no such field", tester.test("vault:secret/relay#x", token, MY_TOKEN=_vault.ROOT), "no field x")
    vault.delete("secret", "relay")
    tester.bad("Vault: a version that was deleted", tester.test(where, token, MY_TOKEN=_vault.ROOT), "was deleted")
    vault.sealed = True
    tester.bad("Vault: sealed", tester.test(where, token, MY_TOKEN=_vault.ROOT), "503", "sealed")
    inside = _vault.Vault(namespace="team-a")
    inside.put("secret", "relay", password="mArk3r-1")
    named = {"vault": {"address": inside.url, "namespace": "team-a", "token": "env:MY_TOKEN"}}
    tester.good("Vault: in a namespace", tester.test(where, named, MY_TOKEN=_vault.ROOT), 8)
    vault.stop()
    tester.bad("Vault: nobody there", tester.test(where, token, MY_TOKEN=_vault.ROOT), "127.0.0.1")


def aws_alone(tester, folder):
    aws = _aws.Aws()
    aws.secrets = {"mail/relay": '{"password":"mArk3r-123","port":587}', "plain": "mArk3r", "bytes": b"mArk3r\0\xff", ARN: "mArk3r"}
    secrets = {"aws": {"region": aws.region, "endpoint": aws.url}}
    keys = {"AWS_ACCESS_KEY_ID": _aws.KEY_ID, "AWS_SECRET_ACCESS_KEY": _aws.SECRET_KEY}
    where = "aws-sm:mail/relay#password"
    tester.good("AWS: signed, a field", tester.test(where, secrets, **keys), 10)
    tester.good("AWS: all of it", tester.test("aws-sm:plain", secrets, **keys), 6)
    tester.good("AWS: a binary secret", tester.test("aws-sm:bytes", secrets, **keys), 8)
    tester.good("AWS: by its ARN, which says the region", tester.test(
        f"aws-sm:{ARN}", {"aws": {"endpoint": aws.url}}, **keys), 6)
    aws.throttle = 2
    tester.good("AWS: throttled twice, then not", tester.test("aws-sm:plain", secrets, **keys), 6)
    tester.bad("AWS: another key", tester.test("aws-sm:plain", secrets, **{**keys, "AWS_SECRET_ACCESS_KEY": "x"}),
               "InvalidSignatureException")
    tester.bad("AWS: no such secret", tester.test("aws-sm:none", secrets, **keys), "ResourceNotFound")
    tester.bad("AWS: another region", tester.test("aws-sm:plain", {"aws": {"region": "us-east-1", "endpoint": aws.url}},
                                                  **keys), "InvalidSignature")
    for seconds in (3600, -3600):
        aws.ahead_seconds, before = seconds, len(aws.calls)
        tester.good(f"AWS: its clock is {seconds} s ahead", tester.test("aws-sm:plain", secrets, **keys), 6)
        tester.report.equal("AWS: asked twice for that", len(aws.calls) - before, 2)
    aws.ahead_seconds = 0
    shared = write(os.path.join(folder, "credentials"), "[default]\naws_access_key_id = x\n\n[mail]\n"
                   f"aws_access_key_id = {_aws.KEY_ID}\naws_secret_access_key = {_aws.SECRET_KEY}\n", 0o600)
    tester.good("AWS: a profile of the shared file", tester.test(
        "aws-sm:plain", {"aws": {**secrets["aws"], "profile": "mail"}}, AWS_SHARED_CREDENTIALS_FILE=shared), 6)
    os.chmod(shared, 0o644)
    tester.bad("AWS: a shared file that everybody may read", tester.test(
        "aws-sm:plain", {"aws": {**secrets["aws"], "profile": "mail"}}, AWS_SHARED_CREDENTIALS_FILE=shared), "chmod")
    container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": aws.url + "/container",
                 "AWS_CONTAINER_AUTHORIZATION_TOKEN": _aws.CONTAINER_TOKEN}
    tester.good("AWS: a container's credentials, with a session's token", tester.test("aws-sm:plain", secrets, **container), 6)
    tester.bad("AWS: a container's endpoint in clear and far", tester.test(
        "aws-sm:plain", secrets, AWS_CONTAINER_CREDENTIALS_FULL_URI="http://192.0.2.1/container"), "in clear")
    instance = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.url}
    tester.good("AWS: an instance's, by IMDSv2", tester.test("aws-sm:plain", secrets, **instance), 6)
    tester.report.check("AWS: a token by PUT came first", "PUT /latest/api/token" in aws.calls, aws.calls)
    tester.bad("AWS: no credentials", tester.test("aws-sm:plain", secrets), "no credentials")


def send_with(report, vault, sink):
    """One mail by `send`, the password from Vault."""
    HOP_PASSWORDS["sender"] = "mArk3r-send"
    vault.put("secret", "send", p="mArk3r-send")
    config = write(os.path.join(vault.folder, "send.yaml"), json.dumps(
        {"hostname": "mail.test", "secrets": {"vault": {"address": vault.url, "token": "env:MY_TOKEN"}}}))
    done = subprocess.run(
        [SMTPTOOL, "-C", config, "send", "-v", "--server", f"smtp://127.0.0.1:{sink.port}?tls=none", "--user", "sender",
         "--secret", "vault:secret/send#p", "--from", "a@b.test", "--to", "x@sink.test", "--text", "hi"],
        capture_output=True, env=clean_environment(MY_TOKEN=_vault.ROOT), timeout=60)
    report.check("send: the password came from Vault", done.returncode == 0, done.stdout + done.stderr)
    report.check("send: and was not shown", MARK not in done.stdout + done.stderr, done.stderr)


def submit(report, server, sink, name, to):
    before = len(sink.kept())
    with Client(server.relay) as c:
        c.ehlo()
        report.equal(f"{name}: accepted", c.message("a@b.test", to, b"From: a@b.test\r\n\r\nhi\r\n").code, 250)
    report.check(name, len(sink.wait(before + 1)) == before + 1, sink.lines[-6:])


def logged(server, words):
    return until(20, lambda: words in server.stderr())


def reload_now(report, server):
    """Not by a signal, which says nothing when it is done."""
    done = server.tool("config", "reload")
    report.equal("serve: reloaded", done.returncode, 0)


def live(report, vault, aws, server, sink):
    """One server through a day of both stores."""
    HOP_PASSWORDS.update({"by-vault": "mArk3r-v1", "by-aws": "mArk3r-a1"})
    submit(report, server, sink, "serve: a password from Vault", "x@vault.test")
    submit(report, server, sink, "serve: a password from AWS", "x@aws.test")
    asked = len(vault.requests)
    submit(report, server, sink, "serve: kept", "x@vault.test")
    report.equal("serve: Vault was not asked again", len(vault.requests), asked)

    vault.put("secret", "relay", password="mArk3r-v2") # rotated, and our token is over
    vault.revoke_all()
    aws.secrets["mail/relay"] = '{"password":"mArk3r-a2"}'
    HOP_PASSWORDS.update({"by-vault": "mArk3r-v2", "by-aws": "mArk3r-a2"})
    logins = vault.logins
    submit(report, server, sink, "serve: rotated in Vault, without a restart", "x@vault.test")
    report.equal("serve: logged in anew for that", vault.logins, logins + 1)
    submit(report, server, sink, "serve: rotated in AWS, without a restart", "x@aws.test")

    vault.sealed = True
    aws.throttle = 1000
    asked = len(vault.requests)
    reload_now(report, server) # asks anew
    submit(report, server, sink, "serve: Vault is sealed, the last good value", "x@vault.test")
    report.check("serve: it was asked", until(20, lambda: len(vault.requests) > asked), vault.requests[-3:])
    report.check("serve: and the log says so", logged(server, "is used until it can be asked"), server.stderr()[-800:])
    submit(report, server, sink, "serve: AWS throttles, the last good value", "x@aws.test")
    vault.sealed, aws.throttle = False, 0
    reload_now(report, server)
    submit(report, server, sink, "serve: Vault is back", "x@vault.test")
    report.check("serve: and the log says so", logged(server, "secret vault:secret/relay#password can be asked again"),
                 server.stderr()[-800:])


def search(report, server):
    for pid in (server.process.pid, *server.children()):
        for name in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    text = f.read()
            except OSError: # hidden, as it should be from all but root
                continue
            report.check(f"attack 147: no secret in /proc/PID/{name}", MARK not in text)
        with open(f"/proc/{pid}/limits") as f:
            core = next(line for line in f if line.startswith("Max core file size")).split()[4:6]
        report.equal("attack 147: no core file", core, ["0", "0"])
    seen = 0
    for where, _, names in os.walk(server.folder):
        for name in names:
            path = os.path.join(where, name)
            if path in server.given:
                continue
            try:
                with open(path, "rb") as f:
                    text = f.read()
            except OSError: # a socket
                continue
            seen += 1
            found = MARK in text or base64.b64encode(b"\0" + MARK)[:8] in text
            report.check(f"attack 147: no secret in {name}", not found, path)
    report.check("attack 147: something was searched", seen > 5, seen)
    with open(os.path.join(server.folder, "child-environment"), "rb") as f:
        child = f.read()
    report.check("attack 147: a program's environment has other variables", b"PATH=" in child, child)
    report.check("attack 147: but no secret's", b"SIDE_SECRET" not in child, child)


def main():
    need_program()
    report, sink = Report(), Sink(answer=hop_login)
    server = Server(retry=retry_soon(), outbound={"messages_per_connection": 1})
    vault, aws = _vault.Vault(), _aws.Aws()
    vault.folder = server.folder
    tester = Tester(report, server.folder)
    vault_alone(tester, server.folder)
    aws_alone(tester, server.folder)
    send_with(report, vault, sink)

    vault.put("secret", "relay", password="mArk3r-v1")
    aws.secrets = {"mail/relay": '{"password":"mArk3r-a1"}'}
    role, secret_id = (os.path.join(server.folder, n) for n in ("role", "secret-id"))
    keys = write(os.path.join(server.folder, "credentials"), "[default]\n"
                 f"aws_access_key_id = {_aws.KEY_ID}\naws_secret_access_key = {_aws.SECRET_KEY}\n", 0o600)
    child = os.path.join(server.folder, "child-environment")
    server.given = {role, secret_id, keys, os.path.join(server.folder, "jwt")}
    via = [f"smtp://127.0.0.1:{sink.port}?tls=none"]
    server.config.update({
        "secrets": {"vault": {"address": vault.url, "auth": "approle", "role_id": f"file:{role}",
                              "secret_id": f"file:{secret_id}"},
                    "aws": {"region": aws.region, "endpoint": aws.url}},
        "accounts": {"vault": {"user": "by-vault", "secret": "vault:secret/relay#password"},
                     "aws": {"user": "by-aws", "secret": "aws-sm:mail/relay#password"},
                     "program": {"user": "by-program", "secret": f"command:sh -c 'env > {child}; echo side'"},
                     "side": {"user": "side", "secret": "env:SIDE_SECRET"}},
        "routes": [{"to": f"{name}.test", "via": via, "account": name}
                   for name in ("vault", "aws", "program")]})
    server.save()
    report.on_fail.append(server.show)
    for name in [n for n in os.environ if n.startswith(("AWS_", "VAULT_"))]:
        del os.environ[name]
    os.environ.update({"AWS_SHARED_CREDENTIALS_FILE": keys, "AWS_EC2_METADATA_DISABLED": "true", "SIDE_SECRET": "x"})
    HOP_PASSWORDS["by-program"] = "side"
    server.start()
    live(report, vault, aws, server, sink)
    submit(report, server, sink, "serve: a password from a program", "x@program.test")
    search(report, server)
    report.equal("SIGTERM", server.stop(), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
