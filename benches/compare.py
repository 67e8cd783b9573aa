#!/usr/bin/env python3
"""Times this helper side by side with the helpers that it replaces, and prints the README's table.

Everything runs on this machine: a loopback AWS, a private D-Bus session with its own gnome-keyring,
and the programs in turn, round by round, so that a drift of the machine's speed meets all of them.
Figures are medians of whole processes; trust the ratios. A missed bound is marked, and with --strict
exits 1; without, a noisy machine fails nobody.

Needs: cargo, dbus-daemon, gnome-keyring-daemon, docker-credential-secretservice, GNU time, and
amazon-ecr-credential-helper 0.12.0 built by `go install` (module path in .ci/run).
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from loopback import ACCOUNT, HOST, REGION, ROOT, Loopback, find_programs, run, table, time_once

MIB = 1 << 20


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=100)
    arguments.add_argument("--ours", default=str(ROOT / "target/release/docker-credential-ecr-rs"))
    arguments.add_argument("--go-helper", default="docker-credential-ecr-login")
    arguments.add_argument("--keychain-helper", default="docker-credential-secretservice")
    arguments.add_argument("--loopback", default=str(ROOT / "target/release/examples/loopback"))
    arguments.add_argument("--strict", action="store_true")
    options = arguments.parse_args()
    find_programs(options, ("ours", "go_helper", "keychain_helper", "loopback"))
    with tempfile.TemporaryDirectory() as folder, Loopback(Path(folder), options) as loopback:
        rows = [case(loopback, options) for case in CASES]
    print(table(rows))
    sys.exit(options.strict and any(row["verdict"] == "missed" for row in rows))


def side_by_side(loopback, stdin, ours, theirs, rounds):
    """Median milliseconds of two (command, environment) pairs, run in turn."""
    stdin_file = loopback.folder / "stdin"
    stdin_file.write_text(stdin)
    seconds = ([], [])
    for _ in range(rounds):
        for taken, (command, environment) in zip(seconds, (ours, theirs)):
            taken.append(time_once(command, stdin_file, environment))
    return [statistics.median(taken) * 1000 for taken in seconds]


def compared(name, loopback, options, stdin, ours, theirs, peer, bound):
    for (command, environment), wanted in ((ours, 0), (theirs, 0)):
        outcome = run(command, stdin.encode(), environment)
        if stdin == HOST and outcome.returncode != wanted:
            sys.exit(f"error: {command[0]} cannot answer: {outcome.stdout.decode()} {outcome.stderr.decode()}")
    mine, yours = side_by_side(loopback, stdin, ours, theirs, options.rounds)
    verdict = "kept" if mine / yours <= bound else "missed"
    return {
        "name": name, "ours": f"{mine:.2f} ms", "peer": f"{peer}: {yours:.2f} ms",
        "ratio": f"{mine / yours:.2f}", "bound": f"≤ {bound}", "verdict": verdict,
    }


def cached_get(loopback, options):
    cache = str(loopback.folder / "go-cache")
    ours = [options.ours, "get"], loopback.environment()
    theirs = [options.go_helper, "get"], loopback.environment(AWS_ECR_CACHE_DIR=cache)
    name = "cached `get`, from the Secret Service"
    return compared(name, loopback, options, HOST, ours, theirs, "Go helper, clear-text file", 0.75)


def cached_file_get(loopback, options):
    ours = [options.ours, "get"], loopback.environment(AWS_ECR_CACHE_DIR=str(loopback.folder / "our-cache"))
    theirs = [options.go_helper, "get"], loopback.environment(AWS_ECR_CACHE_DIR=str(loopback.folder / "go-cache"))
    name = "cached `get`, both from a clear-text file"
    return compared(name, loopback, options, HOST, ours, theirs, "Go helper", 0.75)


def miss(loopback, options):
    # No endpoint URLs: both reach AWS's own host names over TLS, through the proxy.
    tls = {name: None for name in loopback.variables if name.startswith("AWS_ENDPOINT_URL")}
    environment = loopback.environment(**tls, AWS_ECR_DISABLE_CACHE="1")
    ours, theirs = ([options.ours, "get"], environment), ([options.go_helper, "get"], environment)
    return compared("miss over TLS", loopback, options, HOST, ours, theirs, "Go helper", 0.6)


def unknown_server(loopback, options):
    ours = [options.ours, "get"], loopback.environment()
    theirs = [options.keychain_helper, "get"], loopback.environment()
    name = "`get` for a registry without a login"
    peer = "docker-credential-secretservice"
    return compared(name, loopback, options, "nobody.example", ours, theirs, peer, 0.3)


def assumed_role(loopback, options):
    folder = loopback.folder / "role"
    folder.mkdir(exist_ok=True)
    keys = loopback.variables
    (folder / "credentials").write_text(
        f"[base]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/puller"
    (folder / "config").write_text(f"[profile role]\nrole_arn = {role}\nsource_profile = base\nregion = {REGION}\n")
    environment = loopback.environment(
        AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_PROFILE="role",
        AWS_CONFIG_FILE=str(folder / "config"), AWS_SHARED_CREDENTIALS_FILE=str(folder / "credentials"),
    )
    counts = []
    for program, cache in ((options.ours, None), (options.go_helper, str(loopback.folder / "go-role"))):
        seen = environment if cache is None else {**environment, "AWS_ECR_CACHE_DIR": cache}
        run([program, "get"], HOST.encode(), seen)
        before = loopback.aws_calls()
        for _ in range(10):
            outcome = run([program, "get"], HOST.encode(), seen)
            if outcome.returncode != 0:
                sys.exit(f"error: {program}: {outcome.stdout.decode()} {outcome.stderr.decode()}")
        counts.append((loopback.aws_calls() - before) / 10)
    mine, yours = counts
    return {
        "name": "AWS calls of a cached `get` under an assumed role", "ours": f"{mine:g}",
        "peer": f"Go helper: {yours:g}", "ratio": "", "bound": "0", "verdict": "kept" if mine == 0 else "missed",
    }


def memory(loopback, options):
    peaks = []
    for program, more in ((options.ours, {}), (options.go_helper, {"AWS_ECR_CACHE_DIR": str(loopback.folder / "go-cache")})):
        # GNU time forks from a small process: a child's figure never falls below its parent's.
        outcome = run(["time", "-f", "%M", program, "get"], HOST.encode(), loopback.environment(**more))
        peaks.append(int(outcome.stderr.split()[-1]) / 1024)
    mine, yours = peaks
    return {
        "name": "peak memory of a cached `get`", "ours": f"{mine:.1f} MiB", "peer": f"Go helper: {yours:.1f} MiB",
        "ratio": f"{mine / yours:.2f}", "bound": "< 8 MiB", "verdict": "kept" if mine < 8 else "missed",
    }


def size(loopback, options):
    mine, yours = (os.path.getsize(path) / MIB for path in (options.ours, options.go_helper))
    return {
        "name": "size of the binary", "ours": f"{mine:.1f} MiB", "peer": f"Go helper: {yours:.1f} MiB",
        "ratio": f"{mine / yours:.2f}", "bound": "< 10 MiB", "verdict": "kept" if mine < 10 else "missed",
    }


CASES = [cached_get, cached_file_get, miss, assumed_role, unknown_server, memory, size]


if __name__ == "__main__":
    main()
