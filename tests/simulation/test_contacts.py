from __future__ import annotations

import numpy as np
import pytest

from detach_core.config.simulation import SwitchSection
from detach_core.simulation.contacts import Contact, contact_levels

HALF = Contact("S2", "Fridge", (0.5,), 0.08, active=1)
GOOD = {"missed": 0.0, "spurious_hz": 0.0, "bounce_s": 0.0}


def _swings(count):
    """`count` openings and closings at 100 Hz."""
    return np.tile(np.concatenate([np.linspace(0, 1, 200), np.linspace(1, 0, 200)]), count)


def _levels(contact, opening, **changes):
    faults = SwitchSection.model_validate(GOOD | changes)
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
