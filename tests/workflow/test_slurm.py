"""Jobs of which the plugin says nothing are asked after again, until Slurm has lost them; needs no Slurm."""

import asyncio
from types import SimpleNamespace

import pytest

from detach_core.workflow.slurm import ask_slurm, keep_unsettled_jobs


@pytest.fixture
def executor():
    """One like the plugin's: a job whose state is None is forgotten. `answers`: the controller's, None for none."""

    class Executor:
        def __init__(self, seconds=0):
            self.run_uuid, self._submitted_job_clusters = "run", set()
            self.workflow = SimpleNamespace(
                executor_settings=SimpleNamespace(init_seconds_before_status_checks=seconds)
            )
            self.reported, self.answers, self.asked = [], [], []
            self.warnings: list[str] = []
            self.logger = SimpleNamespace(warning=self.warnings.append)

        async def check_active_jobs(self, active_jobs):
            for job in active_jobs:
                if job.state == "COMPLETED":
                    self.report_job_success(job)
                elif job.state == "FAILED":
                    self.report_job_error(job, msg="failed")
                elif job.state is not None:
                    yield job

        def report_job_submission(self, job_info):
            pass

        def report_job_success(self, job_info):
            self.reported.append((job_info.name, "done"))

        def report_job_error(self, job_info, msg=None):
            self.reported.append((job_info.name, msg))

    def ask(*command):
        made.asked.append(command)
        return made.answers.pop(0)

    keep_unsettled_jobs(Executor, ask)
    keep_unsettled_jobs(Executor, ask)  # the Snakefile may be read twice
    made = Executor()
    return made


def submit(executor, name, number, state=None):
    """A submitted job that the plugin sees in a state, or does not see."""
    job = SimpleNamespace(name=name, external_jobid=number, state=state, aux=None)
    executor.report_job_submission(job)
    return job


def left(executor, *jobs):
    """Names of the jobs that are asked after again."""

    async def gather():
        return [job.name async for job in executor.check_active_jobs(list(jobs))]

    return "".join(asyncio.run(gather()))


def test_a_job_without_an_answer_is_kept(executor):
    jobs = submit(executor, "a", "1"), submit(executor, "b", "2")
    executor.answers = [None] * 9
    assert [left(executor, *jobs) for _ in range(9)] == ["ab"] * 9
    assert executor.reported == []


def test_a_job_that_goes_on_is_kept_once(executor):
    executor.answers = [["1", "2"]]
    assert left(executor, submit(executor, "a", "1", "RUNNING"), submit(executor, "b", "2")) == "ab"


def test_a_settled_job_is_reported_once_and_let_go(executor):
    executor.answers = [["1", "2", "3"]]
    jobs = submit(executor, "a", "1", "COMPLETED"), submit(executor, "b", "2", "FAILED"), submit(executor, "c", "3")
    assert left(executor, *jobs) == "c"
    assert executor.reported == [("a", "done"), ("b", "failed")]


def test_where_all_are_settled_nobody_is_asked(executor):
    assert left(executor, submit(executor, "a", "1", "COMPLETED")) == ""
    assert executor.asked == []


def test_a_job_that_slurm_does_not_know_counts_as_failed(executor):
    jobs = submit(executor, "a", "1", "PENDING"), submit(executor, "b", "2")
    executor.answers = [["1"], ["1"], ["1"]]
    assert [left(executor, *jobs) for _ in range(3)] == ["ab", "ab", "a"]
    assert executor.reported == [("b", None)]
    assert executor.warnings == [
        "Slurm has lost job 2: it was in none of the last 3 answers of squeue. It counts as failed."
    ]


def test_what_the_plugin_believes_to_wait_counts_as_failed_too(executor):
    """As from an accounting database that never heard of the controller's death."""
    job = submit(executor, "a", "1", "PENDING")
    executor.answers = [[], [], []]
    assert [left(executor, job) for _ in range(3)] == ["a", "a", ""]


def test_only_answers_count(executor):
    job = submit(executor, "a", "1")
    executor.answers = [[], None, None, [], None, []]
    assert [left(executor, job) for _ in range(6)] == ["a"] * 5 + [""]


def test_a_job_that_slurm_knows_again_is_kept(executor):
    job = submit(executor, "a", "1")
    executor.answers = [[], [], ["1"], [], [], ["1"]]
    assert [left(executor, job) for _ in range(6)] == ["a"] * 6
    assert executor.reported == []


def test_three_answers_in_a_moment_are_too_few(executor):
    executor.workflow.executor_settings.init_seconds_before_status_checks = 20
    job = submit(executor, "a", "1")
    executor.answers = [[]] * 9
    assert [left(executor, job) for _ in range(9)] == ["a"] * 9
    job.aux["absences_s"][0] -= 60
    executor.answers = [[]]
    assert left(executor, job) == ""


def test_of_two_jobs_with_one_number_the_first_is_lost(executor):
    """A controller that forgot a job gives its number to the next; the first must not pass for done with the second."""
    first, second = submit(executor, "a", "1", "COMPLETED"), submit(executor, "b", "1", "COMPLETED")
    assert left(executor, second, first) == ""
    assert executor.reported == [("a", None), ("b", "done")]
    assert executor.warnings == ["Slurm has lost job 1: its number was reassigned to another job. It counts as failed."]


def test_a_job_that_got_the_number_of_a_settled_one_is_kept(executor):
    left(executor, submit(executor, "a", "1", "COMPLETED"))
    executor.answers = [None]
    assert left(executor, submit(executor, "b", "1")) == "b"


def test_the_tasks_of_an_array_are_known_by_its_number(executor):
    jobs = submit(executor, "a", "7_1"), submit(executor, "b", "7_2")
    executor.answers = [["7"]] * 3
    assert [left(executor, *jobs) for _ in range(3)] == ["ab"] * 3


def test_another_clusters_jobs_are_left_alone(executor):
    executor._submitted_job_clusters = {"other"}
    assert [left(executor, submit(executor, "a", "1")) for _ in range(5)] == ["a"] * 5
    assert executor.asked == []


def test_every_job_of_the_run_is_asked_after_whatever_the_environment_filters(monkeypatch, executor):
    job = submit(executor, "a", "1")
    executor.answers = [["1"]]
    left(executor, job)
    (command,) = executor.asked
    assert command == ("squeue", "--all", "--states=all", "--noheader", "--format=%F", "--name=run")
    monkeypatch.setenv("SQUEUE_PARTITION", "cpu")
    assert ask_slurm("sh", "-c", "echo 1 2; echo 3$SQUEUE_PARTITION") == ["1", "2", "3"]


@pytest.mark.parametrize("command", [("false",), ("no-such-command",)])
def test_no_answer_is_none(command):
    assert ask_slurm(*command) is None
