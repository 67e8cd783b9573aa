"""Measures whole processes: time in turn, instructions, system calls, peak memory."""

import os
import re
import statistics
import tempfile
import time
from dataclasses import dataclass

from .running import Unmeasured, exit_status, find, run


@dataclass(eq=False)
class Program:
    """One way to do the work: a command, what it reads, what it sees of the environment, and how it ends."""

    command: list
    stdin: bytes
    environment: dict
    status: int = 0

    def once(self):
        """Seconds of one whole process, what it prints thrown away. It must end as it should."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as said, open(os.devnull, "wb") as sink:
            stdin.write(self.stdin)
            stdin.seek(0)
            streams = enumerate((stdin, sink, said))
            actions = [(os.POSIX_SPAWN_DUP2, file.fileno(), stream) for stream, file in streams]
            start = time.perf_counter()
            pid = os.posix_spawn(self.command[0], self.command, self.environment, file_actions=actions)
            status = exit_status(pid)
            seconds = time.perf_counter() - start
            if status != self.status:
                said.seek(0)
                words = said.read().decode(errors="replace").strip()[-500:]
                raise Unmeasured(f"{' '.join(map(str, self.command[:3]))} … ended with {status}: {words}")
        return seconds

    def under(self, tool):
        """What the tool, put before the command, says on stderr."""
        command = [find(tool[0], f"apt-get install {tool[0]}"), *tool[1:], *self.command]
        # Go interrupts its threads by signals, which callgrind of Debian 12 does not survive.
        environment = {**self.environment, "GODEBUG": "asyncpreemptoff=1"}
        return run(command, self.stdin, environment).stderr.decode(errors="replace")

    def instructions(self):
        """Instructions in user space."""
        said = self.under(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
        return int(figure(r"Collected : (\d+)", said, "callgrind"))

    def system_calls(self):
        said = self.under(["strace", "-c", "-f"])
        return int(figure(r"(?m)^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)(?:\s+\d+)?\s+total$", said, "strace"))

    def peak_memory(self):
        """MiB, the lowest of three: GNU time forks from a small process, and a child's figure is never below that."""
        marked = ["time", "-f", "peak %M KiB"]
        return min(int(figure(r"peak (\d+) KiB", self.under(marked), "time")) for _ in range(3)) / 1024


def figure(pattern, said, tool):
    found = re.findall(pattern, said)
    if not found:
        raise Unmeasured(f"{tool} gave no figure: {said.strip()[:300]}")
    return found[-1]


def in_turn(rounds, contenders):
    """The seconds of each contender (a function that gives seconds), round by round.

    Every second round goes the other way, so that none always comes first.
    """
    taken = [[] for _ in contenders]
    order = list(enumerate(contenders))
    for _ in range(rounds):
        for place, contender in order:
            taken[place].append(contender())
        order.reverse()
    return [Times(times) for times in taken]


class Times:
    """Seconds of one contender, in the order of the rounds."""

    def __init__(self, seconds):
        self.seconds = seconds

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def least(self):
        return min(self.seconds)

    def each(self, parts):
        """The times of one of so many equal parts."""
        return Times([seconds / parts for seconds in self.seconds])

    def beside(self, other):
        """The median of the ratios of each round, and the ratio of the shortest runs."""
        pairs = zip(self.seconds, other.seconds)
        return statistics.median(mine / yours for mine, yours in pairs), self.least / other.least
