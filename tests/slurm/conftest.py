"""The tiny workflow on a local machine and on a Slurm of its own that breaks in several ways."""

import importlib.util
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = runpy.run_path(str(Path(__file__).with_name("cluster.py")))
wait_for = CLUSTER["wait_for"]
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
    slurm = CLUSTER["Cluster"](folder / "state", Path(__file__).parent)
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


def finished(process, folder, timeout_s=240):
    """What a run said that ended well."""
    code = process.wait(timeout_s)
    said = (folder / "said.txt").read_text()
    assert code == 0, said[-5000:]
    return said


def hurried(profile, folder):
    """The shipped profile, asking more often, and with too little memory for the first attempt at Stage 1."""
    changed = profile | {"slurm-init-seconds-before-status-checks": 1, "seconds-between-status-checks": 1}
    stage1 = profile["set-resources"]["pretrain_spatial"] | {"mem_mb": f"{SMALL_MB} if attempt == 1 else 2000"}
    changed["set-resources"] = profile["set-resources"] | {"pretrain_spatial": stage1}
    changed["latency-wait"] = 10
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(changed))
    return folder


class Story:
    """What happened in a run with faults."""


@pytest.fixture(scope="module")
def story(cluster, folder, profile):
    """A run on the cluster, and a local one beside it. Stage 1 meets three faults, Stage 2 one."""
    story = Story()
    story.local, story.slurm = folder / "local", folder / "slurm"
    run = snakemake(story.slurm, "--profile", hurried(profile, folder / "profile"))
    local = snakemake(story.local, "--cores", "1")
    try:
        break_stage1(story, cluster, run)
        break_stage2(story, cluster, run)
        story.said = finished(run, story.slurm)
        finished(local, story.local)
    finally:
        for process in (run, local):
            process.kill()  # a gentle end would wait for jobs that nobody ends
            process.wait()
    story.jobs = {job.number: job for job in cluster.jobs()}
    return story


def break_stage1(story, cluster, run):
    """The first attempt has too little memory; controller and node daemon die under the second."""
    (story.too_small,) = wait_for("Stage 1 is submitted", lambda: cluster.jobs("pretrain_spatial"), run)
    again = wait_for("Stage 1 runs again", lambda: other(cluster.running("pretrain_spatial"), story.too_small), run)
    wait_for("it works", has_words(story.slurm / RUNS / "spatial/default/seed0/pretrain_spatial.log"), run)
    time.sleep(6)  # the controller writes its state every five seconds; it may forget a job younger than that
    story.outlived = [again, *(job for job in cluster.running("") if job != again)]
    cluster.kill("slurmctld")
    cluster.kill("slurmd")
    try:
        story.answered = cluster.answers()
        wait_for("Snakemake asks in vain", lambda: "MinJobAge=None" in (story.slurm / "said.txt").read_text(), run)
        time.sleep(3)  # by now the plugin has given up
    finally:
        cluster.start("slurmctld")
        cluster.start("slurmd")


def break_stage2(story, cluster, run):
    """Someone cancels it while it works."""
    name = "pretrain_wildcards_opportunity_default_detach"
    (story.cancelled,) = wait_for("Stage 2 runs", lambda: cluster.running(name), run)
    wait_for("it works", has_words(story.slurm / RUNS / "detach/seed0/pretrain.log"), run)
    cluster.cancel(story.cancelled)


def has_words(path):
    """A condition: the file is there and not empty."""
    return lambda: path.exists() and path.stat().st_size > 0


def other(jobs, than):
    """The first of `jobs` with another number, or None."""
    return next((job for job in jobs if job.number != than.number), None)
