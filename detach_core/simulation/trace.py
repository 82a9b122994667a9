"""Ground-truth trace of a recording, from which both pixels and sensor signals are computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from detach_core.simulation.registry import ClockSettings, SwitchSettings

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
    """One action at one spot for `duration_s`.

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
    """A labelled interval [start_s, end_s)."""

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
    """A generator seeded by `parts` (seed, home, subject, take, purpose): equal parts give equal numbers."""
    name = hashlib.sha256(json.dumps(parts).encode()).digest()
    return np.random.default_rng(np.frombuffer(name, dtype=np.uint32).tolist())


WANDER_OVER_S = 5.0

Scalar = TypeVar("Scalar", bound=np.generic)


def read_times(time_s: Array, knobs: ClockSettings, generator: np.random.Generator) -> Array:
    """True times (T,) at which a system takes the samples that it stamps `time_s` (T,, evenly spaced)."""
    rate_hz = 1 / float(time_s[1] - time_s[0])
    wander = gaussian_filter1d(generator.standard_normal(len(time_s)), WANDER_OVER_S * rate_hz, mode="nearest")
    wander *= knobs.wander_s / max(float(wander.std()), 1e-9)
    offset = generator.uniform(-knobs.offset_s, knobs.offset_s)
    return np.asarray(time_s + offset + wander)


def hold(signal: NDArray[Scalar], rate_hz: float, times_s: Array) -> NDArray[Scalar]:
    """`signal` (T, ...) at `rate_hz`, read at `times_s` (K,): the latest sample before each; ends are held."""
    rows = np.clip(np.floor(times_s * rate_hz + 1e-6).astype(np.int64), 0, len(signal) - 1)
    return signal[rows]


def annotated(
    intervals: list[Interval], *, until_s: float, label_jitter_s: float, generator: np.random.Generator
) -> list[Interval]:
    """`intervals` with annotation errors: edges shifted, order kept, neighbours disjoint, none after `until_s`."""
    found: list[Interval] = []
    previous = 0.0
    for interval in sorted(intervals, key=lambda each: each.start_s):
        start_s, end_s = (
            edge + float(generator.uniform(-label_jitter_s, label_jitter_s))
            for edge in (interval.start_s, interval.end_s)
        )
        start_s = max(start_s, previous)
        end_s = min(max(end_s, start_s + 0.2), until_s)
        if end_s > start_s:
            found.append(Interval(start_s, end_s, interval.label))
            previous = end_s
    return found


Levels = NDArray[np.int8]


@dataclass(frozen=True)
class Contact:
    """A switch on `fixture` that reads `active` while one of its `magnets` (opening fractions) is within `reach`.

    `in_series` names further fixtures with such a switch on the same loop, which reads `active` while all of them do.
    Without magnets it is an input that no switch is wired to.
    """

    name: str
    fixture: str
    magnets: tuple[float, ...]
    reach: float
    active: int
    in_series: tuple[str, ...] = ()

    def opening(self, openings: Mapping[str, Array]) -> Array:
        """The opening (T,) that the switch follows: of the fixtures on a loop, the widest."""
        return np.asarray(np.max([openings[name] for name in (self.fixture, *self.in_series)], axis=0))

    def near(self, opening: Array) -> NDArray[np.bool_]:
        """Whether a magnet is within reach, at each opening fraction (T,)."""
        distance = np.abs(opening[:, None] - np.array(self.magnets))
        return np.asarray((distance <= self.reach).any(axis=1))

    def faultless(self, opening: Array) -> Levels:
        """The levels (T,) of a switch without faults."""
        return _levels(self.near(opening), self.active)


def contact_levels(
    contact: Contact, opening: Array, *, rate_hz: float, faults: SwitchSettings, generator: np.random.Generator
) -> Levels:
    """The levels (T,) that the switch reports for `opening` (T,) at `rate_hz`.

    A missed contact stays missed for the whole passage of its magnet, as a magnet out of line does. A dead switch is an
    open circuit, which reads as if no magnet were near.
    """
    if not contact.magnets:
        return contact.faultless(opening)
    made = contact.near(opening)
    edges = np.flatnonzero(np.diff(made.astype(np.int8), prepend=np.int8(0), append=np.int8(0)))
    for first, last in edges.reshape(-1, 2):
        # What rests at its magnet from the start on was seen when the recording was set up.
        if first > 0 and generator.random() < faults.missed:
            made[first:last] = False
    for edge in np.flatnonzero(np.diff(made)) + 1:
        chatter = round(generator.uniform(0, faults.bounce_s) * rate_hz)
        made[edge : edge + chatter] ^= generator.random(len(made[edge : edge + chatter])) < 0.5
    for start in np.flatnonzero(generator.random(len(made)) < faults.spurious_hz / rate_hz):
        made[start : start + 1 + round(generator.exponential(0.15) * rate_hz)] ^= True
    # From a stream of its own, so that a failure changes nothing else.
    made[_dead(len(made), faults, generator.spawn(1)[0])] = False
    return _levels(made, contact.active)


def _dead(count: int, faults: SwitchSettings, generator: np.random.Generator) -> slice:
    if generator.random() >= faults.failed:
        return slice(0)
    length = round(faults.failed_part * count)
    first = int(generator.integers(count - length + 1))
    return slice(first, first + length)


def _levels(made: NDArray[np.bool_], active: int) -> Levels:
    return np.where(made, active, 1 - active).astype(np.int8)


Location = NDArray[np.int16]


def handled_fixture(trace: Trace, times_s: Array, names: Sequence[str]) -> Location:
    """(K,) which of `names` is being handled at `times_s` (K,), -1 for none."""
    found = np.full(len(times_s), -1, dtype=np.int16)
    for action in trace.actions:
        if action.fixture in names:
            found[(times_s >= action.start_s) & (times_s < action.end_s)] = names.index(action.fixture)
    return found


def truth_arrays(trace: Trace, times_s: Array) -> dict[str, NDArray[Any]]:
    """Further truth by name: `opening_<fixture>` (K,), `person_xy_m` (K, 2), and the actions as columns."""
    found: dict[str, NDArray[Any]] = {
        f"opening_{name}": hold(signal, trace.rate_hz, times_s).astype(np.float32)
        for name, signal in trace.opening.items()
    }
    found["person_xy_m"] = hold(trace.person_xy_m, trace.rate_hz, times_s).astype(np.float32)
    names = list(trace.opening)
    found["action_start_s"] = np.array([action.start_s for action in trace.actions], dtype=np.float64)
    found["action_end_s"] = np.array([action.end_s for action in trace.actions], dtype=np.float64)
    found["action_fixture"] = np.array([names.index(action.fixture) for action in trace.actions], dtype=np.int16)
    found["action_opening"] = np.array([action.opening for action in trace.actions], dtype=np.int8)
    return found
