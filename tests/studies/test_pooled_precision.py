import csv
from pathlib import Path

import numpy as np
import pytest

from detach_core.evaluation.metrics import mean_average_precision
from detach_core.reports.captions import pooling_note
from studies.pooled_precision import HOMES, Home, differences, write_differences

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def written():
    with (ROOT / "docs" / "statistics" / "pooled_precision.csv").open(newline="") as file:
        return {row["home"]: {key: float(row[key]) for key in row if key != "home"} for row in csv.DictReader(file)}


def test_the_written_figure_is_that_of_the_study(written):
    found = differences(HOMES["hwu_usp, easy"], 30, seed=1)
    apart = found["map_gap"] - written["hwu_usp, easy"]["map_gap"]
    assert abs(apart) < 3.0 * np.hypot(found["map_gap_error"], written["hwu_usp, easy"]["map_gap_error"])


def test_classes_that_cannot_be_told_apart_are_ranked_by_chance_by_one_classifier():
    found = differences(Home(60, 3, 5, False, 0.0), 20, seed=0)
    rng, label = np.random.default_rng(0), np.arange(60) % 3
    chance = np.mean([mean_average_precision(label, rng.random((60, 3)), np.ones((1, 60)))[0] for _ in range(200)])
    assert found["map_alone"] == pytest.approx(chance, abs=0.03)


def test_the_caption_gives_the_written_figures(written):
    note = pooling_note(["paper", "by_subject"])
    gaps = [written[f"hwu_usp, {kind}"]["map_gap"] for kind in ("easy", "hard")]
    low, high = sorted(f"{-gap:.2f}".lstrip("0") for gap in gaps)
    assert f"{low} to {high}" in note
    for kind in ("easy", "hard"):
        gap, error = (written[f"opportunity, {kind}"][name] for name in ("map_gap", "map_gap_error"))
        assert abs(gap) < 2.0 * error


def test_a_table_is_written_with_its_errors_and_its_seed(tmp_path):
    found = {name: 0.5 for name in ("map_alone", "map_pooled", "f1_alone", "f1_pooled")}
    found |= {"map_gap": -0.1, "map_gap_error": 0.02, "f1_gap": 0.01, "f1_gap_error": 0.03}
    write_differences({"a home": found}, repeats=7, seed=5, path=tmp_path / "gaps.csv")
    text = (tmp_path / "gaps.md").read_text()
    assert "-0.100 ± 0.020" in text
    assert "7 simulated homes" in text
    assert "seed 5" in text
    assert (tmp_path / "gaps.csv").read_text().startswith("home,map_alone,map_pooled")
