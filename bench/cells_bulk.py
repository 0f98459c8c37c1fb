"""One mailing to many: `smtptool bulk run` beside Postfix's smtp-source and nodemailer's pool, to one sink.

BULK_COUNT: recipients (20000; a million takes minutes). NODE_PATH: where nodemailer is, if anywhere.
smtp-source makes no mail of a row: it sends one text again and again. Only `bulk` keeps a journal.
"""
import os
import shutil
import subprocess
import tempfile
import time

import peers
from measure import Failed, read

CONNECTIONS = 20
SECONDS_MAX = 3600

NODE = """
const nodemailer = require('nodemailer'), fs = require('fs'), readline = require('readline');
const pool = nodemailer.createTransport({host: '127.0.0.1', port: +process.argv[2], secure: false, ignoreTLS: true,
                                         pool: true, maxConnections: %d, maxMessages: 1000});
(async () => {
    const rows = readline.createInterface({input: fs.createReadStream(process.argv[3])});
    let first = true, open = 0, wake = null;
    for await (const row of rows) {
        if (first) { first = false; continue; }
        const [email, name] = row.split(',');
        while (open >= 200) await new Promise(resolve => { wake = resolve; });
        open++;
        pool.sendMail({from: 'News <news@source.test>', to: `${name} <${email}>`, subject: `Hello ${name}`,
                       text: `Dear ${name},\\n\\n` + 'This is a line of a newsletter as it is often seen.\\n'.repeat(18)})
            .catch(why => { console.error(why.message); process.exit(1); })
            .finally(() => { open--; if (wake) { const w = wake; wake = null; w(); } });
    }
    while (open > 0) await new Promise(resolve => { wake = resolve; });
    pool.close();
})();
""" % CONNECTIONS


def make_list(base, count):
    path = os.path.join(base, f"list-{count}.csv")
    with open(path, "w") as file:
        file.write("email,name\n")
        file.writelines(f"user{i}@d{i % 997}.test,Name {i}\n" for i in range(count))
    return path


def high_water(pid, found):
    """The most memory so far, MiB, of the program itself: what is counted for a child begins before its exec."""
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmHWM:"):
            return max(found, int(line.split()[1]) / 1024)
    return found


def timed(command, environment=None):
    """Seconds, CPU seconds and the most memory of one process."""
    start, memory = time.monotonic(), 0
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told, env=environment)
        pid = 0
        while not pid:
            time.sleep(0.02)
            memory = high_water(process.pid, memory)
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        if process.returncode != 0:
            raise Failed(f"it ended with {process.returncode}: {told.read().decode(errors='replace')[-200:]}")
    return wall, used.ru_utime + used.ru_stime, memory


def row(name, count, taken):
    seconds, cpu, memory = taken
    return {"rate": count / seconds, "cpu": cpu * 1e6 / count, "memory": memory, "peer": f"{name}, {count:,} mails"}


def bulk(session, sink, count):
    text = os.path.join(session.base, "text")
    with open(text, "w") as file:
        file.write("Dear {{name}},\n\n" + "This is a line of a newsletter as it is often seen.\n" * 18)
    job = os.path.join(session.base, f"job-{count}-{time.monotonic_ns()}")
    return timed([session.program, "bulk", "run", "-q", "--campaign", "bench", "--job", job, "--list", make_list(session.base, count),
                  "--from", "News <news@source.test>", "--to", "{{name}} <{{email}}>", "--subject", "Hello {{name}}",
                  "--text-file", text, "--connections", str(CONNECTIONS), "--server", f"smtp://127.0.0.1:{sink.port}?tls=none"])


def source(_session, sink, count):
    if not shutil.which("smtp-source"):
        raise Failed("smtp-source is not installed")
    return timed(["smtp-source", "-d", "-s", str(CONNECTIONS), "-m", str(count), "-l", "1024", f"127.0.0.1:{sink.port}"])


def nodemailer(session, sink, count):
    script = os.path.join(session.base, "send.js")
    with open(script, "w") as file:
        file.write(NODE)
    if not shutil.which("node"):
        raise Failed("node is not installed")
    return timed(["node", script, str(sink.port), make_list(session.base, count)], dict(os.environ))


def mailing(session):
    count, rows = int(os.environ.get("BULK_COUNT") or 20000), []
    sink = session.start(peers.Sink, "hold")
    for name, work, counts in (("`smtptool bulk run`", bulk, (count // 10, count)), ("smtp-source", source, (count,)),
                               ("nodemailer, pool", nodemailer, (count,))):
        for one in counts:
            try:
                rows.append(row(name, one, work(session, sink, one)))
                session.say(f"  {rows[-1]['peer']}: {rows[-1]['rate']:.0f}/s")
            except Failed as why:
                rows.append({"peer": name, "not_run": str(why)})
    session.end_peers()
    return rows


def cells():
    """(name, kind, title, in the core table, what to do)"""
    yield "bulk", "bulk", "one mailing to many", False, mailing
