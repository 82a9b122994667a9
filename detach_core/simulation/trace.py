"""Fine-grained truth of a recording, from which pixels and sensor signals are both made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Action:
    """One handling of a fixture, from the hand reaching the handle to its release: [start_s, end_s)."""

    start_s: float
    end_s: float
    fixture: str
    opening: bool
    label: str


@dataclass(frozen=True)
class Person:
    """Appearance and movement of a subject."""

    height_m: float
    speed_m_s: float
    right_handed: bool
    vigour: float
    shirt_bgr: tuple[int, int, int]
    trousers_bgr: tuple[int, int, int]
    hair_bgr: tuple[int, int, int]
    skin_bgr: tuple[int, int, int]
    gait_hz: float


@dataclass(frozen=True)
class Trace:
    """The truth of one recording, sampled at `rate_hz` from 0 to `duration_s`; arrays' first axis is time (T,).

    `opening` maps each fixture to its opening fraction (0 closed, 1 open, a little beyond at an overshoot).
    `hand_m` (T, 3) is the active hand's position, NaN when it hangs down; `gesture` (T,) is an intensity 0..1 of idle
    arm movement without a fixture (drinking, wiping); `posture` (T,) is 0 standing .. 1 sitting; `bend` (T,) 0 upright
    .. 1 bent down to low handles. `distractor` maps `curtain`, `plant` and `passer_by` to an intensity or position
    0..1 (0 absent).
    """

    home: str
    recording_id: str
    rate_hz: float
    time_s: Array
    opening: dict[str, Array]
    person: Person
    person_xy_m: Array
    heading_rad: Array
    walking: Array
    hand_m: Array
    gesture: Array
    posture: Array
    bend: Array
    distractor: dict[str, Array]
    actions: tuple[Action, ...]

    @property
    def duration_s(self) -> float:
        """Length of the recording (s)."""
        return float(self.time_s[-1])


@dataclass(frozen=True)
class Visit:
    """One thing done at one spot for `duration_s`.

    `handle` opens or closes the fixture `place`; `gesture` moves the arms and `rest` does nothing at the place `place`.
    `pause` is this visit's claim on the recording's spare time, which is spent before it.
    """

    kind: Literal["handle", "gesture", "rest"]
    place: str
    duration_s: float
    label: str = ""
    opening: bool = False
    pause: float = 1.0
    seated: bool = False
    activity: str = ""


@dataclass(frozen=True)
class Interval:
    """[start_s, end_s) under a label."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True)
class Performance:
    """A routine carried out: its trace, gestures without a fixture, high-level activities, and all visits."""

    trace: Trace
    gestures: tuple[Interval, ...]
    activities: tuple[Interval, ...]
    stays: tuple[Interval, ...]


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


def generator_for(*parts: str | int) -> np.random.Generator:
    """The generator that belongs to `parts` (seed, home, subject, take, purpose): equal parts draw equal numbers."""
    name = hashlib.sha256(json.dumps(parts).encode()).digest()
    return np.random.default_rng(np.frombuffer(name, dtype=np.uint32).tolist())
