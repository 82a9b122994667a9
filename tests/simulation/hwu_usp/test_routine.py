from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detach_core.simulation.hwu_usp.routine import SCRIPTS, hwu_routine


def _visits(hwu, activity, seed, **changes):
    knobs = hwu.knobs
    return hwu_routine(
        activity,
        home=hwu.home,
        routine=replace(knobs.routine, **{"visits": 6, **changes}),
        handling=knobs.handling,
        generator=np.random.default_rng(seed),
    )


@pytest.mark.parametrize("activity", SCRIPTS)
def test_each_activity_has_its_number_of_visits_and_never_opens_what_is_open(hwu, activity):
    for seed in range(10):
        visits = _visits(hwu, activity, seed)
        assert sum(not visit.label.startswith("Close") for visit in visits) == 6
        standing_open: set[str] = set()
        for visit in visits:
            if visit.kind == "handle":
                assert (visit.place in standing_open) != visit.opening
                standing_open ^= {visit.place}


def test_subjects_do_the_same_activity_differently(hwu):
    courses = {tuple(visit.place for visit in _visits(hwu, "tea", seed)) for seed in range(8)}
    assert len(courses) > 5


def test_activities_share_cupboards(hwu):
    used = {
        name: {visit.place for seed in range(30) for visit in _visits(hwu, name, seed, improvise=0.0)}
        for name in ("cereals", "tea", "sandwich", "dishes", "tidy")
    }
    for cupboard in ("B4_Cupboard", "T1_Cupboard", "T2_Cupboard", "T3_Cupboard"):
        assert sum(cupboard in places for places in used.values()) >= 3, cupboard


def test_every_place_of_a_script_is_in_the_flat(hwu):
    for script in SCRIPTS.values():
        assert set(script) <= {*hwu.home.fixtures, *hwu.home.places}


def test_an_activity_without_a_script_is_refused_by_name(hwu):
    with pytest.raises(ValueError, match="juggling"):
        _visits(hwu, "juggling", 0)
