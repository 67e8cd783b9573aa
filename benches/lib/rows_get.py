"""Rows about one `get` for ECR: cached, missed, many at once."""

import os
import shutil
import time

from .loopback import ACCOUNT, HOST, REGION
from .measure import Program, in_turn
from .row import compared, counted
from .running import Unmeasured, exit_status, succeed

CLEAR_TEXT = "its file in clear text"
TOKEN_CALL = "GetAuthorizationToken"


def cached(bench):
    """A cached `get`, beside the floor and beside the helper that we replace."""
    ours = {name: bench.get(path, bench.environment()) for name, path in bench.builds.items()}
    theirs = bench.get(bench.go_helper, bench.go_environment)
    for program in (*ours.values(), theirs):
        succeed(program.command, program.stdin, program.environment)
    floor = bench.floor
    peer = f"{bench.names['go']}, {CLEAR_TEXT}"
    programs = (*ours.values(), floor, theirs)
    *mine, least, go = in_turn(bench.rounds(200, 30), [program.once for program in programs])
    for name, times in zip(ours, mine):
        what = f"cached `get` from the Secret Service, {name}"
        yield compared(what, times, "the floor in C", least, {"static": 1.2, "glibc": None}[name])
        yield compared(what, times, peer, go, {"static": 0.5, "glibc": 0.6}[name])
    for what, count, ceilings in (
        ("instructions", Program.instructions, {"static": 300_000, "glibc": 520_000}),
        ("system calls", Program.system_calls, {"static": None, "glibc": None}),
    ):
        peers = f"the floor in C: {count(floor):,}; {bench.names['go']}"
        theirs_count = count(theirs)
        for name, program in ours.items():
            mine = count(program)
            yield counted(f"cached `get`: {what}, {name}", mine, "", ceilings[name], peers, theirs_count)
    peak = theirs.peak_memory()
    for name, program in ours.items():
        mine, most = program.peak_memory(), {"static": 3.0, "glibc": 4.5}[name]
        yield counted(f"cached `get`: peak memory, {name}", mine, "MiB", most, bench.names["go"], peak, 3)


def cached_in_file(bench):
    """Like with like: both read a file in clear text."""
    ours = bench.get(bench.ours, bench.environment(AWS_ECR_CACHE_DIR=str(bench.folder / "our-cache")))
    theirs = bench.get(bench.go_helper, bench.go_environment)
    for program in (ours, theirs):
        succeed(program.command, program.stdin, program.environment)
    mine, yours = in_turn(bench.rounds(100, 20), [ours.once, theirs.once])
    yield compared(f"cached `get`, both from a file in clear text, {bench.build}", mine, bench.names["go"], yours, 0.5)


def assumed_role(bench):
    """Whom a cached `get` asks when the identity is a role."""
    folder = bench.folder / "role"
    folder.mkdir()
    keys = bench.loopback.variables
    (folder / "credentials").write_text(
        f"[base]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/puller"
    (folder / "config").write_text(f"[profile role]\nrole_arn = {role}\nsource_profile = base\nregion = {REGION}\n")
    files = {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
    environment = bench.environment(
        AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_PROFILE="role", **files,
    )
    counts = []
    for program, more in ((bench.ours, {}), (bench.go_helper, {"AWS_ECR_CACHE_DIR": str(folder / "go")})):
        command, seen = [program, "get"], {**environment, **more}
        succeed(command, HOST.encode(), seen)
        before = bench.loopback.calls()
        succeed(command, HOST.encode(), seen)
        counts.append(bench.loopback.calls() - before)
    yield counted("AWS calls of a cached `get` under an assumed role", counts[0], "", 0, bench.names["go"], counts[1])


def miss(bench):
    """A `get` that must ask AWS, over TLS, trusting the roots of this machine."""
    environment = bench.environment(**bench.system_roots)
    theirs = bench.get(bench.go_helper, environment)
    ours = {name: bench.get(path, environment) for name, path in bench.builds.items()}
    for program in (*ours.values(), theirs):
        succeed(program.command, program.stdin, program.environment)
    programs = (*ours.values(), theirs)
    *mine, go = in_turn(bench.rounds(60, 10), [program.once for program in programs])
    for name, times in zip(ours, mine):
        yield compared(f"miss over TLS, the system's own roots, {name}", times, bench.names["go"], go, 0.3)
    count = theirs.instructions()
    for name, program in ours.items():
        mine = program.instructions()
        yield counted(f"miss over TLS: instructions, {name}", mine, "", 15_000_000, bench.names["go"], count)
    peak = theirs.peak_memory()
    for name, program in ours.items():
        mine = program.peak_memory()
        yield counted(f"miss over TLS: peak memory, {name}", mine, "MiB", 8.0, bench.names["go"], peak, 3)


def at_once(bench):
    """Many processes that find nothing cached, as when `docker compose pull` starts."""
    many = bench.sizes.at_once
    environment, cache = bench.environment(), bench.folder / "cold"
    ours = bench.get(bench.ours, environment)
    theirs = bench.get(bench.go_helper, {**environment, "AWS_ECR_CACHE_DIR": str(cache)})
    calls = {ours: [], theirs: []}

    def burst(program, forget):
        def once():
            forget()
            before = bench.loopback.calls()
            seconds = start_all(program, many)
            calls[program].append(bench.loopback.operations(before).count(TOKEN_CALL))
            return seconds

        return once

    forget_ours = burst(ours, lambda: succeed([ours.command[0], "erase"], HOST.encode(), environment))
    forget_theirs = burst(theirs, lambda: shutil.rmtree(cache, ignore_errors=True))
    mine, yours = in_turn(bench.rounds(5, 2), [forget_ours, forget_theirs])
    what, peer = f"{many} cold `get`s at once", bench.names["go"]
    yield compared(f"{what}, {bench.build}", mine, peer, yours, 0.75)
    most = {program: max(counts) for program, counts in calls.items()}
    yield counted(f"{what}: calls to AWS, {bench.build}", most[ours], "", 1, peer, most[theirs], len(mine.seconds))


def start_all(program, many):
    """Seconds from the first start to the last end; each must succeed."""
    with open(os.devnull, "wb") as sink:
        outputs = [(os.POSIX_SPAWN_DUP2, sink.fileno(), stream) for stream in (1, 2)]
        waiting = []
        start = time.perf_counter()
        for _ in range(many):
            reads, writes = os.pipe()
            os.write(writes, program.stdin)
            os.close(writes)
            actions = [(os.POSIX_SPAWN_DUP2, reads, 0), *outputs]
            command, environment = program.command, program.environment
            waiting.append(os.posix_spawn(command[0], command, environment, file_actions=actions))
            os.close(reads)
        failed = sum(exit_status(pid) != 0 for pid in waiting)
        seconds = time.perf_counter() - start
    if failed:
        raise Unmeasured(f"{failed} of {many} cold `get`s at once failed")
    return seconds


def binary(bench):
    """What is installed."""
    theirs = os.path.getsize(bench.go_helper) / (1 << 20)
    for name, path in bench.builds.items():
        mine = os.path.getsize(path) / (1 << 20)
        yield counted(f"size of the binary, {name}", mine, "MiB", 8.0, bench.names["go"], theirs)
