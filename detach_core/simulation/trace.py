"""What happened in a home: one fine-grained truth from which pixels and sensor signals are both made."""

from __future__ import annotations

from dataclasses import dataclass

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
    """How a subject looks and moves."""

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
