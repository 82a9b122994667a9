import pandas as pd
import pytest

from detach_core.evaluation.intervals import aggregate
from detach_core.reports.results_table import readable, results_caption, results_frame

COLUMNS = """dataset method protocol source probed n_seeds n_test f1_weighted f1_weighted_low f1_weighted_high
f1_weighted_sd map map_low map_high map_sd paper_f1_weighted paper_map video_init searched split seeds
commit null_windows chance_f1_weighted chance_map fold_draws"""


def frame_of(make_metrics, *runs, table="table1"):
    return results_frame(table, aggregate([make_metrics(**run) for run in runs]))


def test_every_agreed_column_is_there(make_metrics):
    assert set(COLUMNS.split()) <= set(frame_of(make_metrics, {}).columns)


def test_the_papers_values_stand_beside_methods_that_it_has_only(make_metrics):
    frame = frame_of(make_metrics, {}, {"variant": "statistics", "method": "statistics"})
    assert frame["paper_f1_weighted"].iloc[0] == 0.73
    assert frame["paper_map"].iloc[0] == 0.83
    assert frame["paper_map"].iloc[2:].isna().all()


def test_a_variant_of_a_method_has_the_methods_value_in_table_1_and_its_own_elsewhere(make_metrics):
    run = {"variant": "detach-infonce", "method": "detach"}
    assert frame_of(make_metrics, run)["paper_f1_weighted"].iloc[0] == 0.73
    assert frame_of(make_metrics, run, table="table3")["paper_f1_weighted"].iloc[0] == 0.59
    assert frame_of(make_metrics, run, table="table2")["paper_f1_weighted"].isna().all()


def test_gaps_are_for_real_recordings_under_the_papers_protocol(make_metrics):
    assert "gap_f1_weighted" not in frame_of(make_metrics, {}).columns
    frame = frame_of(make_metrics, {"source": "downloaded"})
    assert frame["gap_f1_weighted"].iloc[0] == pytest.approx(frame["f1_weighted"].iloc[0] - 0.73)
    inside = frame["f1_weighted_low"].iloc[0] <= 0.73 <= frame["f1_weighted_high"].iloc[0]
    assert frame["paper_f1_weighted_inside"].iloc[0] == inside
    assert pd.isna(frame["gap_f1_weighted"].iloc[1])
    assert "Gap F1" in readable(frame).columns


def test_the_caption_says_what_one_must_know(make_metrics):
    frame = frame_of(make_metrics, *({"seed": seed} for seed in (0, 1)))
    caption = results_caption(frame, 0.95)
    for words in (
        "simulated data",
        "paper, by_recording",
        "seeds: 0 1",
        "95%",
        "commit: ",
        "gestures or sequences and seeds",
        "opportunity",
    ):
        assert words in caption
    real = results_caption(frame_of(make_metrics, {"source": "local", "null_windows": "keep"}), 0.9)
    assert "simulated" not in real
    assert "recordings: local" in real
    assert "dropped" not in real
    assert "with one seed it does not cover the variation between trainings" in real
    assert "another training" not in caption
    assert "it is for this split alone" in caption
    assert "draws of the probe's folds" not in real
    assert "means over 20 draws of the probe's folds" in results_caption(frame.assign(fold_draws=20), 0.95)


def test_chance_stands_beside_each_figure(make_metrics):
    frame = frame_of(make_metrics, {})
    assert readable(frame)["Chance F1"].iloc[0] == f"{frame['chance_f1_weighted'].iloc[0]:.2f}"
    assert frame["chance_f1_weighted"].iloc[0] == pytest.approx(1 / 3, abs=0.02)
    assert frame["chance_map"].iloc[0] == pytest.approx(0.37, abs=0.02)


def test_readers_see_figure_deviation_and_interval_in_one_cell(make_metrics):
    line = results_frame("table1", aggregate([make_metrics()])).iloc[0]
    cell = readable(frame_of(make_metrics, {}))["Weighted F1"].iloc[0]
    assert cell == f"{line.f1_weighted:.3f} [{line.f1_weighted_low:.3f}, {line.f1_weighted_high:.3f}]"
    assert " ± " in readable(frame_of(make_metrics, {"seed": 0}, {"seed": 1}))["mAP"].iloc[0]
    assert readable(frame_of(make_metrics, {"variant": "x", "method": "x"}))["Paper F1"].iloc[0] == ""


def test_every_row_says_where_its_video_started_and_how_many_settings_were_tried(make_metrics):
    searched = {"candidates": ({}, {"optimizer": {"lr": 3e-4}}), "video_init": "r.pth (sha256 01)"}
    frame = frame_of(make_metrics, searched, {"variant": "statistics", "method": "statistics", "video_init": "none"})
    assert frame["searched"].tolist() == [2, 2, 1, 1]
    shown = readable(frame)
    assert shown["Searched"].tolist() == ["2", "2", "1", "1"]
    assert "Searched" not in readable(frame.assign(searched=1))
    assert shown["Video"].tolist() == ["r.pth (sha256 01)"] * 2 + ["none"] * 2
    assert "chosen by cross-validation inside each fold's training part" in results_caption(frame, 0.95)
    assert "cross-validation" not in results_caption(frame_of(make_metrics, {}), 0.95)
