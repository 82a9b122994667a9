from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.scene import Scene
from detach_core.simulation.scenery import SWAY_HZ, PasserBy, draw_swaying


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
