from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from detach_core.settings.base import from_plain
from detach_core.simulation.hwu_usp.layout import hwu_home
from detach_core.simulation.hwu_usp.recording import active_sensor
from detach_core.simulation.registry import ClockSettings, SwitchSettings
from detach_core.simulation.trace import (
    Action,
    Contact,
    Interval,
    annotated,
    contact_levels,
    handled_fixture,
    hold,
    read_times,
    truth_arrays,
)

TIME_S = np.arange(9000) / 30


def _off(seed, **changes):
    knobs = from_plain(ClockSettings, {"offset_s": 0.1, "wander_s": 0.02, "label_jitter_s": 0.2} | changes)
    return read_times(TIME_S, knobs, np.random.default_rng(seed)) - TIME_S


def test_systems_are_off_by_their_own_offset_within_the_bound():
    offsets = np.array([_off(seed, wander_s=0.0)[0] for seed in range(60)])
    assert np.abs(offsets).max() <= 0.1
    assert offsets.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.25)


def test_a_clock_wanders_slowly_and_never_runs_backwards():
    off = _off(0)
    assert off.std() == pytest.approx(0.02, rel=0.05)
    assert np.abs(np.diff(off)).max() < 1 / 30


def test_holding_reads_the_latest_sample_and_holds_both_ends():
    signal = np.arange(10)
    assert hold(signal, 10.0, np.array([-1.0, 0.0, 0.19, 0.2, 5.0])).tolist() == [0, 0, 1, 2, 9]


def test_annotated_edges_move_within_the_bound_and_stay_apart():
    intervals = [Interval(2.0 * k, 2.0 * k + 1.9, str(k)) for k in range(200)]
    found = annotated(intervals, until_s=400.0, label_jitter_s=0.2, generator=np.random.default_rng(0))
    assert len(found) == 200
    shifts = [abs(a.start_s - b.start_s) for a, b in zip(found, intervals, strict=True)]
    assert 0.15 < max(shifts) <= 0.4
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(found))


def test_without_jitter_annotations_are_exact():
    intervals = [Interval(1.0, 2.0, "a"), Interval(3.0, 4.0, "b")]
    assert annotated(intervals, until_s=9.0, label_jitter_s=0.0, generator=np.random.default_rng(0)) == intervals


HALF = Contact("S2", "Fridge", (0.5,), 0.08, active=1)

GOOD = {"missed": 0.0, "spurious_hz": 0.0, "bounce_s": 0.0}


def _swings(count):
    """`count` openings and closings at 100 Hz."""
    return np.tile(np.concatenate([np.linspace(0, 1, 200), np.linspace(1, 0, 200)]), count)


def _levels(contact, opening, **changes):
    faults = from_plain(SwitchSettings, GOOD | changes)
    return contact_levels(contact, opening, rate_hz=100.0, faults=faults, generator=np.random.default_rng(0))


def test_a_switch_fires_where_its_magnet_is_and_nowhere_else():
    opening = _swings(1)
    np.testing.assert_array_equal(_levels(HALF, opening), [0.42 <= value <= 0.58 for value in opening])


def test_polarity_turns_all_levels_round():
    low = Contact("S2", "Fridge", (0.5,), 0.08, active=0)
    np.testing.assert_array_equal(_levels(low, _swings(2)), 1 - _levels(HALF, _swings(2)))


def test_one_switch_passed_by_three_magnets_fires_three_times():
    single = Contact("UPPERDRAWER", "Drawer 1", (0.0, 0.5, 0.95), 0.08, active=1)
    opening = np.linspace(0, 1, 500)
    assert (np.diff(_levels(single, opening)) != 0).sum() == 4
    assert single.faultless(opening).tolist() == _levels(single, opening).tolist()


def test_missed_contacts_last_for_a_whole_passage_and_are_as_frequent_as_said():
    passages = _levels(HALF, _swings(2000), missed=0.05).reshape(-1, 200)
    complete = _levels(HALF, _swings(1)).reshape(-1, 200).sum(axis=1)
    made = passages.sum(axis=1)
    assert set(made.tolist()) <= {0, *complete.tolist()}
    assert (made == 0).mean() == pytest.approx(0.05, abs=0.015)


def test_bounce_touches_only_the_moments_after_a_change():
    opening = _swings(200)
    clean, bouncing = _levels(HALF, opening), _levels(HALF, opening, bounce_s=0.05)
    differs = np.flatnonzero(clean != bouncing)
    edges = np.flatnonzero(np.diff(clean)) + 1
    assert 0 < len(differs) < 5 * len(edges)
    since = differs - edges[np.searchsorted(edges, differs, side="right") - 1]
    assert since.max() < 5


def test_spurious_toggles_are_rare_short_and_as_frequent_as_said():
    quiet = np.zeros(100 * 100_000)
    levels = _levels(HALF, quiet, spurious_hz=0.005)
    starts = (np.diff(levels) == 1).sum()
    assert starts == pytest.approx(500, rel=0.15)
    assert levels.mean() < 0.005


def _recordings(count, **changes):
    """The levels of one switch over a swing in each of `count` recordings, (count, 400), with and without `changes`."""
    opening = _swings(1)

    def levels(number, faults):
        draws = np.random.default_rng(number)
        return contact_levels(HALF, opening, rate_hz=100.0, faults=from_plain(SwitchSettings, faults), generator=draws)

    faults = GOOD | {"missed": 0.05, "spurious_hz": 0.02, "bounce_s": 0.04}
    return tuple(np.array([levels(number, one) for number in range(count)]) for one in (faults | changes, faults))


def test_a_dead_switch_is_open_throughout_a_recording_as_often_as_said_and_changes_no_other():
    failing, working = _recordings(600, failed=0.2)
    dead = (failing != working).any(axis=1)
    assert 0.15 < dead.mean() < 0.25
    assert not failing[dead].any()
    np.testing.assert_array_equal(failing[~dead], working[~dead])


@pytest.mark.parametrize("part", [0.25, 0.5])
def test_a_switch_that_is_dead_for_a_stretch_works_before_and_behind_it(part):
    failing, working = _recordings(300, failed=0.3, failed_part=part)
    first, last = 400, 0
    for one, other in zip(failing, working, strict=True):
        differs = np.flatnonzero(one != other)
        assert not one[differs].any()
        if len(differs):
            assert differs[-1] - differs[0] < part * 400
            first, last = min(first, differs[0]), max(last, differs[-1])
    # The magnet is near from about sample 84 to 116 and from 284 to 316; failures reach both passages.
    assert first < 120
    assert last > 280


def test_a_dead_switch_of_the_other_polarity_rests_high():
    low = Contact("S2", "Fridge", (0.5,), 0.08, active=0)
    faults = from_plain(SwitchSettings, GOOD | {"failed": 0.3})
    found = [
        contact_levels(low, _swings(1), rate_hz=100.0, faults=faults, generator=np.random.default_rng(number))
        for number in range(40)
    ]
    assert {tuple(np.unique(one)) for one in found} == {(0, 1), (1,)}


@pytest.mark.parametrize("active", [0, 1])
def test_an_input_without_a_switch_rests_whatever_the_faults(active):
    unwired = Contact("S2", "Fridge", (), 0.08, active)
    levels = _levels(unwired, _swings(50), missed=0.05, spurious_hz=0.02, bounce_s=0.1, failed=0.3)
    assert set(levels.tolist()) == {1 - active}


def test_a_loop_is_made_while_all_of_its_fixtures_are_closed():
    loop = Contact("LOOP", "a", (0.0,), 0.08, 1, in_series=("b", "c"))
    openings = {
        "a": np.array([0.0, 0.5, 0.0, 0.0, 0.05, 0.0]),
        "b": np.array([0.0, 0.0, 1.0, 0.0, 0.08, 0.0]),
        "c": np.array([0.0, 0.0, 0.0, 0.3, 0.02, 0.09]),
        "d": np.ones(6),
    }
    assert loop.opening(openings).tolist() == [0.0, 0.5, 1.0, 0.3, 0.08, 0.09]
    assert loop.faultless(loop.opening(openings)).tolist() == [1, 0, 0, 0, 1, 0]
    assert HALF.opening({"Fridge": openings["a"], "b": openings["d"]}).tolist() == openings["a"].tolist()


HOME = hwu_home()

CHANNELS = ("Ktch_B4_Cupboard", "Ktch_Motion_1", "Ktch_Motion_2", "Ktch_T1_Cupboard")


def test_the_handled_fixture_is_named_from_grip_to_release(hand_made_trace):
    trace = dataclasses.replace(
        hand_made_trace(HOME, duration_s=4.0), actions=(Action(1.0, 2.0, "T1_Cupboard", True, "Open T1_Cupboard"),)
    )
    times_s = np.array([0.99, 1.0, 1.99, 2.0])
    assert handled_fixture(trace, times_s, ["B4_Cupboard", "T1_Cupboard"]).tolist() == [-1, 1, 1, -1]
    assert handled_fixture(trace, times_s, ["B4_Cupboard"]).tolist() == [-1, -1, -1, -1]


def test_a_cupboard_in_use_comes_before_a_motion_sensor_and_rest_is_nowhere(hand_made_trace):
    field = HOME.motion_sensors["Ktch_Motion_2"]
    walking = np.zeros(81)
    walking[20:] = 1.0
    trace = hand_made_trace(HOME, duration_s=4.0, position=field[:2], walking=walking)
    trace = dataclasses.replace(trace, actions=(Action(2.0, 3.0, "T1_Cupboard", True, "Open T1_Cupboard"),))
    assert active_sensor(trace, HOME, np.array([0.5, 1.5, 2.5, 3.5]), CHANNELS).tolist() == [-1, 2, 3, 2]


def test_arrays_give_openings_place_and_actions(drill):
    trace = drill.trace
    times_s = np.array([0.0, 10.0, 20.0])
    arrays = truth_arrays(trace, times_s)
    names = list(trace.opening)
    for name in names:
        np.testing.assert_allclose(arrays[f"opening_{name}"], trace.opening[name][[0, 1000, 2000]], rtol=1e-6)
    assert arrays["person_xy_m"].shape == (3, 2)
    first = trace.actions[0]
    assert names[arrays["action_fixture"][0]] == first.fixture
    assert arrays["action_start_s"][0] == first.start_s
    assert len(arrays["action_end_s"]) == len(arrays["action_opening"]) == len(trace.actions)
