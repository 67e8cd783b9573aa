"""The machine's own root certificates, with the loopback's beside them, seen by this run alone."""

import os
import subprocess
import sys
from pathlib import Path

from .running import Unmeasured

MARK = "ECR_RS_BENCH_MOUNTS"
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


def enter_own_mounts():
    """Starts this script anew where what it mounts is its own. Where that is not allowed, it goes on as it is."""
    if MARK in os.environ:
        return
    os.environ[MARK] = "no"
    for more in ([], ["--map-root-user"]):
        unshare = ["unshare", "--mount", "--propagation", "private", *more]
        try:
            allowed = subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return
        if allowed:
            os.environ[MARK] = "yes"
            os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])


def trust(authority, folder):
    """The system's bundle of roots has this authority from here on."""
    if os.environ.get(MARK) != "yes":
        raise Unmeasured("the system's roots cannot be changed here: unshare --mount is needed")
    bundle = next((Path(path).resolve() for path in BUNDLES if Path(path).is_file()), None)
    if bundle is None:
        raise Unmeasured("this system has no bundle of root certificates: apt-get install ca-certificates")
    extended = folder / "roots.pem"
    extended.write_bytes(bundle.read_bytes() + Path(authority).read_bytes())
    subprocess.run(["mount", "--bind", extended, bundle], check=True)
