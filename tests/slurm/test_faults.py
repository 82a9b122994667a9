"""One run on a real Slurm with several faults must end in the table of a local run."""

import csv

import pytest

from tests.workflow.equal_figures import figures

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


def rows(path):
    """The table, without what names the code's state."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: cell for key, cell in row.items() if key != "commit"} for row in csv.DictReader(file)]


def named(story, job):
    """All jobs of the run for the same work as `job`, oldest first."""
    return [other for other in story.jobs.values() if other.name == job.name]


def test_the_table_equals_the_local_runs(story):
    assert rows(story.slurm / "results/table1.csv") == rows(story.local / "results/table1.csv")


def test_so_does_every_measure(story, root):
    names = [path.relative_to(story.local) for path in story.local.glob("results/**/metrics.json")]
    assert len(names) == 1
    assert [name for name in names if figures(story.local / name) != figures(story.slurm / name)] == []


def test_a_forgotten_job_is_sent_again(story):
    assert story.known_at_first == [], "the controller was meant to forget"
    lost = story.said.partition("Slurm has lost job 1:")[2]
    assert "Slurm has lost job" not in lost, "only the first job was meant to be lost"
    assert "has been submitted with SLURM jobid 1 " in lost, "Slurm was meant to give its number away"
    assert [job.state for job in story.jobs.values() if job.number == 1] == ["COMPLETED"]


def test_a_job_over_its_memory_gets_more(story):
    first, second = named(story, story.too_small)
    assert (first.memory, second.memory) == ("250M", "2000M")
    assert first.state != "COMPLETED"
    assert second.state == "COMPLETED"


def test_a_cancelled_job_is_sent_again(story):
    first, second = named(story, story.cancelled)
    assert first.number == story.cancelled.number
    assert first.state == "CANCELLED"
    assert second.state == "COMPLETED"


def test_a_killed_controller_and_node_lose_nothing(story):
    assert not story.answered, "Slurm was meant to be down"
    assert story.outlived
    assert {story.jobs[job.number].state for job in story.outlived} == {"COMPLETED"}
    again = [job for job in story.outlived if named(story, job)[-1].number != job.number]
    assert again == []


def test_networks_go_where_the_gpus_are(story):
    gpu = {job.name.split("_wildcards")[0] for job in story.jobs.values() if job.partition == "gpu"}
    assert gpu == {"rule_pretrain_spatial", "rule_pretrain", "rule_embed"}
    assert {job.resources for job in story.jobs.values() if job.partition == "gpu"} == {"gres:gpu:1"}
    cpu = {job.resources for job in story.jobs.values() if job.partition == "cpu"}
    assert all("gpu" not in resources for resources in cpu)


def test_small_jobs_in_a_row_are_one(story):
    data = [job.name for job in story.jobs.values() if "extract_frames" in job.name or "pack" in job.name]
    assert len(data) == 2
    assert all(rule in data[0] for rule in ("simulate_home", "ingest", "flow"))


def test_other_resources_than_last_time_rerun_nothing(story, start, root):
    from_scratch = start(story.slurm, "--profile", root / "profiles" / "slurm", "--dry-run")
    assert from_scratch.wait(60) == 0
    assert "Nothing to be done" in (story.slurm / "said.txt").read_text()[len(story.said) :]
