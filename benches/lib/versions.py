"""Which version of a peer was measured, by what the program or its package says."""

import re
import subprocess

from .running import Unmeasured


def module_version(path, module):
    """The version of the Go module of that name that a program was built from: Go keeps it in each program."""
    with open(path, "rb") as program:
        found = re.search(rb"\t[\w./-]+/" + module.encode() + rb"\tv([\w.+-]+)", program.read())
    if not found:
        raise Unmeasured(f"{path} does not say its version")
    return found[1].decode()


def debian_version(path):
    """The version of a Debian package's program, else what it calls itself."""
    asked = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        query = ["dpkg-query", "-W", "-f", "${Version}", asked.stdout.split(":", 1)[0]]
        shown = subprocess.run(query, capture_output=True, text=True, check=True)
        return re.match(r"(?:\d+:)?([\d.]+)", shown.stdout)[1]  # without epoch and revision
    return subprocess.run([path, "version"], capture_output=True, text=True, check=False).stdout.strip()
