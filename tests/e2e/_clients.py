"""The programs people send mail with, each as one function with the same arguments.

    send_curl(Target(port), "a@b.test", ["c@d.test"], "/path/of/message")

A Target with a certificate means STARTTLS, verified; with a user, AUTH. All return the exit
status, 0 for "taken", and what the program said.
"""
import os
import smtplib
import ssl
import subprocess
import sys

from _check import tool

SECONDS_MAX = 60
HERE = os.path.dirname(os.path.abspath(__file__))


class Target:
    def __init__(self, port, certificate=None, user=None, password=None, implicit=False,
                 mechanism="plain"):
        self.port, self.certificate, self.implicit = port, certificate, implicit
        self.user, self.password, self.mechanism = user, password, mechanism


def run(command, **more):
    done = subprocess.run(command, capture_output=True, timeout=SECONDS_MAX, **more)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def swaks_has_tls():
    return "TLS not available" not in run([tool("swaks"), "--support"])[1]


def send_swaks(t, sender, rcpts, path, extra=()):
    command = [tool("swaks"), "-n", "--from", sender, "--to", ",".join(rcpts), "--data", f"@{path}",
               "--ehlo", "swaks.test", *extra]
    if t.user:
        command += ["--auth", t.mechanism.upper(), "--auth-user", t.user,
                    "--auth-password", t.password]
    if t.certificate and not swaks_tls():
        if t.implicit:
            return None, "swaks was built without TLS"
        command += ["--pipe", f"{sys.executable} -S {HERE}/_starttls_pipe.py {t.port} {t.certificate}"]
    else:
        command += ["--server", "127.0.0.1", "--port", str(t.port)]
        if t.certificate:
            command += ["--tls-on-connect" if t.implicit else "--tls"]
    return run(command)


_swaks_tls = []


def swaks_tls():
    if not _swaks_tls:
        _swaks_tls.append(swaks_has_tls())
    return _swaks_tls[0]


def send_msmtp(t, sender, rcpts, path, extra=()):
    command = [tool("msmtp"), "-C", "/dev/null", "--host=127.0.0.1", f"--port={t.port}",
               "--domain=msmtp.test", "--set-from-header=off", "--set-date-header=off",
               "--set-msgid-header=off", f"--from={sender}", *extra]
    if t.certificate:
        command += ["--tls=on", f"--tls-starttls={'off' if t.implicit else 'on'}",
                    f"--tls-trust-file={t.certificate}"]
    if t.user:
        command += [f"--auth={t.mechanism}", f"--user={t.user}",
                    f"--passwordeval=printf %s '{t.password}'"]
    with open(path, "rb") as message:
        return run([*command, "--", *rcpts], stdin=message)


def send_curl(t, sender, rcpts, path, extra=()):
    scheme = "smtps" if t.implicit else "smtp"
    command = [tool("curl"), "-sS", "--url", f"{scheme}://127.0.0.1:{t.port}/curl.test",
               "--mail-from", sender, "-T", path, *extra]
    for rcpt in rcpts:
        command += ["--mail-rcpt", rcpt]
    if t.certificate:
        command += ["--ssl-reqd", "--cacert", t.certificate]
    if t.user:
        command += ["--user", f"{t.user}:{t.password}",
                    "--login-options", f"AUTH={t.mechanism.upper()}"]
    return run(command)


def send_smtplib(t, sender, rcpts, path, extra=()):
    context = ssl.create_default_context(cafile=t.certificate) if t.certificate else None
    with open(path, "rb") as f:
        content = f.read()
    try:
        if t.implicit:
            connection = smtplib.SMTP_SSL("127.0.0.1", t.port, "smtplib.test", timeout=SECONDS_MAX,
                                          context=context)
        else:
            connection = smtplib.SMTP("127.0.0.1", t.port, "smtplib.test", timeout=SECONDS_MAX)
        with connection as smtp:
            if context and not t.implicit:
                smtp.starttls(context=context)
            if t.user:
                smtp.user, smtp.password = t.user, t.password
                smtp.ehlo_or_helo_if_needed()
                offered = smtp.esmtp_features.get("auth", "").upper().split()
                if t.mechanism.upper() not in offered:
                    return 1, f"{t.mechanism} is not offered"
                code, said = smtp.auth(t.mechanism.upper(),
                                       getattr(smtp, f"auth_{t.mechanism}".replace("-", "_")))
                if code not in (235, 503):
                    return 1, f"{code} {said!r}"
            smtp.sendmail(sender, rcpts, content, mail_options=list(extra))
    except (smtplib.SMTPException, OSError) as e:
        return 1, repr(e)
    return 0, ""


CLIENTS = {"swaks": send_swaks, "msmtp": send_msmtp, "curl": send_curl, "smtplib": send_smtplib}


def installed(name):
    return name == "smtplib" or tool(name) is not None
