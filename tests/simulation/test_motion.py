from __future__ import annotations

import numpy as np
import pytest

from detach_core.config.simulation import HandlingSection
from detach_core.simulation.motion import minimum_jerk, opening_motion

PLAIN = {"partial_stop": 0, "regrip": 0, "overshoot": 0, "slam": 0, "soft_close": 0, "half_open": 0, "left_open": 0}


def _course(seed, *, start=0.0, end=1.0, count=250, **changes):
    # A share of 1, beyond what the config takes, makes sure that it happens.
    handling = HandlingSection.model_validate(PLAIN).model_copy(update=changes)
    generator = np.random.default_rng(seed)
    return opening_motion(
        count, start=start, end=end, rate_hz=100.0, vigour=1.0, handling=handling, generator=generator
    )


def test_the_smoothest_movement_starts_and_ends_at_rest():
    progress = np.linspace(0, 1, 1001)
    position = minimum_jerk(progress)
    speed = np.gradient(position, progress)
    assert position[[0, -1]].tolist() == [0.0, 1.0]
    assert abs(speed[0]) < 1e-4
    assert abs(speed[-1]) < 1e-4
    assert speed.max() == pytest.approx(1.875, rel=1e-4)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [60, 150, 700])
def test_any_course_begins_where_it_should_ends_where_it_should_and_never_enters_the_cabinet(seed, count):
    changes = {"partial_stop": 0.5, "regrip": 0.5, "overshoot": 0.4, "slam": 0.3, "soft_close": 0.3}
    opened = _course(seed, count=count, end=0.9, **changes)
    closed = _course(seed, count=count, start=0.9, end=0.0, **changes)
    assert opened[0] == pytest.approx(0, abs=0.01)
    assert closed[0] == pytest.approx(0.9, abs=0.01)
    assert opened[-1] == pytest.approx(0.9)
    assert closed[-1] == pytest.approx(0, abs=1e-12)
    assert min(opened.min(), closed.min()) >= 0
    assert max(opened.max(), closed.max()) < 1.0


@pytest.mark.parametrize("seed", range(5))
def test_opening_and_closing_are_the_same_course_with_start_and_end_exchanged(seed):
    np.testing.assert_allclose(_course(seed), 1 - _course(seed, start=1.0, end=0.0), atol=1e-12)


def test_a_partial_stop_halts_on_the_way():
    def halts(course):
        moving = np.abs(np.diff(course)) > 1e-3
        return int((np.diff(moving.astype(int)) == 1).sum())

    assert [halts(_course(seed)) for seed in range(10)] == [1] * 10
    assert [halts(_course(seed, partial_stop=1)) for seed in range(10)] == [2] * 10


def test_a_slam_stops_within_a_sample_and_a_soft_end_does_not():
    def last_step(course):
        steps = np.abs(np.diff(course))
        return steps[np.flatnonzero(steps > 1e-9)[-1]]

    for seed in range(10):
        assert last_step(_course(seed, slam=1)) > 0.3 * np.abs(np.diff(_course(seed, slam=1))).max()
        assert last_step(_course(seed, soft_close=1)) < 0.01


def test_an_overshoot_goes_beyond_and_comes_back():
    course = _course(3, overshoot=1)
    assert 1.01 < course.max() < 1.06
    assert course[-1] == pytest.approx(1.0)
