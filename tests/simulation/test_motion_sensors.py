from __future__ import annotations

import numpy as np
import pytest

from detach_core.config.simulation import MotionSensorSection
from detach_core.simulation.hwu_home import hwu_home
from detach_core.simulation.motion_sensors import in_view, motion_levels, moving

HOME = hwu_home()
FIELD = HOME.motion_sensors["Ktch_Motion_1"]
GOOD = {"hold_s": 2.0, "missed": 0.0, "delay_s": 0.0, "false_hz": 0.0}


def _levels(trace, **changes):
    knobs = MotionSensorSection.model_validate(GOOD | changes)
    return motion_levels(trace, HOME, knobs, np.random.default_rng(0))["Ktch_Motion_1"]


@pytest.fixture
def walker(hand_made_trace):
    def make(position, **signals):
        return hand_made_trace(HOME, duration_s=20.0, rate_hz=50.0, position=position, **signals)

    return make


def _burst(trace_length=1001):
    walking = np.zeros(trace_length)
    walking[250:300] = 1.0
    return walking


def test_a_sensor_sees_who_moves_in_its_field_and_holds(walker):
    level = _levels(walker(FIELD[:2], walking=_burst()))
    on = np.flatnonzero(level)
    assert on[0] == 250
    assert on[-1] / 50 == pytest.approx(6.0 + 2.0, abs=0.6)
    assert (np.diff(on) == 1).all()


def test_who_stands_still_or_outside_is_not_seen(walker):
    assert not _levels(walker(FIELD[:2])).any()
    outside = (FIELD[0] + FIELD[2] + 0.1, FIELD[1])
    trace = walker(outside, walking=_burst())
    assert moving(trace).any()
    assert not in_view(trace, FIELD).any()
    assert not _levels(trace).any()


def test_hands_count_as_movement(walker):
    assert moving(walker(FIELD[:2], gesture=0.9)).all()
    assert moving(walker(FIELD[:2], hand=(1.0, 1.0, 1.0))).all()


def test_misses_delay_and_false_reports(walker):
    trace = walker(FIELD[:2], walking=_burst())
    assert not _levels(trace, missed=1.0).any()
    assert np.flatnonzero(_levels(trace, delay_s=0.2))[0] == 260
    assert _levels(walker((0.1, 0.1)), false_hz=0.02, hold_s=0.0).mean() < 0.2
