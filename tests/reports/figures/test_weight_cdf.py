from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detach_core.reports.figures.drawing import Artifact, Artifacts, house_style, save_figure
from detach_core.reports.figures.negative_pairs import WeightCdf, authors_choice, pair_table
from detach_core.reports.figures.registry import WeightCdfSettings
from tests.fixtures.pairs import make_pairs

DRAWING = WeightCdf()
ALL = WeightCdfSettings(dataset="opportunity", variant="detach", split="default", pair_groups="all")
AUTHORS = replace(ALL, pair_groups="authors")


def artifacts(**changes):
    return Artifacts({"negative_pairs": [Artifact(Path("negative_pairs.h5"), make_pairs(**changes))]})


def test_shares_are_those_of_all_pairs():
    found = artifacts()
    frame, table = DRAWING.frame(found, ALL), pair_table(found)
    for (epoch, kind), line in frame.groupby(["epoch", "kind"]):
        weights = table.loc[(table["epoch"] == epoch) & (table["kind"] == kind), "weight"].to_numpy(float)
        for row in line.iloc[[0, 90, 190, 200, 210, -1]].itertuples():
            assert row.share == pytest.approx(np.mean(weights <= row.weight))
        assert (line["pairs"] == len(weights)).all()
        assert (line["share"].diff().dropna() >= 0).all()
        assert line["share"].iloc[-1] == 1.0
        assert line["share"].iloc[0] == 0.0
    assert set(frame["variant"]) == {"detach"}


def test_a_weight_of_one_is_a_step_at_one():
    frame = DRAWING.frame(artifacts(weight=lambda epoch, kind, label: np.full(kind.shape, 1.0 + 4e-8)), ALL)
    line = frame[(frame["epoch"] == 0) & (frame["kind"] == "easy")].set_index("weight")["share"]
    assert line[0.995] == 0.0
    assert line[1.0] == 1.0


def test_large_weights_do_not_make_large_files():
    frame = DRAWING.frame(artifacts(weight=lambda epoch, kind, label: np.full(kind.shape, 70.0)), ALL)
    assert len(frame) / 9 < 1100
    assert frame["weight"].max() >= 70.0


def test_the_authors_choice_is_easy_pairs_of_one_action_and_false_pairs_of_the_better_separated_one():
    def weight(epoch, kind, label):
        # At the end, false pairs of "Close Fridge" and "Open Door 1" are the light ones of their places.
        light = np.isin(label, (1, 2)) if epoch == 10 else np.isin(label, (0, 3))
        return np.where((kind == 2) & light[:, None], 0.3, 1.0)

    table = pair_table(artifacts(weight=weight))
    chosen = authors_choice(table)
    assert set(chosen.loc[chosen["kind"] == "false", "first_class"]) == {"Close Fridge", "Open Door 1"}
    assert chosen.loc[chosen["kind"] == "easy", "same_action"].all()
    assert (chosen["kind"] == "hard").sum() == (table["kind"] == "hard").sum()
    frame = DRAWING.frame(artifacts(weight=weight), AUTHORS)
    assert frame.groupby("kind")["pairs"].first().to_dict() == {"easy": 8 * 6 + 7 * 5, "hard": 86, "false": 21 + 15}
    assert "authors" in DRAWING.note(frame, AUTHORS)


def test_a_panel_an_epoch_shows_the_numbers_of_the_frame(tmp_path):
    frame = DRAWING.frame(artifacts(), ALL)
    with house_style():
        figure = DRAWING.draw(frame, ALL)
    assert [axes.get_title() for axes in figure.axes][1:] == ["Stage 2, epoch 4", "Stage 2, epoch 10"]
    for axes, epoch in zip(figure.axes, (0, 4, 10), strict=True):
        named = [(str(line.get_label()), line) for line in axes.get_lines()]
        lines = {label.split()[0]: line for label, line in named if not label.startswith("_")}
        assert list(lines) == ["easy", "hard", "false"]
        assert len({line.get_linestyle() for line in lines.values()}) == 3
        shown = frame[(frame["epoch"] == epoch) & (frame["kind"] == "false")]
        np.testing.assert_array_equal(lines["false"].get_xdata(), shown["weight"])
        np.testing.assert_array_equal(lines["false"].get_ydata(), shown["share"])
    pdf, png = save_figure(figure, tmp_path / "figure4", provenance=DRAWING.note(frame, ALL))
    assert pdf.stat().st_size > 5000
    assert png.stat().st_size > 5000


def test_one_epoch_fits_a_column():
    frame = DRAWING.frame(artifacts(epochs=(10,)), ALL)
    with house_style():
        assert DRAWING.draw(frame, ALL).get_size_inches()[0] == pytest.approx(3.35)
