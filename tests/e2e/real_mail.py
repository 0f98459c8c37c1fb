"""Real messages of four public suites, by four clients, over STARTTLS and AUTH (attacks 9, 12, 205).

Each message is first sent by the same program to a plain byte sink: those bytes are what the
program really says. Then it goes through our submission port to three recipients: one at a byte
sink, one at Dovecot (LMTP), one behind Postfix. What arrives, less our trace field and the fix-ups
of RFC 6409 section 8, must be those bytes; behind Postfix the body must be. Nothing twice. What our
rules refuse is listed with the rule, and the rule must hold of the message.
"""
import collections
import glob
import hashlib
import os
import queue
import re
import sys
import threading
import time

from _check import Report, folder, need_program, skip_all, suite, until, write
from _clients import CLIENTS, Target, installed
from _peers import Dovecot, Postfix
from _server import Server, retry_soon, route
from _smtp import Sink, drop_received, wait_quiet

ACCEPTED_MIN = 500
MESSAGES_MAX = 660
BYTES_MAX = 2 << 20
SHARES = {"swaks": 1, "msmtp": 4, "curl": 4, "smtplib": 6}  # swaks needs a Perl for each message
SUITES = (("mime-mime4j", "**/*.msg"), ("mime-enmime", "**/*.raw"),
          ("mime-cpython-email", "msg_*.txt"), ("bounces-sisimai", "**/*.eml"))
REMOVED = (b"bcc", b"resent-bcc", b"return-path")


def load():
    """(name, bytes) of each message: CRLF line ends, an mbox separator line dropped."""
    found, seen = [], set()
    for folder_name, pattern in SUITES:
        root = suite(folder_name)
        paths = sorted(glob.glob(os.path.join(root, pattern), recursive=True)) if root else []
        for path in paths:
            with open(path, "rb") as f:
                data = re.sub(rb"\r?\n", b"\r\n", f.read())
            if data.startswith(b"From "):
                data = data.partition(b"\r\n")[2]
            if not data.endswith(b"\r\n"):
                data += b"\r\n"
            digest = hashlib.sha256(data).digest()
            if len(data) > BYTES_MAX or digest in seen:
                continue
            seen.add(digest)
            found.append((f"{folder_name}/{os.path.relpath(path, root)}", data))
    return found[:MESSAGES_MAX]


# ---- our fix-ups, written a second time -----------------------------------------------------

def split_header(data):
    """(fields, rest): the fields with their folds; the rest begins with the empty line, if any."""
    fields, at = [], 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end]
        if line in (b"\r\n", b"\n"):
            break
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += line
        else:
            fields.append(line)
        at = end
    return fields, data[at:]


def field_name(field):
    return field.partition(b":")[0].strip().lower() if b":" in field else b""


def count_of(fields, name):
    return sum(field_name(f) == name for f in fields)


def rules_against(data):
    """Which of the listed rules refuse these bytes."""
    fields, _ = split_header(data)
    broken = []
    if re.search(rb"\r(?!\n)|(?<!\r)\n", data):
        broken.append("bare CR or LF (RFC 5321 section 2.3.8)")
    if b"\0" in data:
        broken.append("NUL (RFC 5322 section 4)")
    if max(map(len, data.split(b"\r\n"))) > 998:
        broken.append("a line over 998 octets (RFC 5322 section 2.1.1)")
    if data[:1] in (b" ", b"\t"):
        broken.append("the header begins with a blank (RFC 5322 section 2.2)")
    if count_of(fields, b"from") == 0:
        broken.append("no From field (RFC 6409 section 8.1)")
    if count_of(fields, b"from") > 1 or count_of(fields, b"sender") > 1:
        broken.append("From or Sender twice (RFC 5322 section 3.6)")
    for field in fields:
        if field_name(field) == b"from" and not names_somebody(field.partition(b":")[2]):
            broken.append("From holds no address with a domain (RFC 5322 section 3.4.1)")
    return broken


def names_somebody(value):
    bare = re.sub(rb'"(\\.|[^"\\])*"|\((\\.|[^()\\])*\)', b'""', value)
    return b"@" in bare and not re.search(rb">[^,;]*<", bare)


# How our refusal for each rule begins.
SAYS = {"bare": "Bare <", "NUL": "NUL in", "a line": "A line of more", "the header": "Header begins",
        "no From": "No From", "From or": "More than one", "From holds": "From holds no valid"}


def unmend(arrived, sent):
    """What arrived, our additions taken off the top; raises when one is not as it should be."""
    rest, _ = drop_received(arrived)
    fields, _ = split_header(sent)
    added = [name for name in (b"date", b"message-id") if count_of(fields, name) == 0]
    for name in added:
        if field_name(rest.partition(b"\r\n")[0]) != name:
            raise ValueError(f"{name.decode()} was not added")
        rest = rest.partition(b"\r\n")[2]
    first = rest.partition(b"\r\n")[0]
    if count_of(fields, b"sender") == 0 and field_name(first) == b"sender":
        from_field = next(f for f in fields if field_name(f) == b"from")
        if b"," not in from_field:
            raise ValueError(f"Sender added for {from_field!r}")
        rest = rest.partition(b"\r\n")[2]
    return rest


def mended(sent):
    fields, rest = split_header(sent)
    return b"".join(f for f in fields if field_name(f) not in REMOVED) + rest


def body_of(data):
    return split_header(data)[1].removeprefix(b"\r\n")


# ---- sending ----------------------------------------------------------------------------------

class Letter:
    def __init__(self, number, name, data, client):
        self.id, self.name, self.data, self.client = f"m{number:04}", name, data, client
        self.sent = None  # the bytes the program says
        self.status, self.said = None, ""

    @property
    def sender(self):
        return f"{self.id}@sender.test"


def sender_loop(letters, plain, ours, domains, where):
    while True:
        try:
            letter = letters.get_nowait()
        except queue.Empty:
            return
        path = write(os.path.join(where, letter.id), letter.data)
        send = CLIENTS[letter.client]
        for attempt in range(2):
            rcpts = [f"{letter.id}@{d}" for d in domains]
            status, said = send(ours if attempt else plain, letter.sender, rcpts, path)
            if attempt:
                letter.status, letter.said = status, said
            elif status != 0:
                letter.said = said


def share_out(messages):
    turn = [name for name in CLIENTS if installed(name) for _ in range(SHARES[name])]
    return [Letter(i, name, data, turn[i % len(turn)]) for i, (name, data) in enumerate(messages)]


def send_all(letters, plain, ours, domains):
    waiting, where = queue.Queue(), folder()
    for letter in letters:
        waiting.put(letter)
    threads = [threading.Thread(target=sender_loop, args=(waiting, plain, ours, domains, where))
               for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


# ---- judging ----------------------------------------------------------------------------------

def by_sender(report, where, messages):
    found = collections.defaultdict(list)
    for m in messages:
        found[m.sender].append(m.data)
    twice = [s for s, datas in found.items() if len(datas) > 1]
    report.check(f"{where}: nothing twice", not twice, twice)
    return {s: datas[0] for s, datas in found.items()}


def difference(got, want):
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return f"at {at}: got {got[max(0, at - 40):at + 40]!r}, want {want[max(0, at - 40):at + 40]!r}"


def judge_arrival(report, where, letter, arrived):
    name = f"{where}: {letter.name} by {letter.client}"
    if not report.check(name, arrived is not None, "it did not arrive"):
        return
    try:
        got, want = unmend(arrived, letter.sent), mended(letter.sent)
    except ValueError as e:
        report.check(name, False, e)
        return
    report.check(name, got == want, difference(got, want))


def judge_refusals(report, refused, server):
    """What the server said of each sender must be what its rule says; each rule is listed."""
    said = {e.get("sender"): e["text"] for e in server.events("refused")}
    rules = collections.Counter()
    for letter in refused:
        broken, text = rules_against(letter.sent), said.get(letter.sender, "")
        told = [rule for rule in broken
                if any(rule.startswith(k) and text.startswith(v) for k, v in SAYS.items())]
        report.check(f"refused by its rule: {letter.name} by {letter.client}", told,
                     f"rules {broken}, said {text!r}, {letter.said}")
        rules[told[0] if told else text] += 1
    for rule, count in sorted(rules.items(), key=str):
        print(f"    {count} refused: {rule}")


def judge_postfix(report, accepted, arrived):
    report.equal("Postfix: count", len(arrived), len(accepted))
    for letter in accepted:
        got, body = arrived.get(letter.sender, b""), body_of(letter.sent)
        same = hashlib.sha256(got[len(got) - len(body):]).digest() == hashlib.sha256(body).digest()
        report.check(f"Postfix: body of {letter.name} by {letter.client}", same, got[-200:])


def main():
    need_program()
    messages = load()
    if not messages:
        skip_all("real mail", "there is no folder of suites")
    report, started = Report(), time.monotonic()
    reference, sink, behind = Sink(), Sink(), Sink()
    postfix, no_postfix = Postfix.make(behind.port)
    dovecot, no_dovecot = Dovecot.make()
    routes = [route("sink.test", sink.port)]
    for peer, domain, scheme, why in ((dovecot, "dovecot.test", "lmtp", no_dovecot),
                                      (postfix, "postfix.test", "smtp", no_postfix)):
        if peer:
            routes.append(route(domain, peer.port, scheme=scheme))
        else:
            report.skip(domain, why)
    for name in CLIENTS:
        if not installed(name):
            report.skip(name, "it is not installed")
    server = Server(routes=routes, retry=retry_soon())
    report.on_fail.append(server.show)
    server.add_user("tester", "secret")
    server.start()
    letters = share_out(messages)
    send_all(letters, Target(reference.port),
             Target(server.submission, server.certificate, "tester", "secret"),
             [r["to"] for r in routes])
    sent = by_sender(report, "reference", reference.kept())
    for letter in letters:
        letter.sent = sent.get(letter.sender)
    unsent = [l for l in letters if l.sent is None]
    for letter in unsent:
        print(f"    {letter.client} itself does not send {letter.name}: {letter.said.strip()[-100:]}")
    letters = [l for l in letters if l.sent is not None]
    accepted = [l for l in letters if l.status == 0]
    report.check("enough real messages", len(accepted) >= ACCEPTED_MIN, len(accepted))
    for letter in accepted:
        broken = rules_against(letter.sent)
        report.check(f"taken, for no rule speaks against {letter.name}", not broken, broken)
    judge_refusals(report, [l for l in letters if l.status != 0], server)
    sink.wait(len(accepted), 60)
    if dovecot:
        until(60, lambda: dovecot.count() >= len(accepted))
    if postfix:
        behind.wait(len(accepted), 60)
    at_sink = by_sender(report, "sink", wait_quiet(sink))
    for letter in accepted:
        judge_arrival(report, "sink", letter, at_sink.get(letter.sender))
    if dovecot:
        report.equal("Dovecot: count", dovecot.count(), len(accepted))
        for letter in accepted:
            stored = dovecot.stored(letter.id)
            judge_arrival(report, "Dovecot", letter, stored[0] if len(stored) == 1 else None)
    if postfix:
        judge_postfix(report, accepted, by_sender(report, "Postfix", wait_quiet(behind)))
    report.equal("SIGTERM", server.stop(), 0)
    print(f"    {len(accepted)} messages taken of {len(letters)}, "
          f"{time.monotonic() - started:.0f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
