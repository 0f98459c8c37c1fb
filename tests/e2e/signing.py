"""Mail leaves signed: keys by `smtptool domain add`, both signatures checked here with openssl alone, by
RFC 6376 and 8463; mail that came in by MX is left as it is; new keys on reload; broken keys stop it."""
import base64
import hashlib
import os
import re
import subprocess
import sys

from _check import Report, need_program, until, write
from _server import Server, route
from _smtp import Client, Sink

CONTENT = (b"From: Alice <a@test.example>\r\nTo: b@elsewhere.test\r\nSubject: a  folded\r\n\tsubject\r\n"
           b"Date: Sat, 21 Nov 2026 08:48:16 +0000\r\nMessage-ID: <1@test.example>\r\n\r\n"
           b"Hello  there \r\n.a dot\r\n\r\n\r\n")


def fields_of(header):
    """(name in lower case, the whole field) for each, in order."""
    found = []
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            found[-1] += b"\r\n" + line
        elif line:
            found.append(line)
    return [(f.split(b":", 1)[0].strip().lower(), f) for f in found]


def relaxed_field(field):
    name, value = field.split(b":", 1)
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()
    return name.strip().lower() + b":" + value


def relaxed_body(body):
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    text = b"\r\n".join(lines).rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


def tags_of(field):
    text = re.sub(rb"\s+", b"", field.split(b":", 1)[1]).decode()
    return dict(tag.split("=", 1) for tag in text.split(";") if tag)


def signed_data(fields, signature, tags):
    left, out = list(fields), b""
    for name in tags["h"].lower().encode().split(b":"):
        for place in range(len(left) - 1, -1, -1):
            if left[place][0] == name:
                out += relaxed_field(left.pop(place)[1]) + b"\r\n"
                break
    return out + re.sub(rb"(;\s*b=)[^;]*", rb"\1", relaxed_field(signature))


def verify(server, domain, content):
    """The algorithms whose signatures hold."""
    header, body = content.split(b"\r\n\r\n", 1)
    fields, good = fields_of(header + b"\r\n"), []
    for place, (name, field) in enumerate(fields):
        if name != b"dkim-signature":
            continue
        tags = tags_of(field)
        if base64.b64decode(tags["bh"]) != hashlib.sha256(relaxed_body(body)).digest():
            continue
        data = signed_data(fields[:place] + fields[place + 1:], field, tags)
        if check_signature(server, domain, tags, data):
            good.append(tags["a"])
    return sorted(good)


def check_signature(server, domain, tags, data):
    key = os.path.join(server.state, "dkim", domain, tags["s"] + ".pem")
    rsa = tags["a"] == "rsa-sha256"
    names = [os.path.join(server.folder, n) for n in ("public.pem", "signature", "data")]
    public, signature, signed = names
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    for path, content in ((signature, base64.b64decode(tags["b"])),
                          (signed, data if rsa else hashlib.sha256(data).digest())):
        with open(path, "wb") as file:
            file.write(content)
    command = (["openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, signed] if rsa
               else ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin",
                     "-sigfile", signature, "-in", signed])
    return tags["d"] == domain and subprocess.run(command, capture_output=True).returncode == 0


BOTH = ["ed25519-sha256", "rsa-sha256"]


def send(port, sink, sender, rcpt, content):
    """What the sink has of it."""
    before = len(sink.kept())
    with Client(port) as c:
        c.ehlo()
        code = c.message(sender, rcpt, content)
    got = sink.wait(before + 1)
    return got[-1].data if len(got) > before else f"nothing came: {code}".encode()


def check_signed(report, server, sink, mode):
    got = send(server.relay, sink, "a@test.example", "b@elsewhere.test", CONTENT)
    report.equal(f"{mode}: relayed mail has both signatures", verify(server, "test.example", got), BOTH)
    report.equal(f"{mode}: a changed body has none",
                 verify(server, "test.example", got.replace(b"Hello", b"Hallo")), [])
    other = send(server.relay, sink, "a@other.example", "b@elsewhere.test",
                 CONTENT.replace(b"test.example", b"other.example"))
    report.check(f"{mode}: no key, no signature", b"DKIM-Signature" not in other, other)
    by_mx = send(server.mx, sink, "a@test.example", "b@here.test", CONTENT)
    report.check(f"{mode}: what came by MX is not ours to sign",
                 b"Hello" in by_mx and b"DKIM-Signature" not in by_mx, by_mx)


def check_reload(report, server, sink):
    server.tool("domain", "add", "second.example")
    done = server.tool("config", "reload")
    report.equal("reload with new keys", done.returncode, 0)
    got = send(server.relay, sink, "a@second.example", "b@elsewhere.test",
               CONTENT.replace(b"test.example", b"second.example"))
    report.equal("they sign", verify(server, "second.example", got), BOTH)
    broken = write(os.path.join(server.state, "dkim", "second.example", "x.pem"), "no key\n", 0o600)
    done = server.tool("config", "reload")
    report.equal("a broken key is refused", done.returncode, 78)
    report.check("and it is said why", b"the key x of second.example" in done.stderr, done.stderr)
    report.check("in the log, too", "the key x of second.example" in server.stderr(), server.stderr())
    until(10, lambda: server.events("config_refused"))
    report.equal("it is one event", len(server.events("config_refused")), 1)
    got = send(server.relay, sink, "a@test.example", "b@elsewhere.test", CONTENT)
    report.equal("the old ones go on", verify(server, "test.example", got), BOTH)
    return broken


def check_refused_start(report, server, broken):
    done = server.tool("serve")
    report.check("a broken key stops the start",
                 done.returncode != 0 and b"the key x of second.example" in done.stderr, done)
    os.remove(broken)
    key = next(os.scandir(os.path.join(server.state, "dkim", "test.example"))).path
    os.chmod(key, 0o604)
    done = server.tool("serve")
    report.check("a key that everybody may read stops the start",
                 done.returncode != 0 and b"every user may read" in done.stderr, done)
    os.chmod(key, 0o600)


def main():
    need_program()
    report, sink = Report(), Sink()
    server = Server(routes=[route("*", sink.port)], domains={
        "test.example": {}, "bare.example": {},
        "here.test": {"deliver": f"smtp://127.0.0.1:{sink.port}?tls=none", "recipients": ["b"]}})
    report.on_fail.append(server.show)
    records = server.tool("domain", "add", "test.example")
    zone = write(os.path.join(server.folder, "zone.txt"), records.stdout.decode())
    report.equal("domain check on its own records",
                 server.tool("domain", "check", "test.example", "--dns-zone", zone).returncode, 0)
    report.equal("domain check on others",
                 server.tool("domain", "check", "bare.example", "--dns-zone", zone).returncode, 1)
    server.start()
    log = server.stderr()
    report.check("a domain without a key is told", "bare.example leaves unsigned" in log, log)
    report.check("one with keys is not", "test.example leaves" not in log, log)
    check_signed(report, server, sink, "two processes")
    broken = check_reload(report, server, sink)
    server.stop()
    check_refused_start(report, server, broken)
    server.start(wrapper=["sh", "-c", 'exec "$@" --one-process', "sh"])
    check_signed(report, server, sink, "one process")
    write(broken, "no key\n", 0o600)
    done = server.tool("config", "reload")
    report.check("one process: a broken key is refused",
                 done.returncode == 78 and b"the key x of second.example" in done.stderr, done)
    server.stop()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
