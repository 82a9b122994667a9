"""A routine: what somebody does one thing after the other, and what a recording of it is besides its trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detach_core.simulation.trace import Trace


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
