import dataclasses

import pandas as pd
import pytest

from detach_core.contracts.lists import ResultRow
from detach_core.evaluation.evaluate import start_result
from detach_core.evaluation.intervals import aggregate
from detach_core.reports.pages import check_caption, check_page
from detach_core.reports.results_table import readable, results_caption, results_frame
from detach_core.reports.tables import write_table

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


def with_start(metrics, shift):
    """With an untrained control: the trained one's answers, `shift` of them turned to another class."""
    protocols = {}
    for name, one in metrics.protocols.items():
        own = one.predictions[0]
        predicted = own.predicted.copy()
        predicted[:shift] = (own.label[:shift] + 1) % 3
        turned = dataclasses.replace(own, predicted=predicted)
        protocols[name] = dataclasses.replace(one, start=start_result([turned], 3))
    return dataclasses.replace(metrics, protocols=protocols)


def test_a_rows_gain_is_over_its_own_untrained_networks_on_the_same_units(make_metrics):
    runs = [with_start(make_metrics(), 30), make_metrics(variant="statistics", method="statistics")]
    frame = results_frame("table1", aggregate(runs))
    line = frame.iloc[0]
    start = runs[0].protocols["paper"].start
    assert line.start_f1_weighted == start.f1_weighted < line.f1_weighted
    assert line.gain_f1_weighted == pytest.approx(line.f1_weighted - start.f1_weighted)
    assert line.gain_f1_weighted_low < line.gain_f1_weighted < line.gain_f1_weighted_high
    assert frame["gain_f1_weighted"].iloc[2:].isna().all()
    shown = readable(frame)
    assert shown["Untrained F1"].tolist()[::2] == [f"{start.f1_weighted:.2f}", ""]
    assert shown["Gain"].iloc[0].startswith(f"+{line.gain_f1_weighted:.3f} [")
    assert "gain: F1 minus that of the row's own networks untrained" in results_caption(frame, 0.95)


def test_equal_answers_are_no_gain_with_no_width(make_metrics):
    metrics = make_metrics()
    protocols = {
        name: dataclasses.replace(one, start=start_result(list(one.predictions), 3))
        for name, one in metrics.protocols.items()
    }
    line = results_frame("table1", aggregate([dataclasses.replace(metrics, protocols=protocols)])).iloc[0]
    assert (line.gain_f1_weighted, line.gain_f1_weighted_low, line.gain_f1_weighted_high) == (0.0, 0.0, 0.0)


def test_the_gain_is_a_mean_over_seeds(make_metrics):
    runs = [with_start(make_metrics(seed=seed), shift) for seed, shift in ((0, 12), (1, 30))]
    line = results_frame("table1", aggregate(runs)).iloc[0]
    starts = [run.protocols["paper"].start.f1_weighted for run in runs]
    assert line.start_f1_weighted == pytest.approx(sum(starts) / 2)
    assert line.gain_f1_weighted == pytest.approx(line.f1_weighted - sum(starts) / 2)


def test_without_any_untrained_control_there_is_no_column_for_it(make_metrics):
    frame = frame_of(make_metrics, {})
    assert not {"Gain", "Untrained F1"} & set(readable(frame).columns)
    assert "gain:" not in results_caption(frame, 0.95)


WORDS = "loss contrastive 4.158 of 4.159 at chance"


def test_a_collapsed_training_is_marked_in_every_format_and_the_mark_explained(make_metrics, tmp_path):
    frame = frame_of(make_metrics, {"collapse": (WORDS,)}, {"variant": "comodo", "method": "comodo"})
    assert frame["collapse"].tolist() == [WORDS, WORDS, "", ""]
    shown, caption = readable(frame), results_caption(frame, 0.95)
    assert shown["Method"].tolist() == ["detach †"] * 2 + ["comodo"] * 2
    assert "†: a training that has collapsed" in caption
    write_table(tmp_path / "t.csv", title="Table 1", caption=caption, frame=frame, shown=shown, row=ResultRow)
    assert "| detach † " in (tmp_path / "t.md").read_text()
    assert r"detach \textdagger{}" in (tmp_path / "t.tex").read_text()
    assert "<td>detach †</td>" in (tmp_path / "t.html").read_text()
    assert WORDS in (tmp_path / "t.csv").read_text()
    for suffix in ("md", "tex", "html"):
        assert "has collapsed" in (tmp_path / f"t.{suffix}").read_text()
    check_page(tmp_path / "t.html", rule="table")
    check_caption(tmp_path / "t.md", rule="table")


def test_sound_trainings_have_neither_mark_nor_footnote(make_metrics):
    frame = frame_of(make_metrics, {})
    assert not readable(frame)["Method"].str.contains("†").any()
    assert "†" not in results_caption(frame, 0.95)


def test_of_several_seeds_each_collapse_is_told(make_metrics):
    frame = frame_of(make_metrics, {"seed": 0}, {"seed": 1, "collapse": (WORDS,)}, {"seed": 2, "collapse": (WORDS,)})
    assert frame["collapse"].iloc[0] == f"{WORDS} | {WORDS}"


@pytest.mark.parametrize(("collapse", "told"), [(("", WORDS), ""), ((WORDS, ""), WORDS)])
def test_of_a_search_only_the_settings_that_a_fold_took_count(make_metrics, collapse, told):
    # The probe of the fixture takes the unchanged settings in each fold.
    searched = {"candidates": ({}, {"optimizer": {"lr": 3e-4}}), "collapse": collapse}
    assert frame_of(make_metrics, searched)["collapse"].iloc[0] == told
