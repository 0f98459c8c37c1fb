"""libsmtptool and its bindings as a stranger uses them: what is installed, the examples compiled with pkg-config,
Python by ctypes and Node, against our server over TLS with a CA of the test, and the attacks 48 to 53 through each.
"""
import base64
import email
import email.policy
import glob
import json
import os
import re
import subprocess
import sys
import threading

from _check import PROJECT, SMTPTOOL, Report, folder, need_program, tool, until, write
from _server import Server, route
from _smtp import Sink

BUILD = os.path.dirname(os.path.abspath(SMTPTOOL))
LIBRARY = os.path.join(BUILD, "libsmtptool.so.0")
SECRET = "Zq7-s3cret-w0rd"
FILE = b"content of the file\n"
EVIL = "evil@injected.test"
LINE_ENDS = ("\r\n", "\n", "\r")
MAY_NEED = {"libssl.so.3", "libcrypto.so.3", "libidn2.so.0", "libunbound.so.8", "libjansson.so.4", "libc.so.6",
            "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def run(*command, **more):
    return subprocess.run(command, capture_output=True, timeout=60, **more)


# ---- what is installed ------------------------------------------------------------------------

def installed(report):
    """Into a folder of its own; returns the root, with the environment to compile and run there."""
    root = folder()
    done = run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
    report.check("meson install", done.returncode == 0, done.stderr.decode())
    for name in ("include/smtptool.h", "bin/smtptool", "share/man/man3/smtptool.3", "share/man/man1/smtptool-send.1"):
        report.check(f"installed: {name}", os.path.isfile(f"{root}/usr/local/{name}"))
    config = glob.glob(f"{root}/usr/local/lib/**/libsmtptool.pc", recursive=True)
    if not report.equal("one libsmtptool.pc", len(config), 1):
        return None
    libraries = os.path.dirname(os.path.dirname(config[0]))
    report.check("installed: the library and its links", all(
        os.path.exists(f"{libraries}/libsmtptool.so{end}") for end in ("", ".0")))
    return libraries, {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(config[0]),
                       "PKG_CONFIG_SYSROOT_DIR": root, "LD_LIBRARY_PATH": libraries}


def symbols(report, library):
    """Only what the header declares, each with the version; and few libraries beside it."""
    with open(f"{PROJECT}/src/lib/smtptool.h", encoding="utf-8") as f:
        code = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    declared = set(re.findall(r"\b(smtptool_\w+)\(", code)) - {"smtptool_watch"}
    shown = set(run("nm", "-D", "--defined-only", library).stdout.decode().split()[2::3])
    report.equal("symbols are those of the header",
                 {s.split("@")[0] for s in shown} - {"SMTPTOOL_0"}, declared)
    report.check("each symbol has its version", all("@@SMTPTOOL_0" in s for s in shown if s != "SMTPTOOL_0"), shown)
    dynamic = run("readelf", "-d", library).stdout.decode()
    report.check("soname", "[libsmtptool.so.0]" in dynamic, dynamic)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    report.check("needs little", needed <= MAY_NEED, needed)


def compiled(report, environment):
    """The examples in strict C99 as pkg-config says, and the header in C++; returns their folder."""
    out = folder()
    words = run("pkg-config", "--cflags", "--libs", "libsmtptool", env=environment).stdout.decode().split()
    report.check("pkg-config", "-lsmtptool" in words, words)
    for name in ("send", "newsletter"):
        done = run("cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", f"{PROJECT}/examples/{name}.c",
                   *words, "-o", f"{out}/{name}", env=environment)
        report.check(f"example {name} compiles", done.returncode == 0, done.stderr.decode())
    if tool("clang"):
        done = run("clang", "-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                   f"{PROJECT}/src/lib/smtptool.h", "-Wno-pragma-once-outside-header")
        report.check("the header is C++, too", done.returncode == 0, done.stderr.decode())
    return out


# ---- the examples -----------------------------------------------------------------------------

def examples(report, out, environment, server, sink):
    environment = {**environment, "MAIL_PASSWORD": SECRET}
    url = f"smtp://localhost:{server.submission}"
    done = run(f"{out}/send", url, "tester", "a@our.test", "c@far.test", server.certificate, env=environment,
               input=FILE)
    report.check("send.c sends", done.returncode == 0 and b"c@far.test: ok 250" in done.stdout, done)
    kept = sink.wait(1)
    report.check("send.c: it arrived with its file", len(kept) == 1 and base64.b64encode(FILE) in kept[0].data,
                 [m.data for m in kept])
    done = run(f"{out}/send", url, "tester", "a@our.test", "c@far.test", env=environment, input=b"x")
    report.check("send.c: a server nobody vouches for", done.returncode != 0 and b"no_channel" in done.stderr
                 and SECRET.encode() not in done.stdout + done.stderr, done)
    sink.clear()
    key = os.path.join(out, "key.pem")
    report.equal("a key", run(SMTPTOOL, "dkim", "keygen", "--out", key).returncode, 0)
    done = run(f"{out}/newsletter", f"smtp://127.0.0.1:{sink.port}?tls=none", "news@our.test", "our.test", "s1", key,
               "ann@far.test", "Ann", "bob@far.test", "<b>Bob</b> & Co", env=environment)
    report.check("newsletter.c sends", done.returncode == 0 and done.stdout == b"2 sent\n", done)
    kept = sorted(sink.wait(2), key=lambda m: m.recipients)
    bodies = [m.data for m in kept]
    report.check("newsletter.c: markup in a name stays text",
                 len(bodies) == 2 and b"Dear &lt;b&gt;Bob&lt;/b&gt; &amp; Co" in bodies[1], bodies)
    record = run(SMTPTOOL, "dkim", "dns", "--key", key, "--domain", "our.test", "--selector", "s1").stdout
    zone = write(os.path.join(out, "zone"), record)
    for content in bodies:
        mail = write(os.path.join(out, "mail"), content)
        done = run(SMTPTOOL, "dkim", "verify", "--dns-zone", zone, mail)
        report.check("newsletter.c: the signature holds", done.returncode == 0, done)
    sink.clear()


# ---- Python -----------------------------------------------------------------------------------

def import_binding():
    os.environ["SMTPTOOL_LIBRARY"] = LIBRARY
    sys.path.insert(0, f"{PROJECT}/bindings/python")
    import smtptool # pylint: disable=import-outside-toplevel,import-error
    return smtptool


def raises(report, name, kind, act):
    """It does, with that kind and without the secret; returns the exception."""
    smtptool = import_binding()
    try:
        act()
    except smtptool.Error as e:
        report.check(name, e.kind == kind, f"got {e.kind}: {e.text}")
        report.check(f"{name}: no secret in it", SECRET not in repr((e.args, e.text, e.kind, vars(e))))
        return e
    report.check(name, False, "nothing was raised")
    return None


def python_sends(report, server, sink):
    smtptool = import_binding()
    heard = []
    for url in (f"smtp://localhost:{server.submission}", f"smtps://127.0.0.1:{server.tls}"):
        message = smtptool.Message("Älice <a@our.test>", ["b@far.test", "Cé <c@far.test>"], bcc="d@far.test",
                                   subject="Grüße", text="Does it arrive?\n", html="<p>Does it?</p>",
                                   headers={"X-Job": "7"})
        message.attach(b"\0\1\2", "data.bin")
        with smtptool.Client(url, "tester", SECRET, ca_file=server.certificate,
                             watch=lambda mark, line: heard.append((mark, line))) as client:
            result = client.send(message)
        report.check(f"Python over {url[:5]}: verdicts", [r.kind for r in result.recipients] == ["ok"] * 3
                     and result.tls.startswith("TLSv1.") and result.attempts == 1, result.recipients)
        arrived = [m for m in sink.wait(1) if result.message_id.encode() in m.data]
        reached = lambda: sorted(r for m in sink.kept() if result.message_id.encode() in m.data for r in m.recipients)
        report.check(f"Python over {url[:5]}: all are reached", until(20, lambda: len(reached()) == 3), reached())
        report.check(f"Python over {url[:5]}: no Bcc", all(b"\r\nBcc" not in m.data for m in arrived), arrived)
        sink.clear()
    report.check("the watcher hears, and no secret", ("->", "EHLO") in [(m, l[:4]) for m, l in heard]
                 and SECRET not in repr(heard), heard)
    raw = b"From: a@our.test\nTo: b@far.test\nSubject: whole\n\n.dot\nFrom here\n"
    with smtptool.Client(f"smtp://127.0.0.1:{sink.port}?tls=none") as client:
        client.send(smtptool.Message.raw(raw), sender="", recipients=["x@far.test"])
    kept = sink.wait(1)
    report.check("a whole message, a sender that is null", kept and kept[0].sender == "" and
                 kept[0].recipients == ["x@far.test"] and kept[0].data == raw.replace(b"\n", b"\r\n"), kept)
    sink.clear()


def python_fails(report, server):
    smtptool = import_binding()
    hello = lambda: smtptool.Message("a@our.test", "b@far.test", subject="x", text="x")
    url = f"smtp://localhost:{server.submission}"
    client = lambda url=url, **more: smtptool.Client(url, **{"ca_file": server.certificate, **more})
    e = raises(report, "a wrong password", "no_login",
               lambda: client(user="tester", password=SECRET + "x").send(hello()))
    report.check("a wrong password: its reply", e and (e.code, e.enhanced) == (535, "5.7.8")
                 and isinstance(e, smtptool.NoLogin) and e.result.recipients[0].kind == "no_login", e and vars(e))
    raises(report, "a CA that did not sign", "no_channel",
           lambda: smtptool.Client(url, "tester", SECRET).send(hello()))
    raises(report, "a login in the URL", "invalid", lambda: client(f"smtp://tester:{SECRET}@localhost"))
    raises(report, "a login over TLS that is not verified", "invalid",
           lambda: client("smtp://mail.far.test?tls=opportunistic", user="tester", password=SECRET))
    raises(report, "a password with NUL", "invalid", lambda: client(user="tester", password=SECRET + "\0"))
    raises(report, "a password with a line end", "invalid", lambda: client(user="tester", password=SECRET + "\r\nQUIT"))
    raises(report, "nobody listens", "later", lambda: client("smtp://127.0.0.1:1?tls=none").send(hello()))
    raises(report, "nobody to send to", "invalid",
           lambda: client().send(smtptool.Message("a@our.test", subject="x", text="x")))
    refusing = Sink(answer=lambda verb, line, _: b"550 5.1.1 none such\r\n" if verb == "RCPT" and b"no@" in line else None)
    e = raises(report, "a recipient that is none", "no_user", lambda: smtptool.Client(
        f"smtp://127.0.0.1:{refusing.port}?tls=none").send(hello(), recipients=["no@far.test", "yes@far.test"]))
    report.check("a recipient that is none: the other one is told, too", e and (e.code, e.enhanced) == (550, "5.1.1")
                 and [(r.kind, r.code) for r in e.result.recipients] == [("no_user", 550), ("ok", 250)], e and vars(e))
    busy = smtptool.Client(f"smtp://127.0.0.1:{refusing.port}?tls=none")
    seen = []
    busy = smtptool.Client(f"smtp://127.0.0.1:{refusing.port}?tls=none", watch=lambda *_: busy.send(hello()))
    try:
        busy.send(hello())
    except smtptool.Error as e:
        seen.append(e.kind)
    report.equal("a watcher that uses its own client", seen, ["misuse"])


def bench_sink(report):
    """The program's own sink as the server: a refusal at the dot, and many messages on few connections."""
    smtptool = import_binding()
    done = subprocess.Popen([SMTPTOOL, "bench", "sink", "--listen", "127.0.0.1:0", "--messages", "40"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        port = int(re.search(rb":(\d+)", done.stdout.readline())[1])
        messages = [smtptool.Message("a@our.test", f"b{i}@far.test", subject=str(i), text="x") for i in range(40)]
        with smtptool.Client(f"smtp://127.0.0.1:{port}?tls=none") as client:
            results = client.send_all(messages, connections=4)
        report.equal("send_all: each is accepted", [r.recipients[0].kind for r in results], ["ok"] * 40)
        done.wait(20)
        report.check("send_all: the sink took 40", b"40" in done.stdout.read())
    finally:
        done.kill()
        done.wait()
        done.stdout.close()


def thread_names():
    """Those of Python are all called as the program."""
    names = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm", encoding="utf-8") as f:
                names.add(f.read().strip())
        except FileNotFoundError:
            pass
    return {re.sub(r"^python.*", "python3", n) for n in names}


def event_files():
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            pass
    return [link for link in links if "event" in link]


def threads(report, server, sink):
    """Two clients in two threads, with logins by SCRAM; nothing of the library stays in the process; a child of fork()
    goes on with its parent's client."""
    smtptool = import_binding()
    client = lambda: smtptool.Client(f"smtp://localhost:{server.submission}", "tester", SECRET,
                                     ca_file=server.certificate, mechanism="SCRAM-SHA-256")
    failed = []

    def work(name):
        try:
            with client() as own:
                for i in range(4):
                    own.send(smtptool.Message("a@our.test", "b@far.test", subject=f"{name}{i}", text="x"))
        except smtptool.Error as e:
            failed.append(e.text)

    at_work = [threading.Thread(target=work, args=(n,)) for n in "AB"]
    for t in at_work:
        t.start()
    for t in at_work:
        t.join()
    report.equal("two threads at once: none failed", failed, [])
    subjects = lambda: {s for m in sink.kept() for s in re.findall(rb"Subject: (\w\d)", m.data)}
    report.check("two threads at once: all arrived", until(20, lambda: len(subjects()) == 8), subjects())
    report.equal("no thread of the library stays", until(5, lambda: len(thread_names()) == 1) and thread_names(),
                 {"python3"})
    with client() as own:
        own.send(smtptool.Message("a@our.test", "b@far.test", subject="parent", text="x"))
        child = os.fork()
        if child == 0:
            try:
                own.send(smtptool.Message("a@our.test", "b@far.test", subject="child", text="x"))
                os._exit(0)
            except BaseException: # pylint: disable=broad-except
                os._exit(1)
        report.equal("a child of fork() sends", os.waitpid(child, 0)[1], 0)
    report.equal("no descriptor of the library stays", event_files(), [])
    sink.clear()


# ---- attacks ----------------------------------------------------------------------------------

def attacks_python(report, server, sink):
    """Attacks 48 to 53 through the C API, as Python hands them on."""
    smtptool = import_binding()
    refused = lambda name, act: raises(report, name, "invalid", act)
    message = smtptool.Message("a@our.test", "b@far.test", subject="plain", text="x")
    for end in LINE_ENDS + ("\0",):
        evil = f"a{end}Bcc: {EVIL}"
        refused(f"attack 48: {end!r} in Subject", lambda e=evil: message.subject(e))
        refused(f"attack 49: {end!r} in a display name", lambda e=evil: message.sender(f'"{e}" <a@our.test>'))
        refused(f"attack 49: {end!r} in To", lambda e=evil: message.to(f"b@far.test{e}"))
        refused(f"attack 49: {end!r} in Bcc", lambda e=evil: message.bcc(f"b@far.test{e}"))
        refused(f"attack 49: {end!r} in the envelope", lambda e=evil: smtptool.Client(
            f"smtp://127.0.0.1:{sink.port}?tls=none").send(message, recipients=[f"b@far.test{e}"]))
        refused(f"attack 50: {end!r} in a name", lambda e=end: message.header(f"X{e}Y", "v"))
        refused(f"attack 50: {end!r} in a value", lambda e=evil: message.header("X-A", e))
        refused(f"attack 51: {end!r} in a file name", lambda e=evil: message.attach(b"x", e))
        refused(f"attack 52: {end!r} in a URL", lambda e=evil: message.unsubscribe(f"https://x.test/{e}"))
    for name in ("X: y", "", "X y", "Bcc", "Content-Type", "DKIM-Signature"):
        refused(f"attack 50: the name {name!r}", lambda n=name: message.header(n, "v"))
    message.attach(b"x", '../../etc/p"a;sswd')
    message.attach(b"x", "ÿ\u202ename.txt")
    for url in ("https://x.test/a>b", "https://x.test/a b", "javascript:alert(1)", "http://x.test/"):
        refused(f"attack 52: {url}", lambda u=url: message.unsubscribe(u))
    content = message.render()
    report.check("attacks 48 to 51: nothing got in", b"injected" not in content and b"../" not in content
                 and b'filename="p\\"a;sswd"' in content and b"filename*" in content, content)
    subject = smtptool.Template("Hi {{name}}", "header")
    refused("attack 48: a line end by a template's field", lambda: subject.render(name=f"a\r\nBcc: {EVIL}"))
    address = smtptool.Template("{{name}} <a@our.test>", "addresses")
    made = address.render(name=f'x" <{EVIL}>, "')
    twice = smtptool.Message(to="b@far.test", subject="x", text="x")
    twice.sender(made)
    field = email.message_from_bytes(twice.render(), policy=email.policy.default)["From"]
    report.equal("attack 53: a field in From's name adds no address", [a.addr_spec for a in field.addresses],
                 ["a@our.test"])
    merged = smtptool.Message(smtptool.Template("{{from}}", "addresses").render({"from": "boss@bank.test"}),
                              "b@far.test", subject="attack 53", text="x")
    with smtptool.Client(f"smtp://localhost:{server.submission}", "limited", SECRET,
                         ca_file=server.certificate) as client:
        try:
            client.send(merged)
            report.check("attack 53: From of a domain that is not the login's", False, "it was accepted")
        except smtptool.Error as e:
            report.check("attack 53: From of a domain that is not the login's",
                         e.kind in ("refused", "no_user") and e.code // 100 == 5, vars(e))
    report.check("attack 53: nothing of it went out", not any(b"bank.test" in m.data for m in sink.kept()))


def node(report, server, sink):
    """The same through Node, each case a sending; they run side by side."""
    if not tool("node"):
        return report.skip("Node", "it is not installed")
    good = {"from": "a@our.test", "to": "b@far.test", "subject": "--json", "text": "hi\n"}
    url = f"smtp://localhost:{server.submission}"
    options = {"user": "tester", "password": SECRET, "caFile": server.certificate}
    plain = f"smtp://127.0.0.1:{sink.port}?tls=none"
    cases, wanted = [], []

    def case(name, kind, code=0, at=plain, using=None, **change):
        cases.append({"url": at, "options": using or {}, "message": {**good, **change}})
        wanted.append((name, kind, code))

    case("Node sends", "ok", at=url, using=options, subject="from node", html="<p>hi</p>",
         bcc=["c@far.test"], attachments=[{"name": '../x"y.txt', "content": "attached"}])
    case("Node: a subject that looks like an option", "ok")
    case("Node: a wrong password", "no_login", 535, url, {**options, "password": SECRET + "x"})
    case("Node: a CA that did not sign", "no_channel", 0, url, {"user": "tester", "password": SECRET})
    case("Node: a password with NUL", "invalid", 0, url, {**options, "password": SECRET + "\0x"})
    case("Node: nobody listens", "later", 0, "smtp://127.0.0.1:1?tls=none")
    for end in LINE_ENDS + ("\0",):
        evil = f"a{end}Bcc: {EVIL}"
        case(f"Node: attack 48: {end!r} in Subject", "invalid", subject=evil)
        case(f"Node: attack 49: {end!r} in a display name", "invalid", **{"from": f'"{evil}" <a@our.test>'})
        case(f"Node: attack 49: {end!r} in To", "invalid", to=f"b@far.test{evil}")
        case(f"Node: attack 50: {end!r} in a name", "invalid", headers={f"X{end}Y": "v"})
        case(f"Node: attack 50: {end!r} in a value", "invalid", headers={"X-A": evil})
        case(f"Node: attack 51: {end!r} in a file name", "invalid", attachments=[{"name": evil, "content": "x"}])
        case(f"Node: attack 52: {end!r} in a URL", "invalid", headers={"List-Unsubscribe": f"<https://x/{evil}>"})
    case("Node: attack 53: From of a domain that is not the login's", "refused", 0, url,
         {**options, "user": "limited"}, **{"from": "boss@bank.test"})
    file = write(os.path.join(folder(), "cases.json"), json.dumps(cases))
    done = run(tool("node"), f"{PROJECT}/tests/e2e/_library.js", file, env={**os.environ, "SMTPTOOL": SMTPTOOL})
    lines = done.stdout.decode().splitlines()
    report.check("Node: no secret in its output", SECRET.encode() not in done.stdout + done.stderr, done.stdout)
    if not report.equal("Node: an answer for each", len(lines), len(cases)):
        return print(done.stderr.decode())
    for (name, kind, code), line in zip(wanted, lines):
        answer = json.loads(line)
        got = answer.get("error", {"kind": "ok", "code": 0})
        kinds = ("refused", "no_user") if kind == "refused" else (kind,)
        report.check(name, "thrown" not in answer and got["kind"] in kinds and code in (0, got["code"]), line)
    said = lambda: b"".join(m.data for m in sink.kept())
    report.check("Node: it arrived with its file", until(20, lambda: b"Subject: from node" in said()
                 and b'filename="x\\"y.txt"' in said() and b"Subject: --json" in said()), said())
    report.check("Node: nothing got in", b"injected" not in said() and b"bank.test" not in said(), said())
    return None


def main():
    need_program()
    report = Report()
    sink = Sink()
    server = Server(routes=[route("*", sink.port)])
    server.add_user("tester", SECRET)
    server.add_user("limited", SECRET, senders="l@our.test")
    server.start()
    report.on_fail.append(server.show)
    symbols(report, LIBRARY)
    there = installed(report)
    if there:
        examples(report, compiled(report, there[1]), there[1], server, sink)
    python_sends(report, server, sink)
    python_fails(report, server)
    bench_sink(report)
    threads(report, server, sink)
    attacks_python(report, server, sink)
    node(report, server, sink)
    report.check("the log holds no secret", SECRET not in server.stderr())
    report.equal("the server ends well", server.stop(), 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
