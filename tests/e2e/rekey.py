"""Where the user's own secrets are kept, and their locks: `account add --keep`, `secret rekey` (killed in the middle, too), and
the passphrase of the logins at a terminal.

A keyring is a `secret-tool` on PATH with a file for each entry, called as the real one is.
"""
import os
import pty
import random
import select
import signal
import stat
import subprocess
import sys
import termios
import time

from _check import SMTPTOOL, Report, folder, need_program, until, write
from oauth import Bench

PASSWORD, PASSPHRASE, ANOTHER = "correct-horse-7", "first words", "second words"
KILLS = 12

KEYRING = """#!/bin/sh
# secret-tool lookup service S username U | secret-tool store --label=L service S username U
case $1 in
lookup) cat "$KEYRING/$3.$5" 2>/dev/null ;;
store) shift; case $1 in --label*) shift ;; esac; cat >"$KEYRING/$2.$4" ;;
*) exit 2 ;;
esac
"""


class User:
    def __init__(self):
        self.home, tools = folder(0o700), folder()
        self.keyring = folder()
        path = write(os.path.join(tools, "secret-tool"), KEYRING)
        os.chmod(path, 0o755)
        self.passphrase = write(os.path.join(self.home, "passphrase"), PASSPHRASE + "\n", 0o600)
        self.another = write(os.path.join(self.home, "another"), ANOTHER + "\n", 0o600)
        self.env = {"PATH": tools + ":" + os.environ["PATH"], "HOME": self.home, "KEYRING": self.keyring,
                    "XDG_CONFIG_HOME": os.path.join(self.home, "config"), "NO_COLOR": "1"}
        self.sealed = os.path.join(self.home, "secrets.sealed")

    def run(self, *args, stdin="", **env):
        return subprocess.run([SMTPTOOL, *args], input=stdin, capture_output=True, text=True, timeout=60, cwd=self.home,
                              env={**self.env, **env})

    def secret(self, *args, stdin="", **env):
        return self.run("secret", *args, stdin=stdin, **env)


# ---- account add --keep -------------------------------------------------------------------------

def keeping(report, user):
    def add(name, keep, **env):
        done = user.run("account", "add", "me@example.com", "--server", "smtps://mail.example.com", "--name", name,
                        "--keep", keep, stdin=PASSWORD + "\n", **env)
        with open(os.path.join(user.env["XDG_CONFIG_HOME"], "smtptool", "accounts.yaml"), encoding="utf-8") as f:
            text = f.read()
        report.check(f"--keep {keep}: the password stands nowhere in accounts.yaml", PASSWORD not in text, text)
        return done, text

    def reads(reference, **env):
        return f"{len(PASSWORD)} bytes" in user.secret("test", reference, **env).stdout

    done, text = add("infile", "file")
    path = os.path.join(user.env["XDG_CONFIG_HOME"], "smtptool", "infile.secret")
    report.check("--keep file", done.returncode == 0 and f"file:{path}" in text and reads("file:" + path) and
                 stat.S_IMODE(os.stat(path).st_mode) == 0o600, done)
    done, text = add("inring", "keyring")
    report.check("--keep keyring", done.returncode == 0 and "keyring:smtptool-inring/me@example.com" in text and
                 reads("keyring:smtptool-inring/me@example.com"), done)
    user.secret("set", "--key-file", os.path.join(user.home, "key"), user.sealed, "other", stdin="x\n")
    done, text = add("sealed", f"encrypted:{user.sealed}#mail")
    report.check("--keep encrypted", done.returncode == 0 and f"encrypted:{user.sealed}#mail" in text and
                 reads(f"encrypted:{user.sealed}#mail"), done)
    done = user.run("account", "add", "me@example.com", "--server", "smtps://mail.example.com", "--name", "no", "--keep",
                    f"encrypted:{user.home}/none#mail", stdin=PASSWORD + "\n")
    report.check("--keep encrypted: a file that is not there", done.returncode == 64 and "secret set" in done.stderr, done)
    os.rename(os.path.join(user.env["PATH"].split(":")[0], "secret-tool"), os.path.join(user.home, "hidden"))
    done = user.run("account", "add", "me@example.com", "--server", "smtps://mail.example.com", "--name", "no", "--keep",
                    "keyring", stdin=PASSWORD + "\n", PATH=user.env["PATH"].split(":")[0] + ":/usr/bin:/bin")
    os.rename(os.path.join(user.home, "hidden"), os.path.join(user.env["PATH"].split(":")[0], "secret-tool"))
    report.check("--keep keyring: where there is none", done.returncode == 64 and "secret-tool" in done.stderr, done)


# ---- secret rekey -------------------------------------------------------------------------------

def rekeying(report, user):
    with open(user.sealed, encoding="ascii") as f:
        before = f.read()
    ways = [(["--passphrase-file", user.passphrase], {"SMTPTOOL_PASSPHRASE_FILE": user.passphrase}, "lock passphrase"),
            (["--passphrase-file", user.another], {"SMTPTOOL_PASSPHRASE_FILE": user.another}, "lock passphrase"),
            (["--keyring", "team"], {}, "lock keyring"),
            (["--credential", "box"], {"CREDENTIALS_DIRECTORY": user.home}, "lock credential"),
            (["--key-file", os.path.join(user.home, "key2")], {}, "lock key-file")]
    write(os.path.join(user.home, "box"), "A" * 43 + "=", 0o600)
    old = {}
    for words, env, line in ways:
        done = user.secret("rekey", *words, user.sealed, **{**old, **({"CREDENTIALS_DIRECTORY": user.home}
                                                                     if "--credential" in words else {})})
        got = user.secret("get", user.sealed, "mail", **env)
        with open(user.sealed, encoding="ascii") as f:
            after = f.read()
        report.check(f"rekey {words[0]}", done.returncode == 0 and got.stdout == PASSWORD and line in after, (done, got))
        report.check(f"rekey {words[0]}: nothing of the old file stays", not
                     [l for l in before.splitlines() if l.startswith(("lock", "entry", "seal ")) and l in after], after)
        if line == "lock passphrase":
            wrong = user.secret("get", user.sealed, "mail", SMTPTOOL_PASSPHRASE_FILE=write(
                os.path.join(user.home, "wrong"), "others\n", 0o600))
            report.check(f"rekey {words[0]}: other words do not open it", wrong.returncode == 78, wrong)
        before, old = after, env
    done = user.secret("rekey", user.sealed)
    report.check("rekey without a way", done.returncode == 64 and "--passphrase" in done.stderr, done)


def killed(report, user):
    """kill -9 at any moment: the file is whole, under one key or the other."""
    keys = [os.path.join(user.home, name) for name in ("key2", "key3")]
    chance, whole, names = random.Random(7), 0, set()
    for i in range(KILLS):
        process = subprocess.Popen([SMTPTOOL, "secret", "rekey", "--key-file", keys[i % 2], user.sealed],
                                   stderr=subprocess.DEVNULL, env=user.env, cwd=user.home)
        time.sleep(chance.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        whole += user.secret("get", user.sealed, "mail").stdout == PASSWORD
        with open(user.sealed, encoding="ascii") as f:
            names.add([l for l in f if l.startswith("lock")][0].split()[-1])
    report.equal(f"rekey killed {KILLS} times: the file is whole each time", whole, KILLS)
    done = user.secret("rekey", "--key-file", keys[0], user.sealed)
    report.check("... and goes through afterwards", done.returncode == 0 and
                 not os.path.exists(user.sealed + ".new"), done)


# ---- at a terminal ------------------------------------------------------------------------------

def at_terminal(words, env, where, answers):
    """What it said; each answer is typed at the next prompt, once the echo is off."""
    said, answers = "", list(answers)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(where)
        os.execve(SMTPTOOL, [SMTPTOOL, *words], env)
    while True:
        ready, _, _ = select.select([fd], [], [], 30)
        try:
            data = os.read(fd, 65536) if ready else b""
        except OSError: # it has ended
            break
        if not data:
            os.kill(pid, signal.SIGKILL)
            break
        said += data.decode(errors="replace")
        if said.endswith(": ") and answers:
            until(30, lambda: not termios.tcgetattr(fd)[3] & termios.ECHO)
            os.write(fd, answers.pop(0).encode() + b"\n")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return code, said


def asked(report, user):
    code, said = at_terminal(["secret", "rekey", "--passphrase", user.sealed], user.env, user.home, [ANOTHER, ANOTHER])
    report.check("a new passphrase is asked for twice", code == 0 and "New passphrase" in said and ANOTHER not in said, said)
    code, said = at_terminal(["secret", "rekey", "--passphrase", user.sealed], user.env, user.home, [ANOTHER, "a", "b"])
    report.check("two that differ change nothing", code == 78 and "not the same" in said, said)
    code, said = at_terminal(["secret", "rekey", "--key-file", os.path.join(user.home, "key4"), user.sealed], user.env,
                             user.home, [ANOTHER])
    report.check("the old one is asked for", code == 0 and user.secret("get", user.sealed, "mail").stdout == PASSWORD, said)


def logins(report, user):
    """The tokens of a user's logins under a passphrase that he types."""
    b = Bench(report)
    b.env["SMTPTOOL_PASSPHRASE_FILE"] = user.passphrase
    done = b.by_browser("me")
    report.check("a login kept under a passphrase", done.returncode == 0, done.stderr)
    token = b.token("me").stdout.strip()
    del b.env["SMTPTOOL_PASSPHRASE_FILE"]
    report.check("without one it is not opened", b.token("me").returncode == 65)
    code, said = at_terminal(["-C", b.config, "oauth", "token", "me", "--show"], b.env, b.home, [PASSPHRASE])
    report.check("at a terminal it is asked for", code == 0 and "Passphrase of your logins" in said and token in said and
                 PASSPHRASE not in said, said)
    code, said = at_terminal(["-C", b.config, "oauth", "token", "me", "--show"], b.env, b.home, ["something else"])
    report.check("a wrong one opens nothing", code == 65 and token not in said, (code, said))


def main():
    need_program()
    report, user = Report(), User()
    keeping(report, user)
    rekeying(report, user)
    killed(report, user)
    asked(report, user)
    logins(report, user)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
