"""Residents: each subject looks, walks and handles things in their own way, in all of their recordings alike."""

from __future__ import annotations

import numpy as np

from detach_core.simulation.trace import Person

SKIN_BGR = ((150, 180, 225), (120, 155, 205), (85, 120, 170), (50, 75, 115))
HAIR_BGR = ((30, 30, 35), (35, 55, 85), (80, 130, 180), (140, 140, 140))
# Metres of one full gait cycle (two steps) per metre of body height.
CYCLE_PER_HEIGHT = 0.75


def draw_person(generator: np.random.Generator) -> Person:
    """A person drawn from an adult population."""
    height_m = float(np.clip(generator.normal(1.74, 0.09), 1.55, 1.95))
    speed_m_s = float(generator.uniform(0.95, 1.35))
    return Person(
        height_m=height_m,
        speed_m_s=speed_m_s,
        right_handed=bool(generator.random() < 0.9),
        vigour=float(generator.uniform(0.75, 1.3)),
        shirt_bgr=_colour(generator),
        trousers_bgr=_colour(generator, brightest=120),
        hair_bgr=HAIR_BGR[int(generator.integers(len(HAIR_BGR)))],
        skin_bgr=SKIN_BGR[int(generator.integers(len(SKIN_BGR)))],
        gait_hz=speed_m_s / (CYCLE_PER_HEIGHT * height_m),
    )


def _colour(generator: np.random.Generator, *, brightest: int = 220) -> tuple[int, int, int]:
    blue, green, red = (int(value) for value in generator.integers(25, brightest, size=3))
    return blue, green, red
