"""Where and when: what a figure means little without."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path


class Machine:
    """This machine, this day, these programs."""

    def __init__(self, bench):
        self.day = datetime.date.today().isoformat()
        self.cores, self.kernel = os.cpu_count(), f"{platform.system()} {platform.release()}"
        self.system = platform.freedesktop_os_release().get("PRETTY_NAME", "an unnamed system")
        named = re.search(r"(?m)^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text())
        self.model = named[1] if named else platform.machine()
        self.load = [os.getloadavg()[0]]
        self.peers = bench.names
        git = ["git", "-C", bench.options.benches, "rev-parse", "--short", "HEAD"]
        self.commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"

    def finished(self):
        self.load.append(os.getloadavg()[0])

    def line(self):
        load = " to ".join(f"{load:.1f}" for load in self.load)
        busy = " Other work kept the machine busy: provisional." if self.load[0] > self.cores / 2 else ""
        return (
            f"Measured on {self.day}, on {self.cores} cores of {self.model}, {self.kernel}, {self.system}, "
            f"with a load of {load}; sources at {self.commit}.{busy}"
        )
