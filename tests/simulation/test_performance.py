from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detach_core.settings.base import from_plain
from detach_core.simulation.performance import Body, Stop, minimum_jerk, opening_motion, row, surroundings
from detach_core.simulation.registry import DistractorSettings, HandlingSettings
from detach_core.simulation.trace import Visit

PLAIN = {"partial_stop": 0, "regrip": 0, "overshoot": 0, "slam": 0, "soft_close": 0, "half_open": 0, "left_open": 0}


def _course(seed, *, start=0.0, end=1.0, count=250, **changes):
    # A share of 1, beyond what the config takes, makes sure that it happens.
    handling = replace(from_plain(HandlingSettings, PLAIN), **changes)
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


TIME_S = np.arange(0, 600, 0.1)


def _signals(**changes):
    knobs = {"idle_gesture": 0.0, "sway_per_min": 1.0, "passer_by_per_min": 1.0} | changes
    return surroundings(TIME_S, from_plain(DistractorSettings, knobs), np.random.default_rng(0))


def test_things_sway_now_and_then_and_between_0_and_1():
    for name, signal in _signals().items():
        assert signal.min() == 0, name
        assert 0.2 < signal.max() <= 1, name
        assert 0.02 < (signal > 0.01).mean() < 0.6, name


def test_without_distractors_nothing_moves():
    assert all((signal == 0).all() for signal in _signals(sway_per_min=0.0, passer_by_per_min=0.0).values())


def _stop(path, leave_s=0.0, arrive_s=2.0, **visit):
    fields: dict[str, Any] = {"kind": "rest", "place": "x", "duration_s": 1.0}
    return Stop(Visit(**(fields | visit)), np.array(path), leave_s, arrive_s, arrive_s + 0.5, arrive_s + 1.5)


def test_a_body_is_where_its_walks_take_it():
    body = Body(1000, [_stop([[0.0, 0.0], [2.0, 0.0]]), _stop([[2.0, 0.0], [2.0, 3.0]], 4.0, 7.0)])
    assert body.place[row(3.0)] == pytest.approx([2.0, 0.0])
    assert body.place[-1] == pytest.approx([2.0, 3.0])
    assert body.heading[row(3.0)] == 0.0
    assert body.heading[-1] == pytest.approx(np.pi / 2)


def test_a_hand_follows_the_handle_and_the_body_steps_back(plain_home):
    body = Body(400, [_stop([[2.0, 2.0], [2.0, 3.0]], 0.0, 1.0)])
    opening = np.zeros(400)
    opening[150:300] = np.linspace(0, 1, 150)
    opening[300:] = 1
    fixture = plain_home.fixtures["Drawer"]
    body.handle(fixture, opening, 150, 300, turn=350)
    np.testing.assert_allclose(body.hand[299], fixture.handle(1.0), atol=1e-6)
    assert np.isnan(body.hand[[149, 300]]).all()
    body.smooth(np.random.default_rng(0))
    assert body.place[290, 1] < body.place[140, 1] - 0.04


def test_sitting_and_gestures_rise_and_fall_smoothly():
    body = Body(1000, [_stop([[0.0, 0.0], [0.0, 0.0]], 0.0, 0.0)])
    body.stay(Visit("gesture", "sofa", 3.0, seated=True), 300, 600)
    body.smooth(np.random.default_rng(0))
    for signal in (body.posture, body.gesture):
        assert signal[450] > 0.85
        assert signal[900] < 1e-3
        assert np.abs(np.diff(signal)).max() < 0.05


def _rows(trace, start_s, end_s):
    return slice(round(start_s * trace.rate_hz), round(end_s * trace.rate_hz))


def test_fixtures_move_only_while_a_hand_is_on_them(drill):
    trace = drill.trace
    for name, opening in trace.opening.items():
        moving = np.flatnonzero(np.abs(np.diff(opening)) > 1e-9) + 1
        handled = np.zeros(len(trace.time_s) + 1, dtype=bool)
        for action in trace.actions:
            if action.fixture == name:
                rows = _rows(trace, action.start_s, action.end_s)
                handled[rows.start : rows.stop + 1] = True
        assert len(moving) > 0
        assert handled[moving].all(), name


def test_every_labelled_interval_touches_its_fixture(opportunity, drill):
    trace = drill.trace
    for action in trace.actions[::5]:
        rows = _rows(trace, action.start_s, action.end_s)
        fixture = opportunity.home.fixtures[action.fixture]
        for sample in (rows.start, (rows.start + rows.stop) // 2, rows.stop - 1):
            handle = fixture.handle(float(trace.opening[action.fixture][sample]))
            assert trace.hand_m[sample] == pytest.approx(handle, abs=0.01)
        change = trace.opening[action.fixture][rows.stop] - trace.opening[action.fixture][rows.start]
        assert (change > 0.3) == action.opening
        assert (change < -0.3) != action.opening


def test_a_person_stands_within_arm_and_bending_reach_of_what_they_handle(drill):
    trace = drill.trace
    held = np.isfinite(trace.hand_m).all(axis=1)
    distance = np.linalg.norm(trace.hand_m[held, :2] - trace.person_xy_m[held], axis=1)
    assert distance.max() < 1.3


def test_nobody_walks_while_handling_and_nobody_jumps(drill):
    trace = drill.trace
    assert (trace.walking[np.isfinite(trace.hand_m).all(axis=1)] == 0).all()
    speed = np.linalg.norm(np.diff(trace.person_xy_m, axis=0), axis=1) * trace.rate_hz
    assert speed.max() < 2.2
    assert np.abs(np.diff(trace.heading_rad)).max() * trace.rate_hz < 15


def test_people_look_at_what_they_handle(drill):
    trace = drill.trace
    for action in trace.actions[::7]:
        row = round((action.start_s + action.end_s) / 2 * trace.rate_hz)
        way = trace.hand_m[row, :2] - trace.person_xy_m[row]
        turned = np.arctan2(way[1], way[0]) - trace.heading_rad[row]
        assert np.cos(turned) > 0.3


def test_low_drawers_are_reached_by_bending_and_doors_upright(drill):
    trace = drill.trace

    def bend(fixture):
        actions = [action for action in trace.actions if action.fixture == fixture]
        return np.mean([trace.bend[_rows(trace, action.start_s, action.end_s)].mean() for action in actions])

    assert bend("Drawer 3") > bend("Drawer 1") + 0.2
    assert bend("Door 1") < 0.1


def test_pauses_fill_a_recording_to_its_length(make_opportunity):
    length_s = 700
    takes = {"ADL4": {"script": "adl", "length_s": length_s, "rounds": 10}}
    trace = make_opportunity(takes=takes, routine={"length_spread": 0.0}).perform("S1-ADL4").trace
    assert trace.duration_s == pytest.approx(length_s, abs=0.1)


def test_the_signals_of_a_trace_share_one_clock(drill):
    trace = drill.trace
    count = len(trace.time_s)
    for name in ("heading_rad", "walking", "gesture", "posture", "bend", "person_xy_m", "hand_m"):
        assert len(getattr(trace, name)) == count, name
    np.testing.assert_allclose(np.diff(trace.time_s), 0.01)
    assert all(signal.min() >= 0 and signal.max() <= 1 for signal in trace.distractor.values())
