"""Follows one page as a reader would: runs its marked blocks one after the other, in one shell.

    python3 tests/docs/follow.py PAGE LOOPBACK FOLDER

LOOPBACK is the built example. FOLDER is for scratch files, and has the programs of the reader in `bin`.
tests/docs.sh says what the marks mean.
"""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import images
from markdown import blocks

SECONDS = 60  # a page takes a few
NO_ERROR = 99  # with which a page ends where a block should fail and does not


def main():
    page, loopback, folder = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]).resolve()
    world = folder / page.as_posix().replace("/", "-")
    (world / "home").mkdir(parents=True)
    # It serves until its standard input ends.
    with subprocess.Popen([loopback, world / "loopback"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as aws:
        environment = reader(world, folder / "bin")
        images.push(environment["LOOPBACK_HOST"], environment)
        images.push(environment["LOOPBACK_OTHER_HOST"], other(environment))
        wrong = follow(page, world, environment)
        aws.stdin.close()
    sys.exit(wrong)


def reader(world, programs):
    """The environment of the page's reader, once the loopback is ready."""
    file, deadline = world / "loopback/env", time.monotonic() + 20
    while not file.exists():
        if time.monotonic() > deadline:
            sys.exit("the loopback is not ready after 20 s")
        time.sleep(0.02)
    words = (shlex.split(line)[1].partition("=") for line in file.read_text().splitlines())
    variables = {name: value for name, _, value in words}
    return {**variables, "HOME": str(world / "home"), "PATH": str(programs),
            "LANG": "C.UTF-8", "DBUS_SESSION_BUS_ADDRESS": variables["LOOPBACK_BUS"]}


def other(environment):
    """The environment of bob, of the other account."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {**environment, **{name: environment[name.replace("AWS_", "LOOPBACK_OTHER_", 1)] for name in names}}


def follow(page, world, environment):
    """Runs the blocks, compares what they print, and tells what is wrong: how much of it."""
    found = blocks(page.read_text())
    steps = [step for step in found if step[1] != "prints"]
    script = world / "script"
    script.write_text("set -euo pipefail\n" + "".join(shell(world, *step) for step in steps))
    ran = subprocess.run(["bash", script], stdin=subprocess.DEVNULL, env=environment, cwd=environment["HOME"],
                         timeout=SECONDS, check=False)
    wrong = []
    if ran.returncode:
        line = (world / "line").read_text().strip()
        ended = "has no error" if ran.returncode == NO_ERROR else f"ended with {ran.returncode}"
        wrong.append(f"{page}:{line}: the block {ended}\n{output(world, line)}")
    ended_at = int(line) if ran.returncode else float("inf")
    before = None
    for line, mark, text in found:
        if mark != "prints":
            before = line
        elif before < ended_at and not alike(text, output(world, before)):
            wrong.append(f"{page}:{line}: the text says\n{text}and the block at {before} printed\n{output(world, before)}")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{page}: {len(steps)} blocks followed, {len(found) - len(steps)} outputs compared, {len(wrong)} wrong")
    return len(wrong)


def shell(world, line, mark, text):
    """The lines of the script that do what a block says."""
    place = f"echo {line} >{shlex.quote(str(world / 'line'))}\n"
    to = f">{shlex.quote(str(world / f'output.{line}'))} 2>&1"
    if mark.startswith("file "):
        path = mark.removeprefix("file ").replace("~", "$HOME", 1)
        return f'{place}mkdir -p "$(dirname "{path}")"\ncat >"{path}" <<\'END OF FILE\'\n{text}END OF FILE\n'
    if mark == "fails":
        return f"{place}set +e\n{{\n{text}}} {to}\n[ $? != 0 ] || exit {NO_ERROR}\nset -e\n"
    return f"{place}{{\n{text}}} {to}\n"


def output(world, line):
    file = world / f"output.{line}"
    return file.read_text() if file.exists() else ""


def alike(text, printed):
    """Whether the output is what the text shows: `…` is anything in a line, a line of `…` any number of lines."""
    lines = [line.rstrip() for line in text.splitlines()]
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else "[^\n]*".join(map(re.escape, line.split("…"))) + r" *\n" for line in lines)
    return re.fullmatch(pattern, printed) is not None


if __name__ == "__main__":
    main()
