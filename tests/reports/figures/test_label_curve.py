import dataclasses

import pytest

from detach_core.evaluation.label_curve import CurvePoint
from detach_core.reports.figures.drawing import house_style
from detach_core.reports.figures.label_curve import LabelCurve
from detach_core.reports.figures.registry import LabelCurveFigureSettings
from detach_core.settings.shared import PointKind

SETTINGS = LabelCurveFigureSettings(split="default", datasets=("opportunity",), variants=("best", "detach"))

LOOKS: tuple[PointKind, ...] = ("named clusters", "random looks")


@pytest.fixture
def curves(make_metrics, made):
    """Curves of two variants with points at 1, 3 and all labels, and at 14 and 28 looks of two kinds."""

    def curve(variant):
        metrics = make_metrics(variant=variant)
        one = next(iter(metrics.protocols.values()))
        points = [CurvePoint("by_recording", "labels", count) for count in (1, 3, None)]
        points += [CurvePoint("by_recording", kind, count) for kind in LOOKS for count in (14, 28)]
        return dataclasses.replace(metrics, protocols={point.name: one for point in points})

    return made.artifacts(label_curve=[curve("detach"), curve("best")])


def test_the_frame_has_a_row_for_each_variant_and_count_in_the_settings_order(curves):
    frame = LabelCurve().frame(curves, SETTINGS)
    assert frame["variant"].tolist() == ["best"] * 3 + ["detach"] * 3
    assert frame["count"].fillna(-1).tolist() == [1, 3, -1] * 2
    assert set(frame["protocol"]) == {"by_recording"}
    one = curves["label_curve"][0].value.protocols["by_recording, 1 label"]
    assert frame["f1_weighted"].tolist() == [one.f1_weighted] * 6
    assert (frame["f1_weighted_low"] <= frame["f1_weighted"]).all()


def test_a_line_for_each_variant_with_its_intervals_and_the_counts_on_the_axis(curves, texts_stand_apart):
    frame = LabelCurve().frame(curves, SETTINGS)
    with house_style():
        figure = LabelCurve().draw(frame, SETTINGS)
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "3", "all"]
    assert [container.get_label() for container in panel.containers] == ["best", "detach"]
    assert panel.get_title(loc="left") == "opportunity\nby_recording"
    texts_stand_apart(figure)
    assert LabelCurve().note(frame, SETTINGS) == "tested as by_recording"


@pytest.mark.parametrize(("unit", "words"), [("window", "gestures"), ("recording", "sequences")])
def test_each_panel_counts_the_units_that_its_home_labels(curves, made, unit, words):
    one = dataclasses.replace(curves["label_curve"][0].value, label_unit=unit)
    frame = LabelCurve().frame(made.artifacts(label_curve=[one]), SETTINGS)
    with house_style():
        (panel,) = LabelCurve().draw(frame, SETTINGS).axes
    assert panel.get_xlabel() == f"labelled {words} of each class"


def test_homes_with_other_units_stand_side_by_side(curves, made):
    one = curves["label_curve"][0].value
    other = dataclasses.replace(one, dataset="hwu_usp", label_unit="recording")
    frame = LabelCurve().frame(made.artifacts(label_curve=[one, other]), SETTINGS)
    with house_style():
        panels = LabelCurve().draw(frame, SETTINGS).axes
    assert [panel.get_xlabel().split()[1] for panel in panels] == ["gestures", "sequences"]


def test_looks_have_a_row_of_panels_for_each_kind(curves, texts_stand_apart):
    settings = dataclasses.replace(SETTINGS, points=LOOKS)
    frame = LabelCurve().frame(curves, settings)
    assert frame["known"].tolist() == ["named clusters", "named clusters", "random looks", "random looks"] * 2
    assert frame["count"].tolist() == [14, 28] * 4
    with house_style():
        figure = LabelCurve().draw(frame, settings)
    assert [panel.get_xlabel() for panel in figure.axes] == ["clusters, one look each", "gestures looked at"]
    for panel in figure.axes:
        assert [label.get_text() for label in panel.get_xticklabels()] == ["14", "28"]
    texts_stand_apart(figure)
    assert "each named by a look at the video" in settings.caption().text
    assert settings.caption().title == "Named clusters, random looks"


def test_many_rows_and_panels_stay_apart(make_metrics, made, texts_stand_apart):
    names = [f"method-{k}" for k in range(12)]
    curves = []
    for dataset in ("opportunity", "hwu_usp"):
        for name in names:
            metrics = make_metrics(variant=name)
            one = next(iter(metrics.protocols.values()))
            points = [
                CurvePoint(protocol, kind, count)
                for protocol in ("paper", "by_recording")
                for kind in LOOKS
                for count in (14, 28, 56)
            ]
            protocols = {point.name: one for point in points}
            curves.append(dataclasses.replace(metrics, dataset=dataset, protocols=protocols))
    settings = dataclasses.replace(SETTINGS, variants=tuple(names), datasets=("opportunity", "hwu_usp"), points=LOOKS)
    frame = LabelCurve().frame(made.artifacts(label_curve=curves), settings)
    with house_style():
        figure = LabelCurve().draw(frame, settings)
    texts_stand_apart(figure)
    lines = [container[0] for container in figure.axes[0].containers]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == len(names)
