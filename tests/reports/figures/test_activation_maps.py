from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from detach_core.foundation.errors import UserError
from detach_core.reports.figures.activation_maps import ActivationMapsDrawing
from detach_core.reports.figures.drawing import Artifact, Artifacts, house_style, provenance_line, save_figure
from detach_core.reports.figures.registry import FIGURES, ActivationMapsSettings
from tests.fixtures.maps import make_maps

DRAWING = ActivationMapsDrawing()
SETTINGS = ActivationMapsSettings(dataset="opportunity", variant="detach", split="default")


def artifacts(*maps):
    return Artifacts(
        {"activation_maps": [Artifact(Path(f"{k}.h5"), one) for k, one in enumerate(maps or [make_maps()])]}
    )


def drawn(*maps):
    with house_style():
        return DRAWING.draw(DRAWING.frame(artifacts(*maps), SETTINGS), SETTINGS)


def pictures(figure):
    """The panels that show a picture, by row."""
    panels = [panel for panel in figure.axes if panel.images]
    return np.array(panels, dtype=object).reshape(-1, 8)


def test_it_is_found_by_its_name():
    assert FIGURES.implementation("activation_maps") is ActivationMapsDrawing


def test_the_frame_holds_every_cell_normalised_over_its_window():
    maps = make_maps()
    frame = DRAWING.frame(artifacts(maps), SETTINGS)
    cells = frame[frame["quantity"] == "activation"]
    assert len(cells) == 3 * (6 + 6 + 5 * 6)
    one = cells[(cells["row"] == "2") & (cells["map"] == "temporal")]
    values = maps.maps["temporal"].cells[1].astype(float)
    expected = (values - values.min()) / (values.max() - values.min())
    np.testing.assert_allclose(one["value"].to_numpy(float), expected.ravel())
    assert one.iloc[0][["y_px", "x_px", "class_name", "window"]].tolist() == [1.5, 1.5, "Close Dishwasher", 10]


def test_each_row_has_its_windows_shares_and_the_means_stand_below():
    maps = make_maps()
    frame = DRAWING.frame(artifacts(maps), SETTINGS)
    values = frame[frame["quantity"] != "activation"].set_index(["row", "map", "quantity"])["value"]
    assert values["3", "temporal", "share_trained"] == pytest.approx(maps.measured.share[2, 2, 0])
    assert values["3", "spatial", "share_start"] == pytest.approx(maps.measured.share[2, 1, 1])
    assert values["1", "baseline", "share_even"] == pytest.approx(maps.measured.even[0, 0])
    assert values["2", "baseline", "peak_motion"] == maps.measured.peak[1, 0, 2]
    assert values["all", "temporal", "share_motion"] == pytest.approx(maps.measured.share[:, 2, 2].mean())
    assert values["all", "temporal", "windows"] == 8


def test_means_are_over_all_seeds_and_pictures_of_the_first():
    first, second = make_maps(seed=0), make_maps(seed=1)
    frame = DRAWING.frame(artifacts(first, second), SETTINGS)
    values = frame[frame["row"] == "all"].set_index(["map", "quantity"])["value"]
    expected = (first.measured.share[:, 1, 0].mean() + second.measured.share[:, 1, 0].mean()) / 2.0
    assert values["spatial", "share_trained"] == pytest.approx(expected)
    assert frame.attrs["maps"] is first
    assert "maps of seed 0" in DRAWING.note(frame, SETTINGS)


def test_maps_of_two_datasets_are_refused():
    with pytest.raises(UserError, match="detach on hwu_usp, detach on opportunity"):
        DRAWING.frame(artifacts(make_maps(), make_maps(dataset="hwu_usp")), SETTINGS)


def test_a_row_shows_three_frames_and_the_maps_over_them():
    maps = make_maps()
    panels = pictures(drawn(maps))
    assert panels.shape == (3, 8)
    for panel, index in zip(panels[1], (0, 3, 5), strict=False):
        np.testing.assert_array_equal(panel.images[0].get_array(), maps.frames[1, index])
    assert [panel.get_title() for panel in panels[0]][3:5] == ["PRIMUS", "DETACH\nspatial"]
    assert [panel.get_ylabel() for panel in panels[:, 0]] == ["Open\nFridge", "Close\nDishwasher", "tidy"]
    assert (
        panels[2][3]
        .get_xlabel()
        .endswith(f"{100 * maps.measured.share[2, 0, 0]:.1f} / {100 * maps.measured.even[2, 0]:.1f} %")
    )


def test_the_most_active_steps_are_shown_in_the_order_of_time():
    panels = pictures(drawn())
    assert [panel.get_xlabel().split("\n")[0] for panel in panels[0][5:]] == ["0.4–0.6 s", "0.6–0.8 s", "0.8–1.0 s"]


def test_the_map_is_brightest_where_its_highest_cell_lies():
    maps = make_maps()
    cells = np.zeros((3, 1, 2, 3), dtype=np.float32)
    cells[:, 0, 1, 2] = 1.0
    maps = replace(maps, maps={**maps.maps, "spatial": replace(maps.maps["spatial"], cells=cells)})
    frame = np.full_like(maps.frames, 90)
    picture = pictures(drawn(replace(maps, frames=frame)))[0][4].images[0].get_array().sum(axis=2)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    assert (row, column) == (18, 26) or picture[18, 26] == picture.max()
    assert picture[1, 1] == picture.min()


def test_the_outline_is_drawn_only_where_something_moves():
    maps = make_maps()
    change = maps.change.copy()
    change[0] = 0
    panels = pictures(drawn(replace(maps, change=change)))
    assert not panels[0][4].collections
    assert panels[1][4].collections


def test_fewer_rows_or_steps_leave_no_empty_panel():
    maps = make_maps(num_shown=1)
    one = replace(maps.maps["temporal"], cells=maps.maps["temporal"].cells[:, :2], span=maps.maps["temporal"].span[:2])
    figure = drawn(replace(maps, maps={**maps.maps, "temporal": one}))
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert len([panel for panel in shown if panel.images]) == 7
    assert all(panel.images or any(isinstance(item, QuadMesh) for item in panel.collections) for panel in shown)


def test_the_note_says_part_grid_and_what_the_numbers_are():
    frame = DRAWING.frame(artifacts(), SETTINGS)
    note = DRAWING.note(frame, SETTINGS)
    for words in ("opportunity, held-out windows", "2 × 3 cells", "outlined: pixels that move"):
        assert words in note


def test_texts_stand_apart_and_equal_figures_give_equal_bytes(tmp_path, texts_stand_apart):
    found = artifacts()
    frame = DRAWING.frame(found, SETTINGS)
    for name in ("one", "two"):
        figure = drawn()
        line = provenance_line(found, DRAWING.note(frame, SETTINGS), split="default")
        save_figure(figure, tmp_path / name, provenance=line)
        texts_stand_apart(figure)
    for suffix in (".pdf", ".png"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
