from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.lighting import Grain, Light, sun_patch
from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.scene import Scene

TIMES = np.arange(3000) / 10


def test_quiet_light_leaves_a_frame_as_it_is(quiet_knobs):
    light = Light(quiet_knobs, TIMES, np.random.default_rng(0))
    frame = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(light.apply(frame, 5), frame)
    assert (light.daylight == 0).all()


def test_each_knob_sets_its_own_spread(quiet_knobs):
    def gain(**knobs):
        return Light(quiet_knobs | knobs, TIMES, np.random.default_rng(0)).gain[:, 1]

    assert gain(flicker=0.01).std() == pytest.approx(0.01, rel=0.1)
    assert gain(exposure_wobble=0.03).std() == pytest.approx(0.03, rel=0.3)
    drift = gain(light_drift=0.06)
    assert 0.005 < drift.std() < 0.06
    assert np.abs(np.diff(drift)).max() < 0.002


def test_flicker_is_fast_and_exposure_slow(quiet_knobs):
    def memory(**knobs):
        gain = Light(quiet_knobs | knobs, TIMES, np.random.default_rng(0)).gain[:, 1]
        return np.corrcoef(gain[1:], gain[:-1])[0, 1]

    assert abs(memory(flicker=0.01)) < 0.1
    assert memory(exposure_wobble=0.03) > 0.9


def test_grain_has_its_deviation_and_changes_from_frame_to_frame():
    grain = Grain(3.0, 64, 48, 10, np.random.default_rng(0))
    frame = np.full((48, 64, 3), 128, np.uint8)
    first, second = (grain.apply(frame, index).astype(float) for index in (0, 1))
    assert first.std() == pytest.approx(3.0, rel=0.05)
    assert first.mean() == pytest.approx(128.0, abs=0.3)
    assert (first != second).mean() > 0.5


def test_the_sun_comes_through_the_pane_and_not_without_one():
    home = opportunity_home()
    scene = Scene(home, 160, 120)
    glass = next(box for box in home.boxes if box.name == "glass panel")
    patch = sun_patch(glass, scene.projection, scene.depth)[..., 2]
    points = scene.projection.position + scene.depth[..., None] * scene.projection.rays
    lit = points[patch > 0.9]
    assert len(lit) > 30
    assert lit[:, 0].max() < glass.low[0]
    assert not sun_patch(None, scene.projection, scene.depth).any()
