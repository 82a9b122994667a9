"""The tiny workflow on a local machine and on a Slurm of its own that breaks in several ways."""

import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.slurm.cluster import Cluster, find_worker, wait_for

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("config.yaml", "tests/workflow/tiny.yaml", "tests/slurm/tiny.yaml")
RUNS = Path("results/opportunity/default")
SMALL_MB = 250  # less than Snakemake and torch take


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def profile():
    """The profile as it ships."""
    return yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder():
    """A folder that the user of munge can reach; pytest's own has mode 0700."""
    with tempfile.TemporaryDirectory(prefix="slurm-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def cluster(folder):
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("the plugin for Slurm is not installed: ./run slurm-setup")
    if Path("/etc/slurm/slurm.conf").exists():
        pytest.skip("this machine has a Slurm already, which is left alone")
    slurm = Cluster(folder / "state", Path(__file__).parent)
    try:
        slurm.up()
        yield slurm
    finally:
        slurm.down()


def snakemake(folder, *arguments):
    """A started run of the tiny workflow; what it says goes to `folder`/said.txt."""
    folder.mkdir(exist_ok=True)
    command = [
        sys.executable,
        Path(__file__).with_name("brisk_snakemake.py"),
        "results/table1.csv",
        "--directory",
        folder,
        *arguments,
    ]
    command += ["--snakefile", ROOT / "Snakefile", "--configfile", *(ROOT / layer for layer in LAYERS)]
    with (folder / "said.txt").open("a") as said:
        return subprocess.Popen([*map(str, command)], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)


@pytest.fixture(scope="session")
def start():
    """Starts a run: `start(folder, *arguments)`."""
    return snakemake


def finished(process, folder, timeout_s=300):
    """What a run said that ended well."""
    code = process.wait(timeout_s)
    assert code == 0, f"the run in {folder} ended with {code}:\n{said(folder)[-5000:]}"
    return said(folder)


def said(folder):
    """What a run has said so far."""
    return (folder / "said.txt").read_text()


def hurried(profile, folder):
    """The shipped profile, asking more often, and with too little memory for the first attempt at Stage 1."""
    changed = profile | {"slurm-init-seconds-before-status-checks": 4, "seconds-between-status-checks": 1}
    stage1 = profile["set-resources"]["pretrain_spatial"] | {"mem_mb": f"{SMALL_MB} if attempt == 1 else 2000"}
    changed["set-resources"] = profile["set-resources"] | {"pretrain_spatial": stage1}
    changed["latency-wait"] = 10
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(changed))
    return folder


class Story:
    """What happened in a run with faults."""

    failure: str | None = None
    local: Path
    slurm: Path
    said: str
    jobs: dict[int, Any]


@pytest.fixture(scope="module")
def told(cluster, folder, profile):
    """A run on the cluster, and a local one beside it. Its first job meets one fault, Stage 1 three, Stage 2 one."""
    story = Story()
    story.local, story.slurm = folder / "local", folder / "slurm"
    run = snakemake(story.slurm, "--profile", hurried(profile, folder / "profile"))
    local = snakemake(story.local, "--cores", "1")
    try:
        forget_first_job(story, cluster, run)
        break_stage1(story, cluster, run)
        break_stage2(story, cluster, run)
        story.said = finished(run, story.slurm)
        finished(local, story.local)
        story.jobs = {job.number: job for job in cluster.jobs()}
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
        story.failure = f"{type(error).__name__}: {error}\n{cluster.evidence(story.slurm)}"
    finally:
        for process in (run, local):
            process.kill()  # a gentle end would wait for jobs that nobody ends
            process.wait()
    return story


@pytest.fixture
def story(told):
    """The run's story; where it has no end, the first test says why."""
    if told.failure:
        failure, told.failure = told.failure, "the run with faults failed; the first error says why"
        pytest.fail(failure, pytrace=False)
    return told


def forget_first_job(story, cluster, run):
    """The controller is killed right after a submission, before it wrote it down."""
    cluster.kill("slurmd")  # else the node may have the job, and is drained when its number is given out again
    wait_for("a job is submitted", lambda: "has been submitted with SLURM jobid" in said(story.slurm), run)
    cluster.kill("slurmctld")
    cluster.forget()
    cluster.start("slurmctld")
    cluster.start("slurmd")
    wait_for("the controller is back", cluster.answers, run)
    story.known_at_first = cluster.jobs()
    wait_for("Snakemake gives the job up", lambda: "Slurm has lost job" in said(story.slurm), run)


def break_stage1(story, cluster, run):
    """The first attempt has too little memory; controller and node daemon die under the second, whose end they miss."""
    story.too_small = wait_for("Stage 1 is submitted", lambda: cluster.jobs("pretrain_spatial"), run)[0]
    number = story.too_small.number

    def find_second():
        return find_worker(story.slurm, cluster.jobs("pretrain_spatial"), not_of=number)

    worker = wait_for("Stage 1 runs again", find_second, run)
    worker.freeze()
    wait_for("the controller has written its state", cluster.settled, run)
    story.outlived = cluster.running("")
    cluster.kill("slurmctld")
    cluster.kill("slurmd")
    before = len(said(story.slurm))
    try:
        story.answered = cluster.answers()
        wait_for("Snakemake asks in vain", lambda: "MinJobAge=None" in said(story.slurm)[before:], run)
        time.sleep(3)  # by now the plugin has given up
    finally:
        worker.thaw()
    wait_for("Stage 1 is done", worker.ended, run)
    cluster.start("slurmctld")
    cluster.start("slurmd")


def break_stage2(story, cluster, run):
    """Someone cancels it while it works."""
    worker = wait_for("Stage 2 runs", lambda: find_worker(story.slurm, cluster.jobs("pretrain")), run)
    worker.freeze()
    (story.cancelled,) = [job for job in cluster.jobs() if job.number == worker.job_number]
    cluster.cancel(story.cancelled)
