from __future__ import annotations

from detach_core.simulation.person import draw_person
from detach_core.simulation.randomness import generator_for


def test_subjects_differ_in_looks_and_manner():
    people = [draw_person(generator_for(0, f"S{number}")) for number in range(1, 9)]
    for field in ("height_m", "speed_m_s", "vigour", "shirt_bgr", "gait_hz"):
        assert len({getattr(person, field) for person in people}) == 8, field
    assert all(1.5 < person.height_m < 2.0 and 0.8 < person.speed_m_s < 1.5 for person in people)


def test_a_subject_is_always_the_same():
    assert draw_person(generator_for(0, "S1")) == draw_person(generator_for(0, "S1"))
