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
        """Kill -9 the daemon of the pid that Slurm recorded, and see it dead: it writes nothing more."""
        pid = int((self.state / f"{daemon}.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        while alive(pid):
            time.sleep(0.05)

    def start(self, daemon):
        subprocess.run([daemon], check=True, timeout=60)

    def settled(self):
        """Whether the controller's state is on the disk: it writes it within five seconds after a change."""
        path = self.state / "state/job_state"
        try:
            return time.time() - path.stat().st_mtime > 6
        except FileNotFoundError:  # for a moment, while it is replaced
            return False

    def forget(self):
        """Take the state away that a dead controller wrote, as if it had died before that."""
        for path in (self.state / "state").glob("job_state*"):
            path.unlink()

    def evidence(self, run):
        """What a run in the folder `run` and Slurm say at last, for whoever has to find out why it stalls."""
        texts = {}
        for question in ("squeue --states=all --long", "sinfo --Node --long"):
            answer = subprocess.run(["timeout", "30", *question.split()], capture_output=True, text=True)
            texts[question] = answer.stdout + answer.stderr
        logs = [self.state / "log/slurmctld.log", self.state / "log/slurmd.log", run / "said.txt"]
        logs += sorted((run / ".snakemake/slurm_logs").rglob("*.log"))
        texts |= {str(path): path.read_text(errors="replace") for path in logs if path.exists()}
        return "\n".join(f"--- {name}\n" + "\n".join(text.splitlines()[-60:]) for name, text in texts.items())


class Worker:
    """The process of a rule's script inside a Slurm job."""

    def __init__(self, pid, job_number):
        self.pid, self.job_number = pid, job_number

    def freeze(self):
        """Stop it where it is, so that the job cannot end before its fault comes."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def ended(self):
        return not alive(self.pid)


def alive(pid):
    """Whether a process is there and not only unburied."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def find_worker(run, jobs, not_of=0):
    """The worker of one of `jobs` in the run in that folder, or None; `not_of` leaves out a job by its number."""
    numbers = {job.number for job in jobs} - {not_of}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
            variables = dict(word.split("=", 1) for word in (folder / "environ").read_text().split("\0") if "=" in word)
            here = (folder / "cwd").resolve() == run.resolve()
        except (OSError, UnicodeDecodeError):  # it has ended meanwhile, or is not ours to read
            continue
        scripted = len(words) > 1 and Path(words[1]).match(".snakemake/scripts/*.run_stage.py")
        number = int(variables.get("SLURM_JOB_ID", 0))
        if here and scripted and number in numbers:
            return Worker(int(folder.name), number)
    return None


def wait_for(what, condition, process, timeout_s=300):
    """The first true value of `condition()`; fails when `process` ends or the time is over before."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if value := condition():
            return value
        assert process.poll() is None, f"the run ended with {process.returncode} before: {what}"
        time.sleep(0.2)
    raise AssertionError(f"not within {timeout_s} s: {what}")
