from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detach_core.foundation.errors import UserError
from detach_core.reports.figures.drawing import Artifact, Artifacts, house_style, save_figure
from detach_core.reports.figures.phase_space import BARS, PhaseSpace
from detach_core.reports.figures.registry import PhaseSpaceSettings
from tests.fixtures.pairs import make_pairs

DRAWING = PhaseSpace()
SETTINGS = PhaseSpaceSettings(dataset="opportunity", variant="detach", split="default", query_class="Close Fridge")


def artifacts(**changes):
    return Artifacts({"negative_pairs": [Artifact(Path("negative_pairs.h5"), make_pairs(**changes))]})


def test_all_pairs_with_the_query_on_either_side_are_shown():
    pairs = make_pairs()
    frame = DRAWING.frame(artifacts(), SETTINGS)
    last = frame[frame["epoch"] == 10]
    # 7 windows of the query; 8 open the fridge, 11 are at the door.
    assert last.groupby("kind").size().to_dict() == {"easy": 7 * 11, "hard": 7 * 8, "false": 21}
    others = last.groupby("kind")["other_class"].unique().map(set).to_dict()
    assert others == {"easy": {"Open Door 1", "Close Door 1"}, "hard": {"Open Fridge"}, "false": {"Close Fridge"}}
    # The pair of the first two windows of the query.
    first = int(np.flatnonzero(pairs.label == 1)[0])
    values = pairs.snapshots[2]
    row = last[last["kind"] == "false"].iloc[0]
    assert row["temporal_similarity"] == values.temporal_similarity[first, first + 1]
    assert row["spatial_similarity"] == values.spatial_similarity[first, first + 1]
    assert row["weight"] == values.weight[first, first + 1]


def test_the_authors_easy_pairs_share_the_action():
    frame = DRAWING.frame(artifacts(), replace(SETTINGS, pair_groups="authors"))
    assert set(frame.loc[frame["kind"] == "easy", "other_class"]) == {"Close Door 1"}
    assert frame.loc[frame["epoch"] == 0].groupby("kind").size().to_dict() == {"easy": 35, "hard": 56, "false": 21}


@pytest.mark.parametrize(
    ("label", "query", "found"),
    [
        ([0, 0, 1, 1, 2], "Close Door 1", "no window of Close Door 1"),
        ([0, 0, 1, 1, 2, 2], "Open Door 1", "no hard pair of Open Door 1"),
        ([0, 0, 1, 1, 2, 2], "Open Attic", "no window of Open Attic"),
    ],
)
def test_a_query_without_pairs_is_refused_with_what_there_is(label, query, found):
    with pytest.raises(UserError) as caught:
        DRAWING.frame(artifacts(label=label), replace(SETTINGS, query_class=query))
    message = str(caught.value)
    assert message.startswith("negative_pairs.h5: query_class: ")
    assert found in message
    assert "(Close Fridge, Open Door 1, Open Fridge)" in message


def test_points_and_medians_are_those_of_the_frame(tmp_path):
    frame = DRAWING.frame(artifacts(), SETTINGS)
    with house_style():
        figure = DRAWING.draw(frame, SETTINGS)
    for axes, epoch in zip(figure.axes, (0, 4, 10), strict=True):
        for points, bar, kind in zip(axes.collections, axes.get_lines(), BARS, strict=True):
            shown = frame[(frame["epoch"] == epoch) & (frame["kind"] == kind)]
            expected = shown[["spatial_similarity", "temporal_similarity"]].to_numpy()
            np.testing.assert_allclose(np.asarray(points.get_offsets()), expected)
            assert np.asarray(bar.get_ydata())[0] == pytest.approx(shown["temporal_similarity"].median())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["easy negatives (77 pairs)", "hard negatives (56 pairs)", "false negatives (21 pairs)"]
    assert "Close Fridge" in DRAWING.note(frame, SETTINGS)
    first = save_figure(figure, tmp_path / "figure6", provenance="x")
    with house_style():
        again = save_figure(DRAWING.draw(frame, SETTINGS), tmp_path / "again", provenance="x")
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_medians_stand_beside_each_other():
    ends = [edge for kind in ("easy", "hard", "false") for edge in BARS[kind]]
    assert ends == sorted(ends)
    assert ends[0] > 1.0
