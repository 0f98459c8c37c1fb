"""A network of this process's own, where names have MX hosts and port 25 is free.

An MX host is never on a loopback address, so addresses of 11.0.0.0/16 are this machine's inside. What
is started while it is entered lives there; nothing of it can reach another machine.
"""
import collections
import ctypes
import os
import shutil
import subprocess

from measure import Failed

CLONE_NEWNET = 0x40000000
MX_PORT = 25

# A domain and where its mail goes: ((host, address), …), all of one preference.
Domain = collections.namedtuple("Domain", "name hosts")


class Network:
    def __enter__(self):
        if os.geteuid() != 0 or not shutil.which("ip"):
            raise Failed("a network of its own needs root and the program ip")
        self.before = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.libc = ctypes.CDLL(None, use_errno=True)
        if self.libc.unshare(CLONE_NEWNET) != 0:
            os.close(self.before)
            raise Failed(f"a network of its own: {os.strerror(ctypes.get_errno())}")
        try:
            for words in ("link set lo up", "route add local 11.0.0.0/16 dev lo"):
                subprocess.run(["ip", *words.split()], check=True, capture_output=True)
        except (OSError, subprocess.SubprocessError) as why:
            self.leave()
            raise Failed(f"a network of its own: {why}") from None
        return self

    def leave(self):
        self.libc.setns(self.before, CLONE_NEWNET)
        os.close(self.before)

    def __exit__(self, *_):
        self.leave()


def zone(town):
    """Lines of a --dns-zone file."""
    lines = []
    for domain in town:
        for host, address in domain.hosts:
            lines.append(f"{domain.name}. IN MX 10 {host}.")
            lines.append(f"{host}. IN A {address}")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def own_hosts(names, first=1, addresses=50):
    """Each domain with a host of its own; the hosts share so many addresses from 11.0.0.FIRST on."""
    return [Domain(name, ((f"mx.{name}", f"11.0.0.{first + i % addresses}"),)) for i, name in enumerate(names)]


def shared_hosts(names, first=1, hosts=2):
    """All domains at the same provider."""
    at = tuple((f"mx{i + 1}.provider.test", f"11.0.0.{first + i}") for i in range(hosts))
    return [Domain(name, at) for name in names]
