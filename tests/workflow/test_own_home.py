"""A home of one's own through the whole workflow: with a camera and labels, by sensors alone, and without labels."""

import csv

import pytest
import yaml

from tests.fixtures.own_home import OwnHome


@pytest.fixture
def run(tmp_path, snakemake, root):
    """A function that runs the workflow for a target with an overlay over the tiny configuration."""

    def snake(target, overlay, code=0):
        path = tmp_path / "overlay.yaml"
        path.write_text(yaml.safe_dump(overlay))
        layers = [root / "config.yaml", root / "tests" / "workflow" / "tiny.yaml", path]
        arguments = [target, "--cores", "2", "--snakefile", str(root / "Snakefile")]
        found, text = snakemake(tmp_path, [*arguments, "--configfile", *map(str, layers)])
        assert found == code, text
        return text

    return snake


@pytest.fixture
def home(tmp_path):
    return OwnHome(tmp_path / "home")


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_table_1_is_made_of_a_home_with_a_camera(home, run, tmp_path):
    home.add("day1")
    home.add("day2", after_s=600, seed=1)
    home.save()
    overlay = home.overlay(rows=["detach", "statistics"], held_out=["day2"])
    text = run("results/table1.csv", overlay)
    assert "The table is in results/table1.csv" in text
    rows = rows_of(tmp_path / "results/table1.csv")
    assert {(row["dataset"], row["variant"]) for row in rows} == {("home", "detach"), ("home", "statistics")}
    assert "Nothing to be done" in run("results/table1.csv", overlay)
    # Another unit of a channel is read anew, and the video is not.
    home.home["channels"]["floor_x"]["factor"] = 9.81
    home.save()
    text = run("results/home/windows.h5", overlay)
    assert "rule ingest:" in text
    assert "rule extract_frames:" not in text


@pytest.mark.slow
def test_table_1_is_made_of_sensors_alone(home, run, tmp_path):
    home.add("day1", video=False)
    home.add("day2", after_s=600, seed=1, video=False)
    home.save()
    rows = ["random_encoder", "statistics", "supervised"]
    run("results/table1.csv", home.overlay(rows=rows, held_out=["day2"]))
    assert {row["variant"] for row in rows_of(tmp_path / "results/table1.csv")} == set(rows)
    assert not list(tmp_path.glob("results/home/shards/*/frames.h5"))
    text = run("results/table1.csv", home.overlay(rows=["detach"], held_out=["day2"]), code=1)
    assert "tables.table1.rows: must be methods of sensors alone, as home has no video, got detach" in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_without_labels_the_workflow_ends_in_clusters(home, run, tmp_path):
    home.home["classes"] = {}
    home.add("day1", labels=False)
    home.add("day2", after_s=600, seed=1, labels=False)
    home.save()
    overlay = home.overlay(rows=["detach"], held_out=["day2"])
    assert "tables.table1.datasets: must have labels, which home has not" in run("results/table1.csv", overlay, code=1)
    del overlay["tables"]
    run("results/home/default/spatial/default/seed0/assignments.h5", overlay)
    assert (tmp_path / "results/home/default/spatial/default/seed0/assignments.h5").stat().st_size > 1000


@pytest.mark.slow
def test_a_file_that_is_missing_is_told_before_the_first_job(home, run):
    home.add("day1", video=False)
    home.add("day2", after_s=600, seed=1, video=False)
    home.save()
    (home.root / "day2/motion.csv").unlink()
    (home.root / "day1/labels.csv").unlink()
    text = run("results/table1.csv", home.overlay(rows=["statistics"], held_out=["day2"]), code=1)
    assert "datasets.home: 2 of the 8 files of this run are not in" in text
    assert "day2: sensor file like day2/motion.csv" in text
    assert "day1: annotation file like day1/labels.csv" in text
    assert "`recordings.day2.sensors`" in text
    assert "docs/own-home.md" in text
