from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.hwu_usp.layout import hwu_home
from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.scene import SWAY_HZ, PasserBy, Scene, draw_swaying


@pytest.fixture
def scene():
    return Scene(opportunity_home(), 160, 120)


@pytest.mark.parametrize("name", ["curtain", "plant"])
def test_a_swaying_thing_moves_pixels_near_itself_only(scene, name):
    thing = next(thing for thing in scene.swaying if thing.name == name)
    frame = scene.image.copy()
    draw_swaying(frame, thing, 1.0, 0.25 / SWAY_HZ[name], scene.depth)
    changed = (frame != scene.image).any(axis=-1)
    top, bottom, left, right = thing.region
    assert changed[top:bottom, left:right].sum() == changed.sum() > 15


def test_without_strength_a_thing_is_at_rest(scene):
    for thing in scene.swaying:
        frame = scene.image.copy()
        draw_swaying(frame, thing, 0.0, 0.3, scene.depth)
        np.testing.assert_array_equal(frame, scene.image)


def test_an_opened_door_hides_what_sways_behind_it(scene):
    thing = next(thing for thing in scene.swaying if thing.name == "curtain")
    frame = np.zeros_like(scene.image)
    draw_swaying(frame, thing, 1.0, 0.25 / SWAY_HZ["curtain"], np.full_like(scene.depth, 1.0))
    assert not frame.any()


def test_someone_outside_is_seen_only_through_the_glass(scene):
    passer_by = PasserBy(scene.home, scene.projection, scene.image, scene.depth)
    middle, gone = scene.image.copy(), scene.image.copy()
    passer_by.draw(middle, 0.5, 0.6, scene.depth)
    passer_by.draw(gone, -3.0, 0.6, scene.depth)
    changed = np.argwhere((middle != scene.image).any(axis=-1))
    assert len(changed) > 20
    glass = next(box for box in scene.home.boxes if box.name == "glass panel")
    depth = scene.depth[changed[:, 0], changed[:, 1]]
    points = scene.projection.position + depth[:, None] * scene.projection.rays[changed[:, 0], changed[:, 1]]
    assert (points[:, 1] > glass.low[1] - 0.1).all()
    assert (points[:, 1] < glass.high[1] + 0.1).all()
    np.testing.assert_array_equal(gone, scene.image)


@pytest.mark.parametrize("home", [opportunity_home(), hwu_home()], ids=["opportunity", "hwu"])
def test_every_fixture_changes_a_few_dozen_pixels_of_a_small_picture(home):
    for name in home.fixtures:
        scene = Scene(home, 160, 120)
        closed = scene.image.copy()
        scene.set_openings(dict.fromkeys(home.fixtures, 0.0) | {name: 0.9})
        changed = (np.abs(scene.image.astype(int) - closed) > 12).any(axis=-1).sum()
        assert 12 <= changed <= 1200, (name, changed)


def test_closing_again_gives_back_the_same_picture_bit_for_bit():
    home = opportunity_home()
    scene = Scene(home, 160, 120)
    image, depth = scene.image.copy(), scene.depth.copy()
    for opening in (0.3, 1.0, 0.0):
        scene.set_openings(dict.fromkeys(home.fixtures, opening))
    np.testing.assert_array_equal(scene.image, image)
    np.testing.assert_array_equal(scene.depth, depth)


def test_the_way_to_an_opening_does_not_matter():
    home = opportunity_home()
    once, stepwise = Scene(home, 160, 120), Scene(home, 160, 120)
    openings = {"Drawer 1": 0.5, "Drawer 2": 0.8, "Fridge": 0.4, "Dishwasher": 0.9}
    target = dict.fromkeys(home.fixtures, 0.0) | openings
    once.set_openings(target)
    for name in openings:
        stepwise.set_openings({other: value for other, value in target.items() if other == name})
    np.testing.assert_array_equal(once.image, stepwise.image)
    np.testing.assert_array_equal(once.depth, stepwise.depth)


def test_the_sun_brightens_the_floor_and_sets_again():
    scene = Scene(opportunity_home(), 160, 120)
    before = scene.image.copy()
    scene.set_daylight(0.3)
    brighter = (scene.image > before).any(axis=-1)
    assert 20 < brighter.sum() < 160 * 120 / 2
    assert (scene.image >= before).all()
    scene.set_daylight(0.0)
    np.testing.assert_array_equal(scene.image, before)
