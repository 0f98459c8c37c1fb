"""A mailing that is killed in the middle and goes on: each recipient once. Rows that attack.

Covers attacks 48, 49, 50, 51, 52 and 53 through CSV, JSON lines, columns and options of `bulk`.
"""
import collections
import json
import os
import re
import subprocess
import sys
import time

from _check import SMTPTOOL, Report, folder, need_program, until, write
from _peers import Postfix
from _smtp import CAPABILITIES, Sink

COUNT, KILLS = 2000, 5


class Bench:
    def __init__(self, report):
        self.report, self.path = report, folder()
        self.config = write(os.path.join(self.path, "c.yaml"), f"state: {self.path}/state\n")
        self.env = dict(os.environ, UNSUBSCRIBE_KEY="0123456789abcdef0123456789abcdef")

    def file(self, name, text):
        return write(os.path.join(self.path, name), text)

    def start(self, *args):
        return subprocess.Popen([SMTPTOOL, "-C", self.config, "bulk", *args], cwd=self.path, env=self.env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *args):
        """Exit code, the summary when it is JSON, and all that was said."""
        process = self.start(*args)
        out, err = process.communicate(timeout=300)
        text = out.decode() + err.decode()
        try:
            said = json.loads(out)
        except ValueError:
            said = {}
        return process.returncode, said, text


def server_of(sink):
    return f"smtp://127.0.0.1:{sink.port}?tls=none"


def rcpt_of(message):
    return re.search(r"<(.*)>", message.rcpts[0])[1]


def key_of(message):
    found = re.search(r"XONCE=(\w+)", message.mail)
    return found[1] if found else None


def slow_dot(verb, _line, _session):
    """So that a kill finds mails that were sent whole and not answered."""
    if verb == "DOT":
        time.sleep(0.003)


# ---- killed and resumed -------------------------------------------------------------------------


def kill_it(bench, job, sink):
    """Start it and kill it five times, each time after some more mails. True: it never ended by itself."""
    alive = True
    for i in range(KILLS):
        wanted = (i + 1) * COUNT // (KILLS + 2)
        process = bench.start("run", job, "--json")
        while len(sink.messages) < wanted and process.poll() is None:
            time.sleep(0.005)
        alive = alive and process.poll() is None
        process.kill()
        process.communicate()
    return alive


def make_job(bench, name, sink):
    rows = "".join(f"user{i}@d{i % 50}.example,Name {i}\n" for i in range(COUNT))
    bench.file(f"{name}.csv", "email,name\n" + rows + "USER7@d7.example,Twice\n")
    return bench.file(f"{name}.yaml", f"""campaign: {name}
list: {name}.csv
from: "News <news@our.example>"
to: "{{{{name}}}} <{{{{email}}}}>"
subject: "Hello {{{{name}}}}"
text: "It is {{{{name}}}}, once."
server: {server_of(sink)}
pass_wait: 1s
""")


def server_with_keys(bench):
    """Whoever repeats a mail gives it the key that it had before, so the server keeps it once."""
    report, sink = bench.report, Sink(capabilities=CAPABILITIES + ("XONCE",), answer=slow_dot)
    job = make_job(bench, "keys", sink)
    report.check("it was killed in the middle, five times", kill_it(bench, job, sink))
    code, said, text = bench.run("run", job, "--json")
    report.equal("then it ends", code, 0)
    by_key = collections.defaultdict(set)
    for message in sink.kept():
        by_key[key_of(message)].add(rcpt_of(message))
    report.equal("as many keys as recipients", len(by_key), COUNT)
    report.check("a key is one recipient's", all(len(r) == 1 for r in by_key.values()))
    report.equal("each recipient", len(set().union(*by_key.values())), COUNT)
    report.check("nobody is in doubt, all were sent", said.get("in_doubt") == 0 and said.get("sent") == COUNT, text)
    repeated = len(sink.kept()) - COUNT
    report.check("few were offered twice", repeated <= KILLS * 20, repeated)
    report.check("Message-IDs repeat with their keys", len(
        {re.search(rb"Message-ID: (\S+)", m.data)[1] for m in sink.kept()}) == COUNT)
    before = len(sink.kept())
    code, said, text = bench.run("run", job, "--json")
    report.check("run again it sends nothing", code == 0 and len(sink.kept()) == before, text)


def server_without(bench):
    """Nobody gets it twice; who may have it is told, and sent to again only when that is said."""
    report, sink = bench.report, Sink(answer=slow_dot)
    job = make_job(bench, "plain", sink)
    report.check("it was killed in the middle, five times", kill_it(bench, job, sink))
    code, said, text = bench.run("run", job, "--json")
    had = collections.Counter(rcpt_of(m) for m in sink.kept())
    doubt = said.get("in_doubt", -1)
    report.check("nobody had it twice", max(had.values()) == 1, had.most_common(3))
    report.check("a few are in doubt", 0 <= doubt <= KILLS * 20, text)
    report.check("who did not get it is in doubt", COUNT - len(had) <= doubt, (len(had), doubt))
    report.equal("and that is an exit of its own", code, 3 if doubt else 0)
    code, said, text = bench.run("run", job, "--json", "--in-doubt", "send")
    had = collections.Counter(rcpt_of(m) for m in sink.kept())
    report.check("told so, it sends to them", code == 0 and len(had) == COUNT and said.get("in_doubt") == 0, text)
    report.check("to nobody else", sum(had.values()) - COUNT <= doubt, had.most_common(3))


# ---- other ends ---------------------------------------------------------------------------------


def control(bench):
    """Pause, resume, cancel from outside."""
    report, sink = bench.report, Sink()
    job = make_job(bench, "control", sink)
    process = bench.start("run", job, "--json", "--rate", "200/s")
    sink.wait(20)
    report.equal("pause", bench.run("pause", job)[0], 0)
    time.sleep(1.5)
    before = len(sink.kept())
    time.sleep(1)
    report.equal("nothing goes while it pauses", len(sink.kept()), before)
    report.check("status says so", "paused" in bench.run("status", job)[2])
    report.equal("resume", bench.run("resume", job)[0], 0)
    report.check("it goes on", len(sink.wait(before + 20)) > before)
    report.equal("cancel", bench.run("cancel", job)[0], 0)
    process.communicate(timeout=60)
    report.equal("canceled is not now", process.returncode, 75)
    sink.answer = lambda verb, line, session: "550 5.1.1 no such user" if verb == "RCPT" and b"d1." in line else None
    code, said, text = bench.run("run", job, "--json", "--pause-on", "bounce > 1%", "--connections", "2")
    report.check("too many bounces end it", code == 75 and said.get("state") == "paused" and "bounce" in said.get("why", ""), text)


def deferred(bench):
    """A 4xx is tried again in another pass; a 5xx is not."""
    report, seen = bench.report, collections.Counter()

    def answer(verb, line, _session):
        if verb != "RCPT":
            return None
        seen[line] += 1
        if b"later" in line and seen[line] == 1:
            return "450 4.2.0 not now"
        return "550 5.1.1 no such user" if b"never" in line else None

    sink = Sink(answer=answer)
    listed = bench.file("some.csv", "email,segment\nlater@x.example,a\nnever@x.example,b\nnow@x.example,a\n")
    code, said, text = bench.run("run", "--campaign", "some", "--list", listed, "--from", "n@our.example", "--subject", "s",
                                 "--text", "t", "--server", server_of(sink), "--pass-wait", "1s", "--split", "by", "segment", "--json")
    report.check("two of three", code == 3 and said.get("sent") == 2 and said.get("refused") == 1, text)
    report.check("a refusal for good is asked for once", max(n for line, n in seen.items() if b"never" in line) == 1)
    report.equal("counted by segment", [(s["segment"], s["sent"], s["refused"]) for s in said.get("segments", [])],
                 [("a", 2, 0), ("b", 0, 1)])
    report.check("and written down", "never@x.example,550,5.1.1,no such user" in open(
        os.path.join(bench.path, "some.bulk", "refused.csv")).read())
    page = open(os.path.join(bench.path, "some.bulk", "report.html")).read()
    report.check("the report needs nothing else", "<svg" in page and "http" not in page)


class StrictPostfix(Postfix):
    """Ends every connection that pipelines where it must not."""

    def settings(self, sink_port):
        return super().settings(sink_port) + """smtpd_forbid_unauth_pipelining = yes
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = check_recipient_access regexp:{ { /^user[0-9]*7@/ 550 5.1.1 not here } }, permit_mynetworks, reject
"""


def real_server(bench):
    """The envelope of a mail goes out with the end of the one before it: a server that minds such things takes it."""
    report, sink = bench.report, Sink()
    peer, why = StrictPostfix.make(sink.port)
    if peer is None:
        report.skip("Postfix", why)
        return
    listed = bench.file("strict.csv", "email\n" + "".join(f"user{i}@d{i % 9}.example\n" for i in range(300)))
    code, said, text = bench.run("run", "--campaign", "strict", "--list", listed, "--from", "n@our.example", "--subject", "s",
                                 "--text", "t\n.\n", "--server", f"smtp://127.0.0.1:{peer.port}?tls=none", "--connections", "4", "--json")
    report.check("Postfix: all but those it refuses", code == 3 and said.get("sent") == 270 and said.get("refused") == 30, text)
    had = collections.Counter(rcpt_of(m) for m in sink.wait(270))
    report.check("Postfix: each of them once", len(had) == 270 and max(had.values()) == 1, had.most_common(3))
    with open(peer.log, encoding="latin1") as log:
        report.check("Postfix: nothing improper", "improper command pipelining" not in log.read())


# ---- rows that attack ---------------------------------------------------------------------------

ATTACKS = [
    ("attack 48: a line end in the subject", {"name": "a\r\nBcc: victim@x.example"}),
    ("attack 48: a line feed alone", {"name": "a\nBcc: victim@x.example"}),
    ("attack 48: a second address", {"email": "a@x.example, victim@x.example"}),
    ("attack 48: an address that ends its bracket", {"email": "a@x.example>\r\nRCPT TO:<victim@x.example"}),
    ("attack 49: a NUL in a display name", {"name": "a\0b"}),
    ("attack 49: a line end in a display name", {"display": "a\r\nBcc: victim@x.example"}),
    ("attack 50: a line end in a header of one's own", {"tag": "a\r\nX-Evil: yes"}),
    ("attack 51: an attachment of another folder", {"file": "../c.yaml"}),
    ("attack 51: an absolute attachment", {"file": "/etc/passwd"}),
    ("attack 53: From of another domain", {"sender": "ceo@bank.example"}),
    ("attack 53: a second From", {"sender": "n@our.example, ceo@bank.example"}),
]
GOOD = {"email": "good@x.example", "name": "Good", "display": "Good", "tag": "t", "file": "", "sender": "n@our.example"}


def as_csv(row):
    return ",".join('"' + str(v).replace('"', '""') + '"' for v in row.values())


def attacks(bench):
    report, sink = bench.report, Sink()
    rows = [dict(GOOD, email=f"evil{i}@x.example") | fields for i, (_, fields) in enumerate(ATTACKS)] + [GOOD]
    lists = {"csv": ",".join(GOOD) + "\n" + "\n".join(as_csv(r) for r in rows) + "\n",
             "jsonl": "\n".join(json.dumps(r) for r in rows) + "\n"}
    for kind, text in lists.items():
        sink.clear()
        listed = bench.file(f"evil.{kind}", text)
        code, said, text = bench.run(
            "run", "--campaign", f"evil-{kind}", "--list", listed, "--from", "{{display}} <{{sender}}>", "--envelope-from",
            "n@our.example", "--to", "{{name}} <{{email}}>", "--subject", "Hi {{name}}", "--text", "Hi {{name}}",
            "--header", "X-Tag: {{tag}}", "--attach", "{{file}}", "--server", server_of(sink), "--json")
        report.equal(f"{kind}: an exit of its own", code, 3)
        report.equal(f"{kind}: only the good row is sent", [rcpt_of(m) for m in sink.kept()], ["good@x.example"])
        report.check(f"{kind}: nothing of theirs reached the server", not [l for l in sink.lines if b"victim" in l])
        left_out = open(os.path.join(bench.path, f"evil-{kind}.bulk", "left-out.csv"), newline="").read()
        report.equal(f"{kind}: each of the others is left out", sum(said.get("left_out", {}).values()), len(ATTACKS))
        for i, (name, fields) in enumerate(ATTACKS):
            named = "victim@" if "email" in fields else f"evil{i}@x.example"
            report.check(f"{kind}: {name}", named in left_out, left_out)
    options = [("attack 50: a header's name", ["--header", "X\r\nY: z"]), ("attack 50: a field of ours", ["--header", "From: x@y.example"]),
               ("attack 48: Bcc as a header", ["--header", "Bcc: x@y.example"]),
               ("attack 52: a URL with a bracket", ["--unsubscribe-url", "https://x.example/>", "--unsubscribe-key", "env:UNSUBSCRIBE_KEY"]),
               ("attack 52: a URL with a line end", ["--unsubscribe-url", "https://x.example/\r\nBcc: x", "--unsubscribe-key", "env:UNSUBSCRIBE_KEY"])]
    listed = bench.file("good.csv", "email\ngood@x.example\n")
    for name, more in options:
        code, _, text = bench.run("run", "--campaign", "options", "--list", listed, "--from", "n@our.example", "--subject", "s",
                                  "--text", "t", "--dry-run", *more)
        report.check(name, code == 78, (code, text))


def unsubscribe(bench):
    report = bench.report
    listed = bench.file("good.csv", "email\ngood@x.example\n")
    key = ["--unsubscribe-key", "env:UNSUBSCRIBE_KEY"]
    args = ["run", "--campaign", "links", "--list", listed, "--from", "n@our.example", "--subject", "s",
            "--text", "t", "--unsubscribe-url", "https://x.example/u", *key]
    said = bench.run(*args, "--preview", "1")[2]
    link = re.search(r"List-Unsubscribe: <(\S+)>", said)
    report.check("One-Click is offered", link and "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in said, said)
    code, _, text = bench.run("unsubscribe-verify", link[1], *key, "--suppress")
    report.check("the link is ours", code == 0 and "good@x.example links" in text, text)
    report.equal("another one is not", bench.run("unsubscribe-verify", link[1][:-6] + "AAAAAA", *key)[0], 1)
    code, said, text = bench.run(*args, "--dry-run", "--json")
    report.equal("who unsubscribed is left out", said.get("left_out"), {"unsubscribed": 1})


def clean(bench):
    report = bench.report
    today = time.strftime("%Y-%m-%d")
    listed = bench.file("dirty.csv", f"email,seen\na@x.example,{today}\nA@X.example,{today}\nnobody,{today}\n"
                        f"info@x.example,{today}\nold@x.example,2001-01-01\ngood@x.example,{today}\nb@gone.example,{today}\n")
    zone = bench.file("zone", "x.example. MX 10 mx.x.example.\nmx.x.example. A 127.0.0.1\n")
    code, said, text = bench.run("clean", listed, "--active", "seen", "--reconfirm", "--check-mx", "--dns-zone", zone, "--json")
    report.equal("who is left", (code, said.get("kept")), (0, 1))
    report.equal("and why not", said.get("removed"), {"duplicate": 1, "syntax": 1, "role": 1, "inactive": 1, "unsubscribed": 1, "no_mx": 1})
    read = lambda name: open(os.path.join(bench.path, name)).read()
    report.check("kept with all columns", f"a@x.example,{today}" in read("dirty.kept.csv"))
    report.check("removed with reasons", "old@x.example,inactive" in read("dirty.removed.csv"))
    report.check("to be asked again", "old@x.example" in read("dirty.reconfirm.csv") and "campaign" in read("dirty.reconfirm.yaml"))


def clean_json(bench):
    """JSON lines keep all that they hold, kept or removed; sunset goes by any sign of life."""
    report, today = bench.report, time.strftime("%Y-%m-%d")
    rows = [{"email": "fresh@x.example", "last_open": today, "likes": {"deep": [1, {"er": "ü"}]}},
            {"email": "old@x.example", "last_open": "2001-01-01", "last_click": None, "likes": {"deep": [2]}},
            {"email": "clicked@x.example", "last_open": "2001-01-01", "last_click": today},
            {"email": "silent@x.example"}, {"email": "nobody"}, {}]
    listed = bench.file("dirty.jsonl", "".join(json.dumps(r) + "\n" for r in rows) + "not json\n")
    code, said, text = bench.run("clean", listed, "--reconfirm", "--json")
    report.equal("who is left", (code, said.get("kept"), said.get("removed")),
                 (0, 3, {"unreadable": 1, "no_address": 1, "syntax": 1, "inactive": 1}))
    read = lambda name: [json.loads(l) for l in open(os.path.join(bench.path, name))]
    report.equal("kept as they were", read("dirty.kept.jsonl"), [rows[0], rows[2], rows[3]])
    gone = read("dirty.removed.jsonl")
    report.equal("removed with all fields and the reason", gone[0], rows[1] | {
        "removed_reason": "inactive", "removed_detail": "since 2001-01-01", "removed_line": 2})
    report.equal("a line that is no object is kept as a text", gone[-1].get("removed_text"), "not json")
    report.equal("to be asked again", read("dirty.reconfirm.jsonl"), [rows[1]])
    made = bench.file("dirty.reconfirm.yaml", open(os.path.join(bench.path, "dirty.reconfirm.yaml")).read()
                      .replace("You <you@example.com>", "you@our.example"))
    report.check("and it is a mailing", "old@x.example" in bench.run("run", made, "--preview", "1")[2])
    code, said, text = bench.run("clean", listed, "--inactive", "none", "--json")
    report.equal("nobody is too old then", said.get("kept"), 4)


# ---- limits -------------------------------------------------------------------------------------


def limited(bench):
    """Two mailings and a send share an account's quota; a full one is waited for, or another goes."""
    report = bench.report
    sinks = [Sink(answer=lambda verb, line, session: "235 2.7.0 in" if verb == "AUTH" else None,
                  capabilities=CAPABILITIES + ("AUTH PLAIN",)) for _ in range(2)]
    secret = bench.file("password", "secret")
    os.chmod(secret, 0o600)
    accounts = "".join(f"""  {name}:
    servers: [ "smtp://127.0.0.1:{sink.port}?tls=none" ]
    user: {name}@our.example
    secret: file:{secret}
    quota: {{ per_day: 8 }}
""" for name, sink in zip(("one", "two"), sinks))
    config = write(os.path.join(bench.path, "limits.yaml"), f"state: {bench.path}/state\naccounts:\n{accounts}")
    other = Bench(report)
    other.config, other.path = config, bench.path
    listed = bench.file("twelve.csv", "email\n" + "".join(f"u{i}@x.example\n" for i in range(12)))
    mail = ["--list", listed, "--from", "n@our.example", "--subject", "s", "--text", "t", "--burst", "all"]
    process = other.start("run", "--campaign", "shared", *mail, "--account", "one")
    sinks[0].wait(8)
    report.equal("as many as a day allows", len(sinks[0].kept()), 8)
    report.check("status says what it waits for", until(
        30, lambda: "8 of 8 a day are used" in other.run("status", "shared")[2]))
    process.send_signal(2)
    said = process.communicate(timeout=60)[1].decode()
    report.check("it says what limits it, and for how long", "limits: one: 8 a day" in said and
                 re.search(r"at most 1\d mails are left, which takes about 2\d hours", said), said)
    report.equal("interrupted is not now", process.returncode, 75)
    code, said, text = other.run("run", "--campaign", "shared", *mail, "--account", "one", "--fallback", "two", "--json")
    report.check("the rest goes by the other account", code == 0 and said.get("sent") == 12, text)
    report.equal("nothing more by the full one", (len(sinks[0].kept()), len(sinks[1].kept())), (8, 4))
    sent = subprocess.run([SMTPTOOL, "-C", config, "send", "--account", "one", "--from", "n@our.example", "--to",
                           "a@x.example", "--text", "t"], capture_output=True, timeout=60, env=other.env)
    report.check("send counts there, too, and says that it is full", sent.returncode == 0 and
                 b"9 of 8 a day" in sent.stderr, sent.stderr)
    process = other.start("run", "--campaign", "warm", *mail, "--account", "two", "--warmup", "slow")
    sinks[1].wait(5)
    process.send_signal(2)
    said = process.communicate(timeout=60)[1].decode()
    report.check("a warm-up begins with its first day", "warming up: day 1 of 42" in said, said)
    code, _, text = other.run("run", "--campaign", "warm", *mail, "--account", "two", "--warmup", "quick")
    report.check("a plan that is none", code == 78 and "there are: default, slow" in text, text)


def throttled(bench):
    """A server that says "slower" ends nothing: all have it in the end, each once."""
    report, state = bench.report, {"hellos": 0, "mails": 0}

    def answer(verb, _line, _session):
        if verb == "EHLO":
            state["hellos"] += 1
            if 3 <= state["hellos"] <= 4:
                return "421 4.7.0 Too many concurrent connections"
        if verb == "MAIL":
            state["mails"] += 1
            if state["mails"] == 10:
                return "450 4.7.28 too fast, slow down"
        return None

    sink = Sink(answer=answer)
    listed = bench.file("twenty.csv", "email\n" + "".join(f"u{i}@x.example\n" for i in range(20)))
    code, said, text = bench.run("run", "--campaign", "slow", "--list", listed, "--from", "n@our.example", "--subject", "s",
                                 "--text", "t", "--server", server_of(sink), "--connections", "4", "--pass-wait", "1s", "--json")
    had = collections.Counter(rcpt_of(m) for m in sink.kept())
    report.check("all have it", code == 0 and said.get("sent") == 20 and len(had) == 20, text)
    report.check("once", had and max(had.values()) == 1, had.most_common(3))


# ---- before the first mail ----------------------------------------------------------------------


def before(bench):
    """The DNS and the account's rules are asked before anybody has a mail."""
    report, sink = bench.report, Sink()
    listed = bench.file("one.csv", "email,name\na@x.example,<b>\n")
    args = ["run", "--campaign", "looked", "--list", listed, "--from", "n@our.example", "--subject", "s", "--text", "t",
            "--server", server_of(sink)]
    bad = bench.file("bad.zone", "x.example. MX 10 mx.x.example.\n")
    code, _, text = bench.run(*args, "--preflight", "--dns-zone", bad)
    report.check("a domain that is not there is refused", code == 78 and "SPF" in text and "publish:" in text, (code, text))
    report.equal("before the first mail", len(sink.messages), 0)
    good = bench.file("good.zone", 'our.example. TXT "v=spf1 ip4:127.0.0.1 -all"\nour.example. MX 10 mx.our.example.\n'
                      'mx.our.example. A 192.0.2.1\n_dmarc.our.example. TXT "v=DMARC1; p=reject"\n')
    code, _, text = bench.run(*args, "--preflight", "--dns-zone", good)
    report.check("one that fits is sent", code == 0 and len(sink.wait(1)) == 1, (code, text))
    markdown = bench.file("m.md", "# Hi {{name}}\n\n{{#if name = \"<b>\"}}\n\n*you* [here](https://x.example/{{email | url}})\n\n{{/if}}\n")
    said = bench.run("run", "--campaign", "md", "--list", listed, "--from", "n@our.example", "--subject", "s", "--markdown",
                     markdown, "--preview", "1")[2]
    report.check("Markdown is both parts", "Hi &lt;b&gt;</h1>" in said and "# Hi <b>" in said, said)
    report.check("with its tags in place", "https://x.example/a%40x.example" in said and "<em>you</em>" in said and
                 "zqtag" not in said and "{{" not in said, said)


def excel(bench):
    """What spreadsheets write: a mark, semicolons, quotes, both kinds of line ends, names in any script."""
    report, sink = bench.report, Sink(capabilities=CAPABILITIES + ("SMTPUTF8",))
    rows = ('\ufeffE-Mail;Name;Joined\r\nann@x.example;"Ann; ""B""";21.11.2026\nJÖRG@bücher.example;Jörg;1.2.2026\r\n'
            '"bob@x.example";"two\r\nlines";3.4.2026\n;;\r\n')
    listed = bench.file("excel.csv", rows)
    code, said, text = bench.run("run", "--campaign", "excel", "--list", listed, "--from", "n@our.example", "--subject", "s",
                                 "--text", "{{Name}}, since {{Joined | date: \"%Y\"}}", "--type", "Joined=date-dmy",
                                 "--server", server_of(sink), "--json")
    report.check("three are sent, one has no address", said.get("sent") == 3 and said.get("left_out") == {"no_address": 1}, text)
    report.check("a domain goes in letters that DNS knows", "JÖRG@xn--bcher-kva.example" in [rcpt_of(m) for m in sink.kept()] or
                 any(b"xn--bcher-kva" in m.rcpts[0].encode() if isinstance(m.rcpts[0], str) else b"xn--bcher-kva" in m.rcpts[0]
                     for m in sink.kept()), [m.rcpts for m in sink.kept()])


# ---- a long list ---------------------------------------------------------------------------------


def most_memory(process):
    """MiB of the program itself, until it ends."""
    most = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                most = max([most] + [int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")])
        except OSError:
            pass
        time.sleep(0.01)
    return most


def memory(bench):
    """A longer list takes no more memory, and who was in it long ago is still known."""
    report, most = bench.report, {}
    short, long = 60000, 240000
    for count in (short, long):
        rows = [f"user{i}@d{i % 97}.example" for i in range(count)]
        listed = bench.file(f"{count}.csv", "email\n" + "\n".join(rows + rows[:100]) + "\n")
        process = bench.start("run", "--campaign", f"long-{count}", "--list", listed, "--from", "n@our.example", "--subject", "s",
                              "--text", "t", "--dry-run", "--json")
        most[count] = most_memory(process)
        out, _ = process.communicate(timeout=300)
        said = json.loads(out or b"{}")
        report.equal(f"{count}: those that come again are found", said.get("left_out"), {"duplicate": 100})
    report.check("the same memory for both, within 2 MiB", most[long] - most[short] < 2, most)


def main():
    need_program()
    report = Report()
    bench = Bench(report)
    for work in (server_with_keys, server_without, control, deferred, real_server, attacks, unsubscribe, clean, clean_json, limited,
                 throttled, before, excel, memory):
        try:
            work(bench)
        except (subprocess.TimeoutExpired, OSError, TypeError) as e:
            report.check(work.__name__, False, repr(e))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
