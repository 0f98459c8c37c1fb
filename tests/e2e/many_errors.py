"""Commands that meet very many errors tell each of them in full: none becomes "too many errors at once"."""
import json
import os
import subprocess
import sys

from _check import SMTPTOOL, Report, folder, free_port, need_program, write

MANY = 50 # three times as many errs as one thread keeps

HOME = folder()
ENV = {"PATH": os.environ["PATH"], "HOME": HOME, "XDG_CONFIG_HOME": HOME, "XDG_DATA_HOME": HOME, "XDG_STATE_HOME": HOME}


def write_all():
    """Names of files that nothing can be made of."""
    files = [write(os.path.join(HOME, f"no-report-{i}"), "no report\n") for i in range(MANY)]
    write(os.path.join(HOME, "smtptool.yaml"), json.dumps({"state": os.path.join(HOME, "state"), "hostname": "laptop.test"}))
    os.makedirs(os.path.join(HOME, "smtptool"), exist_ok=True)
    accounts = {f"a{i}": {"servers": [f"smtps://127.0.0.1:{free_port()}"], "user": "me", "secret": f"file:/none/{i}"}
                for i in range(MANY)}
    write(os.path.join(HOME, "smtptool", "accounts.yaml"), "# mine\naccounts:\n" + "".join(
        f"  {name}: {json.dumps(a)}\n" for name, a in accounts.items()), 0o600)
    rows = "".join(f'"b{i}"@x,{"c" * (i * 400)}\nno address {i},\n<a@b>\\{i},x\n\xff\xfe{i}@example.net,\n"open{i}\n' for i in range(MANY))
    write(os.path.join(HOME, "list.csv"), ("email,name\n" + rows).encode("latin-1"))
    write(os.path.join(HOME, "list.jsonl"), "".join(f'{{"email": {i}}}\n{{"email": "a{i}@b"\n[{i}]\n' for i in range(MANY)))
    write(os.path.join(HOME, "sup.csv"), "".join(f"no address {i}\n" for i in range(MANY)))
    return files


def main():
    need_program()
    report = Report()
    files = write_all()
    names = [f"none{i}" for i in range(MANY)]
    lines = {
        "tls-reports read": ["tls-reports", "read", *files],
        "oauth status": ["oauth", "status", *names],
        "secret test": ["secret", "test", *[f"file:/none/{n}" for n in names], *[f"netrc:{n}" for n in names]],
        "explain bounce": ["explain", "bounce", *files, *names],
        "lint": ["lint", *files, *names],
        "preset show": ["preset", "show", *names],
        "account test --all": ["account", "test", "--all"],
        "account watch": ["account", "watch"],
        "suppress import": ["suppress", "import", os.path.join(HOME, "sup.csv")],
        "bulk clean, CSV": ["bulk", "clean", os.path.join(HOME, "list.csv")],
        "bulk clean, JSON": ["bulk", "clean", os.path.join(HOME, "list.jsonl")],
        "bulk run": ["bulk", "run", write(os.path.join(HOME, "many.yaml"), "{}\n"), "--list", os.path.join(HOME, "list.csv"), "--from", "me@example.com", "--subject", "Hi",
                     "--text", "Hello {{name}}", "--campaign", "many", "--server", f"smtp://127.0.0.1:{free_port()}?tls=none"],
    }
    for name, words in lines.items():
        done = subprocess.run([SMTPTOOL, "-C", os.path.join(HOME, "smtptool.yaml"), *words], capture_output=True, timeout=120,
                              env=ENV, cwd=HOME, stdin=subprocess.DEVNULL)
        said = done.stdout + done.stderr
        if name.startswith("bulk clean"): # which tells why in a file
            with open(os.path.join(HOME, "list.removed.csv"), "rb") as f:
                said += f.read()
        if os.environ.get("SHOW"):
            print(name, done.returncode, len(said), said[-300:])
        report.check(f"{name}: each error in full", b"too many errors at once" not in said and (done.returncode > 0 or "clean" in name),
                     (done.returncode, said[-600:]))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
