"""msmtp and smtptool under its name log in at Postfix, whose passwords and tokens Dovecot judges: each method that both
know, right and wrong, by a configuration file. Root only: they are daemons.
"""
import os
import subprocess
import sys

from _check import SMTPTOOL, Report, need_program, tool
from _msmtp import Pair
from _smtp import Sink
from logins import MECHANISMS, PASSWORD, TOKENS, USER, Bench, Dovecot, SaslPostfix

TO = ["--", "x@sink.test"]


def write_accounts(pair, bench, target):
    home = "".join(f"{name}='{bench.env[name]}' " for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"))
    bad = pair.write("bad", "never-a-token\n")
    lines = [f"""defaults
host localhost
port {target.port}
from {USER}
user {USER}
tls on
tls_trust_file {target.certificate}
account default
auth on
password "{PASSWORD}"
account wrong : default
password "another"
"""]
    for name in MECHANISMS:
        lines.append(f"account {name} : default\nauth {name.lower()}\naccount {name}-wrong : wrong\nauth {name.lower()}\n")
    for name in TOKENS:
        lines.append(f"account {name} : default\nauth {name.lower()}\npassword\n"
                     f"passwordeval {home}{SMTPTOOL} -C {bench.config} oauth token me\n"
                     f"account {name}-wrong : {name}\npasswordeval cat {bad}\n")
    pair.write(".msmtprc", "".join(lines))


def log_in(pair, name):
    """By the method that was named, and nothing of the secret is shown."""
    pair.check(["-a", name, *TO])
    shown = pair.run(pair.ours, ["-a", name, "-d", *TO])
    pair.report.check(f"{name}: it was this method, and no secret is shown", f"--> AUTH {name}" in shown["raw"] and
                      PASSWORD not in shown["raw"] + shown["all"], shown)
    done = pair.check(["-a", name + "-wrong", *TO], 77)
    pair.report.check(f"{name}, wrong: the server's words", "msmtp: server message: 535 " in done["all"] and
                      f"authentication failed (method {name})" in done["all"] and "never-a-token" not in done["all"], done)


def main():
    need_program()
    report = Report()
    if os.geteuid() != 0 or not tool("dovecot") or not tool("postfix"):
        report.skip("logins of msmtp", "it needs root, dovecot and postfix")
        return report.finish()
    bench, sink = Bench(report), Sink()
    done = bench.by_browser("me")
    report.check("a login by token", done.returncode == 0, done.stderr)
    try:
        dovecot = Dovecot(sink.port, bench.provider)
        postfix = SaslPostfix(sink.port, ["smtpd_sasl_type = dovecot", f"smtpd_sasl_path = {dovecot.auth}",
                                           "smtpd_error_sleep_time = 0"])
    except (RuntimeError, OSError, subprocess.SubprocessError) as e:
        report.check("Postfix with Dovecot's SASL", False, e)
        return report.finish()
    report.on_fail.append(lambda: print(postfix.last_words().decode(errors="replace")))
    pair = Pair(report, sink)
    write_accounts(pair, bench, postfix)
    pair.check(TO)
    for name in (*MECHANISMS, *TOKENS):
        log_in(pair, name)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
