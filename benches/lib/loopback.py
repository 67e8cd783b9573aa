"""The loopback AWS and registry, and the relay that makes round trips to them cost."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from .running import Unmeasured, ending

ACCOUNT, REGION = "111122223333", "eu-west-1"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


class Loopback:
    """`examples/loopback.rs`, running."""

    def __init__(self, folder, program):
        self.folder, self.program = folder, program

    def __enter__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([self.program, self.folder], **pipes)
        self.process.stdout.readline()  # "ready"
        self.log = self.folder / "calls"
        lines = subprocess.run(
            ["sh", "-c", f". '{self.folder}/env' && env -0"], env={}, capture_output=True, check=True
        ).stdout.decode()
        pairs = (line.split("=", 1) for line in lines.split("\0") if "=" in line)
        self.variables = {name: value for name, value in pairs if name not in ("PWD", "_", "SHLVL", "PATH")}
        return self

    def __exit__(self, *_):
        ending(self.process)

    def behave(self, line):
        """The loopback behaves so when this returns."""
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().strip()
        if answer != f"done: {line}":
            raise Unmeasured(f"the loopback AWS does not understand {line}: {answer}")

    def calls(self):
        """How many calls it has answered."""
        return self.log.read_text().count("\n")

    def operations(self, since):
        """The names of the calls after the first `since`."""
        return [json.loads(line)["operation"] for line in self.log.read_text().splitlines()[since:]]


class Relay:
    """The proxy of a loopback, each round trip to it longer by so many milliseconds."""

    def __init__(self, loopback, milliseconds):
        self.upstream, self.milliseconds = loopback.variables["HTTPS_PROXY"].rsplit(":", 1)[1], milliseconds

    def __enter__(self):
        script = Path(__file__).with_name("relay.py")
        command = [sys.executable, script, self.upstream, str(self.milliseconds)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        ending(self.process)

    @property
    def variables(self):
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self.port}"}

    def connections(self, work):
        """The hosts that `work` connects to, one for each connection."""
        self.hosts()
        work()
        return self.hosts()

    def hosts(self):
        """Those that were asked for since the last time."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())
