#!/usr/bin/env python3
"""Records the functions of a cached `get`, which scripts/link-in-order.sh puts side by side.

    CARGO_PROFILE_RELEASE_STRIP=none bash scripts/build-static.sh
    python3 benches/record-order.py target/x86_64-unknown-linux-musl/release/docker-credential-ecr-rs

writes scripts/function-order.txt: the functions of a token that is in the keyring, and of a registry without a login,
sorted, since callgrind tells them in another order each time. Needs what benches/run needs for its row `cached`, but for the peers.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from lib.context import Context

ROOT = Path(__file__).resolve().parent.parent
ORDER = ROOT / "scripts/function-order.txt"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", type=Path, help="the static build, with its symbols")
    arguments.add_argument("--loopback", default=str(ROOT / "target/release/examples/loopback"))
    options = arguments.parse_args()
    options = SimpleNamespace(loopback=options.loopback, ours=str(options.program.resolve()), sizes=None)
    called = set()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Context(Path(folder), options) as bench:
        hit = bench.get(options.ours, bench.environment())
        hit.once()
        for program in (hit, bench.get(options.ours, bench.environment(), "nobody.example", 1)):
            profile = Path(folder) / "profile"
            program.under(["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={profile}"])
            called.update(map(without_hashes, functions(profile.read_text())))
    if len(called) < 100:
        sys.exit(f"error: {options.ours} tells {len(called)} names: has it its symbols?")
    ORDER.write_text("\n".join(sorted(called)) + "\n")
    print(f"{ORDER}: {len(called)} functions")


def functions(profile):
    """The names in a profile of callgrind; what has none is an address there."""
    for name in re.findall(r"^c?fn=\(\d+\) (.+)$", profile, re.MULTILINE):
        if re.fullmatch(r"[\w.$]+(?:'\d+)?", name) and not name.startswith("0x"):
            yield name.split("'")[0]


def without_hashes(name):
    """As scripts/link-in-order.sh looks them up."""
    return re.sub(r"Cs[0-9A-Za-z]+_", "C_", re.sub(r"17h[0-9a-f]+E$", "", name))


if __name__ == "__main__":
    main()
