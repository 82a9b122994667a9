"""Resources of jobs that grow with each attempt, and the tracking of jobs that Slurm does not report."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from functools import wraps
from shutil import which
from typing import Any

ABSENCES = 3  # answers in a row without a job, after which it counts as lost
# A job as Snakemake's executors know it, their class, and an object of it: of a plugin that need not be installed.
JobInfo = Any
Executor = Any
Ask = Callable[..., list[str] | None]


def more_each_attempt(amount: int) -> Callable[[Any, int], int]:
    """A resource function: `amount` at the first attempt, twice as much at each new one.

    Only a cluster retries (profiles/slurm).
    """
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def gpus_of(device: str) -> int:
    """Number of GPUs that a job with a network requests: 1, or 0 where `device` or the machine has none."""
    return int(device == "cuda" or (device == "auto" and which("nvidia-smi") is not None))


def ask_slurm(command: str, *arguments: str) -> list[str] | None:
    """The words of Slurm's output, or None if a command fails."""
    unfiltered = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
    try:
        done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=60, env=unfiltered)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.split()


def keep_unsettled_jobs(executor: Executor, ask: Ask = ask_slurm) -> None:
    """Make a class of remote executors poll unreported jobs again, until Slurm has lost them.

    snakemake-executor-plugin-slurm 2.8.0 forgets all its jobs where no attempt at a status query succeeds, as while the
    controller is down: Snakemake then waits for them for ever and submits nothing more. And it waits for ever for a job
    that Slurm has lost: a controller that is killed soon after a submission restarts without that job.
    """
    if hasattr(executor, "settled"):
        return
    executor.settled = []  # in this round; not their numbers, since Slurm may give the number of a forgotten job away
    check_active_jobs, report_job_submission = executor.check_active_jobs, executor.report_job_submission

    def noting(report: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(report)
        def noted(self: Executor, job_info: JobInfo, *args: Any, **kwargs: Any) -> Any:
            self.settled.append(job_info)
            return report(self, job_info, *args, **kwargs)

        return noted

    @wraps(report_job_submission)
    def submitted(self: Executor, job_info: JobInfo, *args: Any, **kwargs: Any) -> Any:
        job_info.aux = (job_info.aux or {}) | {"submitted_s": time.monotonic()}
        return report_job_submission(self, job_info, *args, **kwargs)

    @wraps(check_active_jobs)
    async def checked(self: Executor, active_jobs: Sequence[JobInfo]) -> AsyncIterator[JobInfo]:
        self.settled = []
        for job_info, reason in namesakes(active_jobs):
            report_lost(self, job_info, reason)
        async for _ in check_active_jobs(self, unsettled(self, active_jobs)):
            pass  # whatever has no end yet goes on, yielded or forgotten
        for job_info, reason in absent(self, unsettled(self, active_jobs), ask):
            report_lost(self, job_info, reason)
        for job_info in unsettled(self, active_jobs):
            yield job_info

    executor.check_active_jobs = checked
    executor.report_job_submission = submitted
    executor.report_job_success = noting(executor.report_job_success)
    executor.report_job_error = noting(executor.report_job_error)


def unsettled(executor: Executor, active_jobs: Iterable[JobInfo]) -> list[JobInfo]:
    """The jobs whose end was not reported in this round."""
    return [job_info for job_info in active_jobs if not any(job_info is settled for settled in executor.settled)]


def namesakes(active_jobs: Iterable[JobInfo]) -> Iterator[tuple[JobInfo, str]]:
    """Jobs whose number was reassigned to a later submission: (job, reason).

    Slurm forgot them; the later job's end would pass for theirs.
    """
    newest: dict[str, JobInfo] = {}
    for job_info in sorted(active_jobs, key=lambda job_info: job_info.aux["submitted_s"]):
        if older := newest.get(job_info.external_jobid):
            yield older, "its number was reassigned to another job"
        newest[job_info.external_jobid] = job_info


def absent(executor: Executor, active_jobs: Sequence[JobInfo], ask: Ask) -> Iterator[tuple[JobInfo, str]]:
    """Jobs absent from several answers of the controller over some time: (job, reason).

    Their end may have been forgotten, with their output there, or they never ran. Both count as failed, so that
    Snakemake deletes what there is and sends them again: that output may be incomplete. Two copies do not write at
    once: a forgotten job never starts, and one that had started is killed within seconds, since a controller that comes
    back first queries its nodes for their jobs. Only a node that does not answer then can continue it.
    """
    if not active_jobs or getattr(executor, "_submitted_job_clusters", None):
        return  # the jobs of other clusters are not in this one's answer
    known = ask("squeue", "--all", "--states=all", "--noheader", "--format=%F", f"--name={executor.run_uuid}")
    if known is None:
        return
    patience_s = ABSENCES * executor.workflow.executor_settings.init_seconds_before_status_checks
    for job_info in active_jobs:
        if job_info.external_jobid.split("_")[0] in known:  # an array's jobs are NUMBER_TASK
            job_info.aux.pop("absences_s", None)
            continue
        absences_s = job_info.aux.setdefault("absences_s", [])
        absences_s.append(time.monotonic())
        if len(absences_s) >= ABSENCES and absences_s[-1] - absences_s[0] >= patience_s:
            yield job_info, f"it was in none of the last {len(absences_s)} answers of squeue"


def report_lost(executor: Executor, job_info: JobInfo, reason: str) -> None:
    """Report of a job lost by Slurm as failed.

    A warning says why, since Snakemake drops the message where the job is a group.
    """
    executor.logger.warning(f"Slurm has lost job {job_info.external_jobid}: {reason}. It counts as failed.")
    executor.report_job_error(job_info)
