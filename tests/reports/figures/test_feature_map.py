from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from detach_core.reports.figures.drawing import add_provenance, house_style
from detach_core.reports.figures.feature_map import FeatureMap
from detach_core.reports.figures.registry import FeatureMapSettings

DRAWING = FeatureMap()
SETTINGS = FeatureMapSettings(
    dataset="opportunity",
    variant="detach",
    split="default",
    features=("video", "sensor"),
    colour="class",
    max_windows=100,
    perplexity=5.0,
)


def artifacts_of(made, **changes):
    windows = made.windows(**changes)
    return made.artifacts(windows=windows, split=made.split(windows), embeddings=made.embeddings(windows))


def draw(frame):
    with house_style():
        figure = DRAWING.draw(frame, SETTINGS)
    add_provenance(figure, DRAWING.note(frame, SETTINGS))
    return figure


@pytest.fixture
def frame(made):
    return DRAWING.frame(artifacts_of(made), SETTINGS)


def test_every_window_is_drawn_where_the_frame_says(frame):
    figure = draw(frame)
    video, _ = figure.axes
    drawn = np.concatenate([collection.get_offsets() for collection in video.collections])
    expected = frame.loc[frame["feature"] == "video", ["x", "y"]].to_numpy()
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0))


def test_opening_is_hollow_and_closing_is_filled_in_the_fixture_s_colour(frame):
    figure = draw(frame)
    looks = {text.get_text(): handle for handle, text in zip(*legend_of(figure), strict=True)}
    assert list(looks) == ["Door 1", "Fridge", "Open", "Close"]
    fridge = looks["Fridge"].get_color().lower()
    drawn = [one for one in figure.axes[0].collections if len(one.get_offsets())]
    found = {len(one.get_facecolors()): one for one in drawn if to_hex(one.get_edgecolors()[0]) == fridge}
    video = frame[(frame["feature"] == "video") & (frame["group"] == "Fridge")]
    for faces, action in ((0, "Open"), (1, "Close")):
        expected = video.loc[video["action"] == action, ["x", "y"]]
        np.testing.assert_allclose(found[faces].get_offsets(), expected)
    assert looks["Fridge"].get_marker() != looks["Door 1"].get_marker()


def legend_of(figure):
    (legend,) = figure.legends
    return legend.legend_handles, legend.get_texts()


def test_a_panel_says_how_far_neighbours_are_alike(frame):
    figure = draw(frame)
    share = frame.loc[frame["feature"] == "sensor", "alike_neighbours"].mean()
    assert figure.axes[1].get_xlabel() == f"of 10 nearest neighbours, same class: {share:.2f} (chance 0.20)"


def test_no_text_touches_another(frame, texts_stand_apart):
    texts_stand_apart(draw(frame))


def test_fourteen_classes_fit_in_the_legend(made, texts_stand_apart):
    fixtures = ("Dishwasher", "Door 1", "Door 2", "Drawer 1", "Drawer 2", "Drawer 3", "Fridge")
    names = tuple(f"{action} {name}" for name in fixtures for action in ("Open", "Close"))
    frame = DRAWING.frame(artifacts_of(made, class_names=names, num_classes=14), SETTINGS)
    figure = draw(frame)
    assert len(legend_of(figure)[1]) == 9
    texts_stand_apart(figure)


def test_sensors_keep_the_home_s_order_and_none_is_grey(made):
    sensor = np.zeros((72, 4, 20), np.float32)
    sensor[:, 2, 5] = np.arange(72) % 2
    sensor[:, 0, 5] = np.arange(72) % 3 == 0
    frame = DRAWING.frame(artifacts_of(made, sensor=sensor), replace(SETTINGS, colour="sensor"))
    handles, texts = legend_of(draw(frame))
    assert [text.get_text() for text in texts] == ["SWITCH FRIDGE S1", "ACC DOOR1 accY", "none"]
    assert to_hex(handles[-1].get_color()) == "#8c8c8c"


def test_the_note_says_part_count_missing_classes_and_perplexity(made, frame):
    assert DRAWING.note(frame, SETTINGS) == "opportunity, held-out part, 18 windows · t-SNE, perplexity 5"
    assert DRAWING.note(frame, replace(SETTINGS, perplexity=50.0)).endswith("perplexity 5.67")
    label = np.minimum(made.windows().label, 1)
    some = DRAWING.frame(artifacts_of(made, label=label), SETTINGS)
    assert "no window of Open Door 1" in DRAWING.note(some, SETTINGS)


def test_the_note_says_when_many_windows_are_one_point(frame):
    many = frame.assign(num_equal=np.where(frame["feature"] == "sensor", 88, 1))
    many.attrs = frame.attrs
    assert "88 windows share one sensor feature" in DRAWING.note(many, SETTINGS)
    assert "share one video" not in DRAWING.note(many, SETTINGS)
