"""What reruns when a run grows, is drawn otherwise, is touched or goes on in a fresh clone: one home, to its report."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from detach_core.config.yaml_file import read_default

CLONED = (
    "Snakefile",
    "config.yaml",
    "rules",
    "config",
    "profiles",
    "envs",
    "report",
    "detach_core",
    "workflow_scripts",
)
SMALL = "small.yaml"
# Up to this size Snakemake compares the content of an input that is newer than an output; above, the time decides.
COMPARED_BYTES = 1_000_000


@pytest.fixture(scope="module")
def reported(tmp_path_factory, copied, one_home):
    """A workflow that has run to the report: two shards, both full."""
    workflow = copied(tmp_path_factory.mktemp("reported"))
    config = read_default(checkout=workflow.folder)
    changes = one_home(config) | {"analysis": {"maps": {"classes": {"opportunity": ["Open Fridge"]}}}}
    (workflow.folder / SMALL).write_text(yaml.safe_dump(changes))
    workflow.layers = ("config.yaml", SMALL)
    workflow.run("all", "results/report.html", "--cores", "2", "--configfile", *workflow.layers)
    return workflow


def after_pack(*more):
    """The jobs of Table 1 that read what `pack` writes, and `more`."""
    stages = ("split", "pretrain_spatial")
    trained = (f"{stage} opportunity detach" for stage in ("pretrain", "embed", "probe"))
    return sorted([*more, *(f"{stage} opportunity" for stage in stages), *trained, "table table1"])


def of_shards(*shards):
    stages = ("simulate_home", "ingest", "extract_frames", "flow")
    return [f"{stage} opportunity {shard}" for stage in stages for shard in shards]


@pytest.mark.slow
def test_a_finished_report_reruns_nothing(reported):
    assert reported.plan("results/report.html") == []


@pytest.mark.slow
def test_a_plot_setting_redraws_its_figure_and_the_report_when_that_is_asked_for(reported):
    changes = {"figures": {"figure5": {"num_classes": 2}}}
    assert reported.plan("all", changes=changes) == ["all", "figure figure5"]
    assert reported.plan("results/report.html", changes=changes) == ["figure figure5", "html_report"]
    assert reported.plan("results/table1.csv", changes=changes) == []


@pytest.mark.slow
def test_a_recording_at_the_end_is_prepared_alone(reported):
    changes = {"datasets": {"opportunity": {"subjects": ["S1", "S2", "S3", "S4", "S5"]}}}
    expected = after_pack(*of_shards("S5-Drill"), "pack opportunity")
    assert reported.plan(changes=changes) == expected


@pytest.mark.slow
def test_a_recording_amid_the_others_moves_those_behind_it_to_other_shards(reported):
    """Shards are filled in the order of the recordings; the first one here keeps its four. Below: one for each."""
    changes = {"datasets": {"opportunity": {"subjects": ["S1", "S2", "S5", "S3", "S4"]}}}
    expected = after_pack(*of_shards("S5-Drill", "S4-Drill"), "pack opportunity")
    assert reported.plan(changes=changes) == expected


@pytest.mark.slow
def test_with_a_shard_for_each_recording_one_amid_the_others_is_prepared_alone(tmp_path, copied):
    workflow = copied(tmp_path)
    before, after = (
        {"datasets": {"opportunity": {"subjects": subjects, "recordings_per_shard": 1}}}
        for subjects in (["S3", "S4"], ["S3", "S1", "S4"])
    )
    sensors = [f"results/opportunity/shards/{subject}-Drill/sensor.h5" for subject in ("S3", "S1", "S4")]
    workflow.run(sensors[0], sensors[2], "--cores", "2", *workflow.overlay(before))
    assert workflow.plan(sensors[0], sensors[2], changes=before) == []
    assert workflow.plan(*sensors, changes=after) == [
        "ingest opportunity S1-Drill",
        "simulate_home opportunity S1-Drill",
    ]


@pytest.mark.slow
def test_a_new_seed_trains_that_seed_alone(reported):
    arguments = reported.overlay({"seeds": [0, 1]})
    found = reported.run("results/table1.csv", "-n", *arguments)
    assert set(re.findall(r"\bseed=(\d+)", found)) == {"1"}
    expected = [job for job in after_pack() if not job.startswith("split")]
    assert reported.plan(changes={"seeds": [0, 1]}) == expected


@pytest.mark.slow
@pytest.mark.parametrize("size", [COMPARED_BYTES // 2, 2 * COMPARED_BYTES], ids=["small", "large"])
def test_a_touch_reruns_the_readers_of_a_file_too_large_to_be_compared(reported, size):
    path = reported.folder / "results" / "opportunity" / "windows.h5"
    content, status = path.read_bytes(), path.stat()
    try:
        path.write_bytes(content.ljust(size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        reported.run("results/table1.csv", "--forcerun", "split", "--cores", "2", "--configfile", *reported.layers)
        assert reported.plan() == []
        os.utime(path)
        assert reported.plan() == (after_pack() if size > COMPARED_BYTES else [])
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.slow
def test_a_fresh_clone_beside_old_results_reruns_nothing(reported, tmp_path):
    """The clone is new and lies elsewhere; results/, data/ and .snakemake/ came with their times (`cp -a`)."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    for part in (*CLONED, SMALL):
        copy = shutil.copytree if (reported.folder / part).is_dir() else shutil.copy
        copy(reported.folder / part, origin / part)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "all")):
        subprocess.run([*git, *command], cwd=origin, check=True)
    subprocess.run([*git, "clone", "-q", origin, clone], check=True)
    for part in ("results", "data", ".snakemake"):
        shutil.copytree(reported.folder / part, clone / part)
    old = max(path.stat().st_mtime for path in (clone / "results").rglob("*"))
    assert min(path.stat().st_mtime for path in (clone / "detach_core").rglob("*.py")) > old
    there = type(reported)(clone, reported.snakemake)
    there.layers = reported.layers
    assert there.plan("results/report.html") == []
    script, stage = clone / "workflow_scripts" / "run_stage.py", clone / "detach_core" / "stages" / "flow.py"
    for path in (script, stage):
        path.write_text(path.read_text() + "\n# a comment\n")
    assert there.plan() == []
    stage.write_text(stage.read_text() + "\nCHANGED = True\n")
    flow = [f"flow opportunity {shard}" for shard in ("S1-Drill", "S3-Drill")]
    assert there.plan() == after_pack(*flow, "pack opportunity")
