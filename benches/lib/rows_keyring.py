"""Rows about what a keyring holds besides: nothing may grow with what it does not touch."""

import json
import time

from .loopback import HOST
from .measure import Program, in_turn
from .row import Row, compared
from .running import run, succeed

LIFE = 12 * 3600  # s, of ECR's tokens
SHORT_LIFE = 60  # s: less than the three hours that a cached token must still have, so that each `get` mints


def grown(bench):
    """A cached `get` where there are thousands of logins of others."""
    ours, many = bench.ours, bench.sizes.most
    programs = [bench.get(ours, bench.environment(bench.keyring(logins=logins))) for logins in (many, 1)]
    for program in programs:
        succeed(program.command, program.stdin, program.environment)
    full, least = in_turn(bench.rounds(100, 20), [program.once for program in programs])
    yield compared(f"cached `get` with {many:,} other logins, {bench.build}", full, "with 1", least, 1.5)


def mint(bench):
    """A token minted and kept where there are logins of others. The keyring's own part of it is shown beside."""
    some, most = bench.sizes.some, bench.sizes.most
    bench.loopback.behave(f"token-life {SHORT_LIFE}")
    try:
        yield from minted(bench, some, most)
    finally:
        bench.loopback.behave(f"token-life {LIFE}")


def minted(bench, some, most):
    ours, keyrings = bench.ours, {logins: bench.keyring(logins=logins) for logins in (some, 1, most)}
    programs = {logins: bench.get(ours, bench.environment(keyring)) for logins, keyring in keyrings.items()}
    for program in programs.values():
        succeed([ours, "erase"], HOST.encode(), program.environment)  # what was kept with a longer life
        program.once()
    rounds = bench.rounds(20, 4)
    full, least = in_turn(rounds, [programs[some].once, programs[1].once])
    yield compared(f"mint and keep with {some:,} other logins, {bench.build}", full, "with 1", least, 1.3)
    full, least = in_turn(rounds, [lambda: by_itself(keyrings[some]), lambda: by_itself(keyrings[1])])
    yield compared(f"an item made and deleted in gnome-keyring itself, {some:,} others", full, "with 1", least, None)
    outcome = run(programs[most].command, programs[most].stdin, programs[most].environment)
    warned = outcome.stderr.decode().strip()
    told = warned.splitlines()[0] if warned else "no warning"
    yield Row(f"mint and keep with {most:,} other logins, {bench.build}", told, bound="no warning", kept=not warned)


def by_itself(keyring):
    start = time.perf_counter()
    keyring.create_and_delete()
    return time.perf_counter() - start


def listed(bench):
    """`list`, each program in a keyring that holds its own logins."""
    ours, theirs = bench.ours, bench.program("secretservice")
    for logins, ceiling, rounds in (
        (bench.sizes.few, 0.4, (40, 6)), (bench.sizes.some, 0.6, (10, 3)), (bench.sizes.most, 0.8, (2, 2)),
    ):
        programs = []
        for program, form in ((ours, "ours"), (theirs, "secretservice")):
            environment = bench.environment(bench.keyring(form, logins))
            programs.append(Program([program, "list"], b"", environment))
        shown = run(programs[0].command, b"", programs[0].environment)
        whole = shown.returncode == 0 and len(logins_of(shown.stdout)) == logins
        mine, yours = in_turn(bench.rounds(*rounds), [program.once for program in programs])
        what = f"`list` of {logins:,} logins, {bench.build}"
        row = compared(what, mine, bench.names["secretservice"], yours, ceiling)
        if not whole:
            row.ours += f", {len(logins_of(shown.stdout)):,} listed"
            row.kept = False
        row.bound += " and whole"
        yield row


def logins_of(text):
    """The logins of a list; a token's registry is not one."""
    return [server for server in json.loads(text) if not server.endswith(HOST)]


def other_registry(bench):
    """Another registry's login: there, and not."""
    ours, theirs = bench.ours, bench.program("secretservice")
    environments = [bench.environment(), bench.environment(bench.keyring("secretservice"))]
    for what, server, status, ceiling in (
        ("its login", "registry-1.example", 0, 0.2), ("there is none", "nobody.example", 1, 0.3),
    ):
        programs = [bench.get(path, seen, server, status) for path, seen in zip((ours, theirs), environments)]
        mine, yours = in_turn(bench.rounds(100, 20), [program.once for program in programs])
        what = f"`get` for another registry: {what}, {bench.build}"
        yield compared(what, mine, bench.names["secretservice"], yours, ceiling)
