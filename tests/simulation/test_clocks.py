from __future__ import annotations

import itertools

import numpy as np
import pytest

from detach_core.config.simulation import ClockSection
from detach_core.simulation.clocks import annotated, hold, read_times
from detach_core.simulation.routine import Interval

TIME_S = np.arange(9000) / 30


def _off(seed, **changes):
    knobs = ClockSection.model_validate({"offset_s": 0.1, "wander_s": 0.02, "label_jitter_s": 0.2} | changes)
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
