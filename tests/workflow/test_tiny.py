"""The data side for real, on a tiny home: simulated native files to Table 7. `.ci/run` takes the whole chain, twice."""

import pytest

STAGES = ("simulate_home", "ingest", "extract_frames", "flow", "pack", "split", "table")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, snakemake, root):
    """What the first run printed, and the arguments for another."""
    arguments = ["results/table7.csv", "--cores", "2", "--snakefile", str(root / "Snakefile")]
    arguments += ["--configfile", str(root / "config.yaml"), str(root / "tests" / "workflow" / "tiny.yaml")]
    folder = tmp_path_factory.mktemp("tiny")
    code, text = snakemake(folder, arguments)
    assert code == 0, text
    return folder, arguments, text


@pytest.mark.slow
def test_the_run_ends_with_the_place_of_the_table(tiny):
    folder, _, text = tiny
    assert "The table is in results/table7.csv (and .md, .tex, .html, .parquet)." in text
    for suffix in ("csv", "md", "tex", "parquet"):
        assert (folder / "results" / f"table7.{suffix}").stat().st_size > 100


@pytest.mark.slow
def test_every_job_leaves_a_log_a_benchmark_and_nothing_half_written(tiny):
    folder, _, _ = tiny
    for stage in STAGES:
        logs = list(folder.glob(f"results/**/{stage}.log"))
        assert logs, stage
        assert all(log.stat().st_size for log in logs), stage
        assert len(list(folder.glob(f"results/**/{stage}.benchmark.tsv"))) == len(logs), stage
    assert [str(path) for path in folder.rglob("*") if "partial" in path.name] == []


@pytest.mark.slow
def test_a_second_run_does_nothing(tiny, snakemake):
    folder, arguments, _ = tiny
    code, text = snakemake(folder, arguments)
    assert code == 0
    assert "Nothing to be done" in text


@pytest.mark.slow
def test_a_raw_file_with_a_mistake_is_one_message_and_no_output(tiny, snakemake):
    folder, arguments, _ = tiny
    path = next(folder.glob("data/simulated/opportunity/**/S1-Drill_sensors_data.txt"))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:99], lines[99].replace(" ", " x", 1), *lines[100:]]))
    code, text = snakemake(folder, [*arguments, "--forcerun", "ingest"])
    path.write_text("".join(lines))
    assert code != 0
    (message,) = {line for line in text.splitlines() if "S1-Drill_sensors_data.txt: line 100" in line}
    assert "Traceback" not in (folder / "results/opportunity/shards/S1-Drill/ingest.log").read_text()
    assert message.startswith("[ingest] ")
    assert not (folder / "results/opportunity/shards/S1-Drill/sensor.h5").exists()
