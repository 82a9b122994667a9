"""Jobs of which the plugin says nothing are asked after again; needs no Slurm."""

import asyncio
import runpy
from types import SimpleNamespace

import pytest


@pytest.fixture
def executor(root):
    """A class like the plugin's: a job whose state is None is forgotten."""

    class Executor:
        def __init__(self):
            self.reported = []

        async def check_active_jobs(self, active_jobs):
            for job in active_jobs:
                if job.state == "COMPLETED":
                    self.report_job_success(job)
                elif job.state == "FAILED":
                    self.report_job_error(job, msg="failed")
                elif job.state is not None:
                    yield job

        def report_job_success(self, job_info):
            self.reported.append((job_info.external_jobid, None))

        def report_job_error(self, job_info, msg=None):
            self.reported.append((job_info.external_jobid, msg))

    keep_unsettled_jobs = runpy.run_path(str(root / "rules" / "slurm.smk"))["keep_unsettled_jobs"]
    keep_unsettled_jobs(Executor)
    keep_unsettled_jobs(Executor)  # the Snakefile may be read twice
    return Executor()


def left(executor, *states):
    """Numbers of the jobs that are asked after again, of jobs in these states."""

    async def gather():
        jobs = [SimpleNamespace(external_jobid=str(number), state=state) for number, state in enumerate(states)]
        return [job.external_jobid async for job in executor.check_active_jobs(jobs)]

    return asyncio.run(gather())


def test_a_job_without_an_answer_is_kept(executor):
    assert left(executor, None, None) == ["0", "1"]
    assert executor.reported == []


def test_a_job_that_goes_on_is_kept_once(executor):
    assert left(executor, "RUNNING", None) == ["0", "1"]


def test_a_settled_job_is_reported_once_and_let_go(executor):
    assert left(executor, "COMPLETED", "FAILED", None) == ["2"]
    assert executor.reported == [("0", None), ("1", "failed")]
