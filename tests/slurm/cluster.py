"""A Slurm of the tests' own, and the ways to break it."""

import os
import signal
import subprocess
import time
from collections import namedtuple
from pathlib import Path

Job = namedtuple("Job", "number partition state name memory resources")


class Cluster:
    """One node on loopback whose state lies in a folder."""

    def __init__(self, state, scripts):
        self.state, self.scripts = Path(state), Path(scripts)

    def up(self):
        subprocess.run([self.scripts / "up.sh", self.state], check=True, timeout=60, stdout=subprocess.DEVNULL)

    def down(self):
        subprocess.run([self.scripts / "down.sh", self.state], check=True, timeout=60)

    def jobs(self, name=""):
        """All jobs so far whose rule and wildcards begin with `name`, oldest first."""
        line = "JobID:8|,Partition:8|,State:20|,Comment:90|,MinMemory:10|,tres-per-job:20"
        command = ["squeue", "--states=all", "--noheader", f"--Format={line}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        fields = [[field.strip() for field in line.split("|")] for line in done.stdout.splitlines()]
        found = [Job(int(number), *rest) for number, *rest in fields]
        return sorted(job for job in found if job.name.startswith(f"rule_{name}"))

    def running(self, name):
        return [job for job in self.jobs(name) if job.state == "RUNNING"]

    def answers(self):
        """Whether the controller answers; a client tries for ten seconds."""
        return subprocess.run(["squeue"], capture_output=True, timeout=60).returncode == 0

    def cancel(self, job):
        subprocess.run(["scancel", str(job.number)], check=True, timeout=60)

    def kill(self, daemon):
        """Kill -9 the daemon of the pid that Slurm recorded."""
        os.kill(int((self.state / f"{daemon}.pid").read_text()), signal.SIGKILL)

    def start(self, daemon):
        subprocess.run([daemon], check=True, timeout=60)


def wait_for(what, condition, process, timeout_s=150):
    """The first true value of `condition()`; fails when `process` ends or the time is over before."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if value := condition():
            return value
        assert process.poll() is None, f"the run ended with {process.returncode} before: {what}"
        time.sleep(0.3)
    raise AssertionError(f"not within {timeout_s} s: {what}")
