"""What the benches share: a loopback AWS and a keychain that nobody else uses, whole processes timed, the table."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT, REGION = "111122223333", "eu-west-1"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def find_programs(options, names):
    """Turns the named options into paths, or ends with what is missing."""
    for name in names:
        found = shutil.which(getattr(options, name))
        if not found:
            sys.exit(f"error: {getattr(options, name)} is not there; see --help for what is needed")
        setattr(options, name, os.path.abspath(found))


class Loopback:
    """A loopback AWS and a keychain that nobody else uses."""

    def __init__(self, folder, options):
        self.folder, self.options, self.running = folder, options, []

    def __enter__(self):
        home, runtime = self.folder / "home", self.folder / "run"
        for path in (home, runtime):
            path.mkdir(mode=0o700)
        self.base = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "PATH": os.environ["PATH"]}
        self.start_aws()
        self.start_keyring()
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(10)

    def start_aws(self):
        folder = self.folder / "aws"
        self.aws = subprocess.Popen([self.options.loopback, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.running.append(self.aws)
        self.aws.stdout.readline()  # "ready"
        self.calls = folder / "calls"
        lines = subprocess.run(["sh", "-c", f". '{folder}/env' && env -0"], env={}, capture_output=True, check=True)
        pairs = (line.split("=", 1) for line in lines.stdout.decode().split("\0") if "=" in line)
        self.variables = {name: value for name, value in pairs if name not in ("PWD", "_", "SHLVL", "PATH")}

    def start_keyring(self):
        bus = f"unix:path={self.folder}/bus"
        daemon = ["dbus-daemon", "--session", "--nofork", f"--address={bus}"]
        self.running.append(subprocess.Popen(daemon, env=self.base, stderr=subprocess.DEVNULL))
        self.base["DBUS_SESSION_BUS_ADDRESS"] = bus
        wait_for(lambda: (self.folder / "bus").exists(), "the session bus")
        keyring = ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        keyring = subprocess.Popen(keyring, env=self.base, **pipes)
        self.running.append(keyring)
        keyring.stdin.write(b"password")
        keyring.stdin.close()
        listed = lambda: run([self.options.keychain_helper, "list"], b"", self.base).returncode == 0
        wait_for(listed, "the keyring")

    def behave(self, line):
        """The loopback AWS behaves so when this returns."""
        self.aws.stdin.write(f"{line}\n".encode())
        self.aws.stdin.flush()
        answer = self.aws.stdout.readline().decode().strip()
        if answer != f"done: {line}":
            sys.exit(f"error: the loopback AWS does not understand {line}: {answer}")

    def environment(self, **more):
        """What a program sees; names that the loopback AWS sets and `more` sets to None are unset."""
        merged = {**self.base, **self.variables, **more}
        return {name: value for name, value in merged.items() if value is not None}

    def aws_calls(self):
        return self.calls.read_text().count("\n")


def wait_for(done, what):
    deadline = time.monotonic() + 30
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"error: {what} did not come up within 30 s")
        time.sleep(0.05)


def run(command, stdin, environment):
    return subprocess.run(command, input=stdin, env=environment, capture_output=True, timeout=60, check=False)


def time_once(command, stdin_file, environment):
    """Seconds of one whole process, its output thrown away."""
    with open(stdin_file, "rb") as stdin, open(os.devnull, "wb") as sink:
        actions = [(os.POSIX_SPAWN_DUP2, stdin.fileno(), 0), (os.POSIX_SPAWN_DUP2, sink.fileno(), 1)]
        actions.append((os.POSIX_SPAWN_DUP2, sink.fileno(), 2))
        start = time.perf_counter()
        pid = os.posix_spawn(command[0], command, environment, file_actions=actions)
        os.waitpid(pid, 0)
        return time.perf_counter() - start


def table(rows):
    lines = ["| what | this helper | beside it | ratio | bound |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        mark = "" if row["verdict"] == "kept" else " **missed**"
        lines.append(f"| {row['name']} | {row['ours']} | {row['peer']} | {row['ratio']} | {row['bound']}{mark} |")
    return "\n".join(lines)
