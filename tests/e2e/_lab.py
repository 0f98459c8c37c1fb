"""A small Internet in a network namespace of its own: a signed root zone behind a real unbound, a web server, and
real mail servers on port 25 of public addresses. What the program trusts (the root key, the roots of certificates)
is replaced there by bind mounts, so nothing of the machine is touched and nothing goes out.

    enter()                   # runs the script again inside; returns there
    zones = Zones(...); ...
"""
import http.server
import os
import pwd
import ssl
import subprocess
import sys
import threading

from _check import PROJECT, at_end, folder, port_answers, skip_all, tool, until, write
from _peers import Postfix

NAME_SERVER = "11.0.0.53"
INSIDE = "SMTPTOOL_LAB_INSIDE"
START_SECONDS_MAX = 30


def run(*command, where=None):
    done = subprocess.run(command, capture_output=True, cwd=where, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()[-600:]}")
    return done.stdout.decode()


SIGNED = ("unbound", "ldns-signzone", "ldns-keygen", "ldns-key2ds", "openssl") # what Zones needs


def enter(needs=SIGNED):
    """In namespaces of its own, with what is mounted there seen by nobody else."""
    name = os.path.basename(sys.argv[0])
    if os.environ.get(INSIDE) == "1":
        return
    for program in ("unshare", "ip", "mount", *needs):
        if not tool(program):
            skip_all(name, f"{program} is not installed")
    if os.geteuid() != 0:
        skip_all(name, "real mail servers must be started by root")
    into = [tool("unshare"), "--net", "--mount", "--propagation", "private"]
    if subprocess.run([*into, "true"], capture_output=True).returncode != 0:
        skip_all(name, "this machine permits no namespaces")
    os.execvpe(into[0], [*into, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


def make_network(addresses):
    run(tool("ip"), "link", "set", "lo", "up")
    for address in (NAME_SERVER, *addresses):
        run(tool("ip"), "address", "add", f"{address}/32", "dev", "lo")


def put_in_place_of(path, mine):
    run(tool("mount"), "--bind", mine, path)


def start(report_name, command, answers, **more):
    """A daemon in the foreground, until the end."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)

    def stop():
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    at_end(stop)
    if not until(START_SECONDS_MAX, lambda: process.poll() is not None or answers()) or process.poll() is not None:
        raise RuntimeError(f"{report_name} does not start")
    return process


# ---- the DNS ---------------------------------------------------------------------------------

SOA = "3600 IN SOA ns. ops. 1 3600 600 86400 300"


class Zones:
    """The root, signed; "plain.", which is not; "bogus.", whose records are changed behind the signature."""

    def __init__(self, root, plain, bogus, spoil):
        self.folder = folder()
        key, bogus_key = self.make_key("."), self.make_key("bogus.")
        ds = run(tool("ldns-key2ds"), "-n", "-2", f"{bogus_key}.key", where=self.folder).strip()
        head = f". {SOA}\n. NS ns.\nns. A {NAME_SERVER}\nplain. NS ns.\nbogus. NS ns.\n{ds}\n"
        self.sign(".", "root", head + root, key)
        self.sign("bogus.", "bogus", f"bogus. {SOA}\nbogus. NS ns.\n{bogus}", bogus_key)
        self.spoil("bogus", *spoil)
        write(self.path("plain"), f"plain. {SOA}\nplain. NS ns.\n{plain}")
        with open(self.path(f"{key}.key"), encoding="ascii") as f:
            anchor = f.read()
        put_in_place_of("/usr/share/dns/root.key", write(self.path("root.key"), anchor))

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_key(self, name):
        return run(tool("ldns-keygen"), "-a", "ECDSAP256SHA256", "-k", name, where=self.folder).strip()

    def sign(self, origin, name, text, key):
        write(self.path(f"{name}.unsigned"), text)
        run(tool("ldns-signzone"), "-o", origin, "-f", self.path(name), self.path(f"{name}.unsigned"), key,
            where=self.folder)

    def spoil(self, name, before, after):
        with open(self.path(name), encoding="ascii") as f:
            text = f.read()
        if before not in text:
            raise RuntimeError(f"{before} is not in the zone")
        write(self.path(name), text.replace(before, after))

    def serve(self):
        zones = "".join(f"""auth-zone:
  name: "{name}"
  zonefile: "{self.path(file)}"
  for-downstream: yes
  for-upstream: no
  fallback-enabled: no
""" for name, file in ((".", "root"), ("plain.", "plain"), ("bogus.", "bogus")))
        config = write(self.path("unbound.conf"), f"""server:
  interface: {NAME_SERVER}
  access-control: 0.0.0.0/0 allow
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  chroot: ""
  username: ""
  directory: "{self.folder}"
  pidfile: "{self.path('pid')}"
  module-config: "iterator"
remote-control:
  control-enable: no
{zones}""")
        with open(self.path("log"), "wb") as log:
            start("unbound", [tool("unbound"), "-d", "-c", config], lambda: port_answers(53, NAME_SERVER),
                  stdout=log, stderr=log)


# ---- certificates ----------------------------------------------------------------------------

class Authority:
    """Our own, which everything in the namespace trusts."""

    def __init__(self):
        self.folder = folder()
        self.certificate = os.path.join(self.folder, "ca.pem")
        self.count = 0
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60",
                     "-subj", "/CN=lab", "-keyout", "ca.key", "-out", "ca.pem")
        roots = folder()
        digest = self.openssl("x509", "-noout", "-hash", "-in", "ca.pem").strip()
        with open(self.certificate, "rb") as f:
            content = f.read()
        write(os.path.join(roots, "ca-certificates.crt"), content)
        write(os.path.join(roots, f"{digest}.0"), content)
        put_in_place_of("/etc/ssl/certs", roots)

    def openssl(self, *args):
        return run(tool("openssl"), *args, where=self.folder)

    def certify(self, *names):
        """Paths of a certificate for these names, and of its key."""
        self.count += 1
        base = f"server{self.count}"
        extensions = write(os.path.join(self.folder, f"{base}.ext"),
                           "subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=server",
                     "-keyout", f"{base}.key", "-out", f"{base}.csr")
        self.openssl("x509", "-req", "-in", f"{base}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "60", "-extfile", extensions, "-out", f"{base}.crt")
        os.chmod(os.path.join(self.folder, f"{base}.key"), 0o644)
        return os.path.join(self.folder, f"{base}.crt"), os.path.join(self.folder, f"{base}.key")

    def tlsa(self, certificate):
        """The data of a "3 1 1" record."""
        public = subprocess.run([tool("openssl"), "x509", "-in", certificate, "-noout", "-pubkey"],
                                capture_output=True, check=True).stdout
        der = subprocess.run([tool("openssl"), "pkey", "-pubin", "-outform", "DER"], input=public,
                             capture_output=True, check=True).stdout
        digest = subprocess.run([tool("openssl"), "dgst", "-sha256", "-r"], input=der, capture_output=True,
                                check=True).stdout
        return digest.decode().split()[0]


# ---- the web ---------------------------------------------------------------------------------

class Web:
    """Policies by host, and what was posted."""

    def __init__(self, address, certificate, key, policies):
        self.posts = []
        posts = self.posts

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=b""):
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):  # pylint: disable=invalid-name
                host = self.headers["Host"].split(":")[0]
                policy = policies.get(host) if self.path == "/.well-known/mta-sts.txt" else None
                self.answer(200 if policy else 404, (policy or "").encode())

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append((self.headers["Content-Type"], body))
                self.answer(201)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer((address, 443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        at_end(self.server.shutdown)


# ---- mail servers ----------------------------------------------------------------------------

class RemotePostfix(Postfix):
    """Takes everything and throws it away; with a certificate it offers STARTTLS."""

    def __init__(self, address, certificate=None, key=None):  # pylint: disable=super-init-not-called
        root = self.root = folder()
        self.etc, self.log = os.path.join(root, "etc"), os.path.join(root, "log", "maillog")
        for name in ("etc", "spool", "data", "log"):
            os.mkdir(os.path.join(root, name))
        os.chown(os.path.join(root, "data"), pwd.getpwnam("postfix").pw_uid, -1)
        self.address, self.port = address, 25
        write(self.log, b"")
        write(os.path.join(self.etc, "master.cf"), self.services().replace("127.0.0.1:25", f"{address}:25"))
        tls = (f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {certificate}\n"
               f"smtpd_tls_key_file = {key}\n" if certificate else "smtpd_tls_security_level = none\n")
        settings = self.settings(9).replace("mynetworks = 127.0.0.0/8", "mynetworks = 0.0.0.0/0")
        settings = settings.replace("inet_interfaces = 127.0.0.1", f"inet_interfaces = {address}")
        write(os.path.join(self.etc, "main.cf"),
              settings.replace("relayhost = [127.0.0.1]:9\n", "default_transport = discard\n") + tls)
        done = subprocess.run([tool("postfix"), "-c", self.etc, "start"], capture_output=True, timeout=60)
        at_end(self.stop)
        if done.returncode != 0 or not until(15, lambda: port_answers(25, address)):
            raise RuntimeError((done.stderr + self.last_words()).decode("latin1")[-300:])


def find_exim():
    """Installed, or unpacked beside the build by tools/unpack (it cannot be installed beside Postfix)."""
    path = tool("exim4") or os.path.join(PROJECT, "build-unpacked", "usr", "sbin", "exim4")
    if not os.access(path, os.X_OK):
        return None
    linked = subprocess.run([tool("ldd"), path], capture_output=True)
    return None if b"not found" in linked.stdout else path


class RemoteExim:
    """Takes everything and throws it away, over STARTTLS."""

    def __init__(self, address, certificate, key):
        self.root = folder()
        os.chmod(self.root, 0o777)
        self.lend_it_a_user()
        config = write(os.path.join(self.root, "exim.conf"), f"""primary_hostname = exim.lab
spool_directory = {self.root}/spool
log_file_path = {self.root}/log-%slog
pid_file_path = {self.root}/pid
local_interfaces = {address}
daemon_smtp_ports = 25
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
host_lookup =
rfc1413_hosts =
acl_smtp_rcpt = take
acl_smtp_data = drop_it
begin acl
take:
  accept
drop_it:
  discard
begin routers
begin transports
begin retry
begin rewrite
""")
        os.mkdir(os.path.join(self.root, "spool"))
        os.chmod(os.path.join(self.root, "spool"), 0o777)
        with open(os.path.join(self.root, "output"), "wb") as log:
            start("Exim", [find_exim(), "-C", config, "-bdf"], lambda: port_answers(25, address), stdout=log,
                  stderr=log)

    def lend_it_a_user(self):
        """Debian's is compiled for a user that only its package makes."""
        try:
            pwd.getpwnam("Debian-exim")
            return
        except KeyError:
            pass
        for path, line in (("/etc/passwd", "Debian-exim:x:64999:64999::/nonexistent:/usr/sbin/nologin\n"),
                           ("/etc/group", "Debian-exim:x:64999:\n")):
            with open(path, encoding="utf-8") as f:
                mine = write(os.path.join(self.root, os.path.basename(path)), f.read() + line)
            put_in_place_of(path, mine)
