from __future__ import annotations

import numpy as np
import pytest


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
        for row in (rows.start, (rows.start + rows.stop) // 2, rows.stop - 1):
            handle = fixture.handle(float(trace.opening[action.fixture][row]))
            assert trace.hand_m[row] == pytest.approx(handle, abs=0.01)
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
