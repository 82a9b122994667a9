from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from detach_core.simulation.trace import Person, Trace, Visit, draw_person, generator_for


def test_duration_is_the_last_time():
    time_s = np.arange(0, 2.001, 0.01)
    zeros = np.zeros_like(time_s)
    person = Person(1.7, 1.2, True, 1.0, (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), 1.8)
    trace = Trace(
        home="h",
        recording_id="r",
        rate_hz=100.0,
        time_s=time_s,
        opening={},
        person=person,
        person_xy_m=np.zeros((len(time_s), 2)),
        heading_rad=zeros,
        walking=zeros,
        hand_m=np.full((len(time_s), 3), np.nan),
        gesture=zeros,
        posture=zeros,
        bend=zeros,
        distractor={},
        actions=(),
    )
    assert trace.duration_s == 2.0


def test_a_visit_cannot_be_changed_after_it_was_planned():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Visit("rest", "table", 1.0).place = "chair"  # type: ignore[misc]


def test_subjects_differ_in_looks_and_manner():
    people = [draw_person(generator_for(0, f"S{number}")) for number in range(1, 9)]
    for field in ("height_m", "speed_m_s", "vigour", "shirt_bgr", "gait_hz"):
        assert len({getattr(person, field) for person in people}) == 8, field
    assert all(1.5 < person.height_m < 2.0 and 0.8 < person.speed_m_s < 1.5 for person in people)


def test_a_subject_is_always_the_same():
    assert draw_person(generator_for(0, "S1")) == draw_person(generator_for(0, "S1"))


def test_equal_parts_draw_equal_numbers():
    assert generator_for(0, "home", "S1").random() == generator_for(0, "home", "S1").random()


def test_each_part_matters_and_so_does_where_one_ends():
    draws = [generator_for(*parts).random() for parts in ((0, "a", "b"), (1, "a", "b"), (0, "b", "a"), (0, "ab"))]
    assert len(set(draws)) == 4
