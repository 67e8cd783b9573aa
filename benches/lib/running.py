"""Programs: found, started, waited for, ended."""

import os
import shutil
import signal
import subprocess
import time


LONGEST = 300  # s, that one process may take


class Unmeasured(Exception):
    """Why a row has no figures."""


def find(name, what_for):
    """The absolute path of a program."""
    found = shutil.which(name)
    if not found:
        raise Unmeasured(f"{name} is not there: {what_for}")
    return os.path.abspath(found)


def wait_for(done, what):
    deadline = time.monotonic() + 30
    while not done():
        if time.monotonic() > deadline:
            raise Unmeasured(f"{what} did not come up within 30 s")
        time.sleep(0.02)


def ending(process):
    """Ends a process that was started here."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def exit_status(pid):
    """How a process that was started by its id ended, which it must within the bound."""

    def too_late(*_):
        os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(LONGEST)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.alarm(0)
    return status


def run(command, stdin, environment):
    return subprocess.run(command, input=stdin, env=environment, capture_output=True, timeout=LONGEST, check=False)


def succeed(command, stdin, environment):
    """What a run printed that must succeed."""
    outcome = run(command, stdin, environment)
    if outcome.returncode != 0:
        said = (outcome.stdout + outcome.stderr).decode(errors="replace").strip()
        raise Unmeasured(f"{' '.join(map(str, command[:3]))} … failed: {said[-500:]}")
    return outcome.stdout
