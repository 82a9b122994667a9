import json

import pandas as pd
import pytest

from detach_core.contracts.history import write_history
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import write_windows
from detach_core.stages.figure import figure
from tests.fixtures.artifacts import make_windows

ROWS = [
    {"epoch": 0, "phase": "start", "change_rate": None},
    {"epoch": 1, "phase": "joint", "change_rate": 0.25},
    {"epoch": 2, "phase": "refinement", "change_rate": 0.0},
]


def run(folder, *, source="simulated", draw="assignment_stability", **paths):
    windows = make_windows()
    write_windows(folder / "windows.h5", windows)
    inputs = {"windows": windows.provenance.artifact_id}
    provenance = make_provenance(stage="pretrain_spatial", source=source, settings={}, seed=4, inputs=inputs)
    write_history(folder / "history.jsonl", ROWS, run={"num_windows": 8}, provenance=provenance)
    given = {"windows": [folder / "windows.h5"], "spatial_history": str(folder / "history.jsonl")} | paths
    figure(
        name="figure10",
        settings=json.dumps({"draw": draw, "split": "default", "datasets": ["opportunity"], "spatial": "default"}),
        paths=given,
        csv_path=folder / "figures" / "figure10.csv",
        log_path=folder / "figure.log",
    )
    return folder / "figures"


def test_a_figure_is_a_pdf_a_png_its_caption_and_the_numbers_it_plots(tmp_path):
    folder = run(tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        f"figure10.{kind}" for kind in ("csv", "md", "parquet", "pdf", "png")
    }
    assert (folder / "figure10.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "figure10.png").read_bytes().startswith(b"\x89PNG")
    frame = pd.read_csv(folder / "figure10.csv")
    assert frame["change_rate"].tolist() == [0.25, 0.0]
    assert frame["phase"].tolist() == ["joint", "refinement"]
    exact = pd.read_parquet(folder / "figure10.parquet")
    pd.testing.assert_frame_equal(exact, frame, check_dtype=False)
    facts = {"schema": "detach.figure/1", "source": "simulated", "splits": ["default"], "seeds": ["4"]}
    assert facts.items() <= exact.attrs.items()
    assert exact["epoch"].dtype == "int64"


def test_the_caption_says_what_is_shown_and_where_it_comes_from(tmp_path):
    text = (run(tmp_path) / "figure10.md").read_text()
    assert text.startswith("**Figure 10. Pseudo-labels settle in Stage 1.** Share of windows that change")
    caption, picture = text.strip().split("\n\n")
    assert "Simulated data · pretraining windows · split default · seed 4 · commit" in caption
    assert picture == "![Figure 10. Pseudo-labels settle in Stage 1](figure10.png)"


def test_the_log_ends_with_what_stands_at_the_figure_s_foot(tmp_path):
    run(tmp_path)
    last = (tmp_path / "figure.log").read_text().splitlines()[-1]
    assert "Simulated data · pretraining windows · split default · seed 4 · commit" in last


def test_a_second_run_writes_the_same_bytes(tmp_path):
    first = {path.name: path.read_bytes() for path in run(tmp_path).iterdir()}
    assert {path.name: path.read_bytes() for path in run(tmp_path).iterdir()} == first


def refused(folder, capsys, **changes):
    with pytest.raises(SystemExit):
        run(folder, **changes)
    assert not (folder / "figures").exists()
    line = capsys.readouterr().err
    assert "Traceback" not in line
    return line


def test_simulated_and_real_data_are_never_in_one_figure(tmp_path, capsys):
    line = refused(tmp_path, capsys, source="local")
    assert "history.jsonl: source: found local, expected simulated" in line


def test_a_run_that_is_not_there_is_named_with_the_command_that_makes_it(tmp_path, capsys):
    missing = tmp_path / "seed9" / "history.jsonl"
    line = refused(tmp_path, capsys, spatial_history=[missing])
    assert f"./run snakemake {missing}" in line


def test_a_drawing_without_its_artifacts_is_refused(tmp_path, capsys):
    assert "figure10: found no file of the kind spatial_history" in refused(tmp_path, capsys, spatial_history=[])


def test_an_unknown_drawing_is_refused(tmp_path, capsys):
    assert "unknown figure 'pie'; known are weight_cdf" in refused(tmp_path, capsys, draw="pie")
