"""floor.c, recorded and compiled."""

import shutil

from .loopback import HOST
from .measure import Program
from .running import Unmeasured, find, succeed


def build(bench):
    """The floor for the token that is in the small keyring now."""
    benches = bench.options.benches
    environment, folder = bench.environment(), bench.folder / "floor"
    folder.mkdir()
    ours = bench.program("ours")
    wanted = succeed([ours, "get"], HOST.encode(), environment)
    succeed([benches / "record-floor.py", ours, HOST, folder / "recorded.h"], b"", environment)
    # musl's start costs less than glibc's, and a floor is the lowest that there is.
    compiler = shutil.which("musl-gcc") or find("cc", "apt-get install gcc libc6-dev")
    program = str(folder / "floor")
    succeed([compiler, "-O2", "-static", "-I", folder, "-o", program, benches / "floor.c"], b"", bench.base)
    if succeed([program], b"", environment) != wanted:
        raise Unmeasured("floor.c prints something else than the program")
    return Program([program], b"", environment)
