from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detach_core.foundation.errors import UserError
from detach_core.reports.figures.drawing import KIND_STYLES, Artifact, Artifacts, house_style, save_figure
from detach_core.reports.figures.negative_pairs import ClassSeparation, pair_table, separations
from detach_core.reports.figures.registry import ClassSeparationSettings
from tests.fixtures.pairs import make_pairs

FALSE_WEIGHT = {0: 0.9, 1: 0.3, 2: 0.8, 3: 0.6}
ORDER = ["Close Fridge", "Close Door 1", "Open Door 1", "Open Fridge"]
DRAWING = ClassSeparation()
SETTINGS = ClassSeparationSettings(dataset="opportunity", variant="detach", split="default", num_classes=3)


def weight(epoch, kind, label):
    """At the end each class's false pairs have a weight of their own; before, all are alike."""
    own = np.array([FALSE_WEIGHT.get(one, 1.0) for one in label]) if epoch == 10 else np.ones(len(label))
    spread = np.linspace(-0.05, 0.05, len(label))
    return np.where(kind == 2, own[:, None], 1.0) + spread - spread.mean()


def artifacts(**changes):
    return Artifacts({"negative_pairs": [Artifact(Path("negative_pairs.h5"), make_pairs(**changes))]})


def test_classes_are_ranked_by_mean_hard_minus_mean_false_weight():
    table = pair_table(artifacts(weight=weight))
    last = table[table["epoch"] == 10]
    ranked = separations(last)
    assert ranked["class"].tolist() == ORDER
    for row in ranked.itertuples():
        own = last[(last["first_class"] == row[1]) | (last["second_class"] == row[1])]
        means = own.groupby("kind")["weight"].mean()
        assert row.separation == pytest.approx(means["hard"] - means["false"], abs=1e-6)
    assert ranked.set_index("class").loc["Close Fridge", ["hard", "false"]].tolist() == [56, 21]


def test_both_ends_are_shown_at_the_last_epoch_with_all_their_pairs():
    frame = DRAWING.frame(artifacts(weight=weight), SETTINGS)
    # Four classes: two at each end, though three are asked for.
    assert frame.groupby("end", sort=False)["class"].unique().map(list).to_dict() == {
        "largest": ORDER[:2],
        "smallest": ORDER[2:],
    }
    assert set(frame["epoch"]) == {10}
    sizes = frame.groupby(["class", "kind"]).size()
    assert sizes["Close Fridge"].to_dict() == {"hard": 56, "false": 21}
    assert sizes["Open Door 1"].to_dict() == {"hard": 30, "false": 15}
    assert set(frame["kind"]) == {"hard", "false"}


def test_one_class_at_each_end_can_be_asked_for():
    frame = DRAWING.frame(artifacts(weight=weight), replace(SETTINGS, num_classes=1))
    assert list(dict.fromkeys(frame["class"])) == [ORDER[0], ORDER[-1]]


def test_classes_with_few_pairs_are_left_out_and_named():
    label = np.repeat([0, 1, 2, 3], (8, 7, 3, 6))
    frame = DRAWING.frame(artifacts(label=label, weight=weight), SETTINGS)
    assert "Open Door 1" not in set(frame["class"])
    assert "too few pairs: Open Door 1" in DRAWING.note(frame, SETTINGS)


def test_too_few_classes_are_refused_with_the_file():
    with pytest.raises(UserError, match=r"negative_pairs.h5: kind: found 1 classes with 10 hard and 10 false pairs"):
        DRAWING.frame(artifacts(label=np.repeat([0, 1, 2, 3], (8, 3, 2, 2)), weight=weight), SETTINGS)


def halves(figure):
    """Colour -> the half violins' centres, mean levels and the sides on which they lie."""
    axes = figure.axes[0]
    return axes.collections, [line for line in axes.get_lines() if line.get_color() == "black"]


def test_hard_and_false_pairs_lie_beside_each_other_within_their_range(tmp_path):
    frame = DRAWING.frame(artifacts(weight=weight), SETTINGS)
    with house_style():
        figure = DRAWING.draw(frame, SETTINGS)
    bodies, means = halves(figure)
    assert len(bodies) == len(means) == 8
    ticks = figure.axes[0].get_xticks()
    for k, (name, pairs) in enumerate(frame.groupby("class", sort=False)):
        assert figure.axes[0].get_xticklabels()[k].get_text().startswith(f"{name}\n")
        for body, mean, kind, side in zip(bodies[2 * k :], means[2 * k :], ("hard", "false"), (-1, 1), strict=False):
            values = pairs.loc[pairs["kind"] == kind, "weight"]
            assert mean.get_ydata()[0] == pytest.approx(values.mean())
            box = body.get_paths()[0].get_extents()
            assert (box.y0, box.y1) == pytest.approx((values.min(), values.max()))
            middle = (box.x0 + box.x1) / 2 - ticks[k]
            assert np.sign(middle) == side
            assert body.get_facecolor()[0][:3] == pytest.approx(
                [int(KIND_STYLES[kind].colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
            )
    assert save_figure(figure, tmp_path / "figure5", provenance="x")[1].stat().st_size > 5000


def test_weights_that_are_all_alike_are_lines():
    frame = DRAWING.frame(artifacts(weight=lambda epoch, kind, label: np.ones(kind.shape)), SETTINGS)
    with house_style():
        figure = DRAWING.draw(frame, SETTINGS)
        figure.draw_without_rendering()
    bodies, means = halves(figure)
    assert all(np.ptp(body.get_paths()[0].vertices[:, 0]) == 0 for body in bodies)
    assert {line.get_ydata()[0] for line in means} == {1.0}
