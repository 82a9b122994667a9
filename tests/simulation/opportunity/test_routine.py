from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from detach_core.simulation.opportunity.routine import (
    DAY_SHARES,
    DRILL,
    LONGEST_OPEN,
    DurationHistogram,
    gesture_durations,
    opportunity_routine,
)

# Means of datasets.md, 1.3 (read from the official figure independently of the histogram file).
OFFICIAL_MEANS_S = {
    "Open Door 1": 3.76,
    "Open Door 2": 3.97,
    "Close Door 1": 3.68,
    "Close Door 2": 3.82,
    "Open Fridge": 2.80,
    "Close Fridge": 2.46,
    "Open Dishwasher": 2.79,
    "Close Dishwasher": 2.61,
    "Open Drawer 1": 2.07,
    "Close Drawer 1": 1.76,
    "Open Drawer 2": 2.00,
    "Close Drawer 2": 1.78,
    "Open Drawer 3": 2.31,
    "Close Drawer 3": 2.25,
}


@pytest.mark.parametrize("label", OFFICIAL_MEANS_S)
def test_the_mean_of_many_draws_is_the_official_mean(label):
    generator = np.random.default_rng(1)
    draws = [gesture_durations()[label].draw(generator) for _ in range(3000)]
    assert np.mean(draws) == pytest.approx(OFFICIAL_MEANS_S[label], rel=0.04)


def test_all_draws_lie_inside_the_histogram_and_no_bin_is_left_out():
    histogram = gesture_durations()["Close Fridge"]
    generator = np.random.default_rng(0)
    draws = np.array([histogram.draw(generator) for _ in range(4000)])
    counts, _ = np.histogram(draws, histogram.edges_s)
    assert counts.sum() == 4000
    np.testing.assert_allclose(counts / 4000, histogram.share, atol=0.025)


def test_a_histogram_of_one_bin_has_its_centre_as_mean():
    assert DurationHistogram(np.array([1.0, 2.0]), np.array([1.0])).mean_s == 1.5


def _visits(opportunity, take, seed=0, fixtures=DRILL, **handling):
    knobs = opportunity.knobs
    return opportunity_routine(
        replace(knobs.takes[take], **{"rounds": 40}),
        fixtures=fixtures,
        routine=replace(knobs.routine, **{"order_jitter": 0.0} if "left_open" in handling else {}),
        handling=replace(knobs.handling, **handling),
        generator=np.random.default_rng(seed),
    )


@pytest.mark.parametrize("take", ["Drill", "ADL4"])
@pytest.mark.parametrize("seed", range(5))
def test_every_opening_is_followed_by_its_closing_before_the_next_opening(opportunity, take, seed):
    is_open = dict.fromkeys(DRILL, False)
    for visit in _visits(opportunity, take, seed):
        if visit.kind == "handle":
            assert is_open[visit.place] != visit.opening, visit
            is_open[visit.place] = visit.opening
            assert visit.label == f"{'Open' if visit.opening else 'Close'} {visit.place}"
    assert not any(is_open.values())


def test_without_jitter_and_left_open_things_the_drill_is_in_the_official_order(opportunity):
    handled = [visit.label for visit in _visits(opportunity, "Drill", left_open=0.0) if visit.kind == "handle"]
    expected = [f"{word} {name}" for name in DRILL for word in ("Open", "Close")]
    assert handled == expected * 40


def test_left_open_things_are_closed_after_a_few_other_openings(opportunity):
    visits = [visit for visit in _visits(opportunity, "Drill", left_open=1.0) if visit.kind == "handle"]
    waits = []
    for index, visit in enumerate(visits):
        if visit.opening:
            after = visits[index + 1 :]
            closing = next(i for i, other in enumerate(after) if other.place == visit.place)
            waits.append(sum(other.opening for other in after[:closing]))
    # What stands open when the drill ends is closed then.
    assert set(waits[:-LONGEST_OPEN]) == set(range(1, LONGEST_OPEN + 1))


def test_days_open_fixtures_as_often_as_real_days_do(opportunity):
    counts = Counter(visit.place for visit in _visits(opportunity, "ADL4") if visit.kind == "handle" and visit.opening)
    assert sum(counts.values()) == 40
    for name, share in DAY_SHARES.items():
        assert counts[name] == pytest.approx(40 * share / sum(DAY_SHARES.values()), abs=1.0)


def test_two_subjects_spend_their_day_in_another_order(opportunity):
    first, second = (_visits(opportunity, "ADL4", seed) for seed in (1, 2))
    assert [visit.place for visit in first] != [visit.place for visit in second]


def test_only_the_wanted_fixtures_are_handled(opportunity):
    visits = _visits(opportunity, "Drill", fixtures=["Fridge", "Door 1"])
    assert {visit.place for visit in visits if visit.kind == "handle"} == {"Fridge", "Door 1"}
