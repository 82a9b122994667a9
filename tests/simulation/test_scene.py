from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.hwu_home import hwu_home
from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.scene import Scene


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
