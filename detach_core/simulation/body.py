"""The person's part of a trace: where body, hand and eyes are while a timetable is carried out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from detach_core.config.simulation import DistractorSection
from detach_core.simulation.home import Fixture
from detach_core.simulation.routine import Visit
from detach_core.simulation.trace import Array
from detach_core.simulation.walking import walk

RATE_HZ = 100.0
# A person steps back by this share of the handle's way.
STEP_BACK = 0.25
# Handles below this height (m) are reached by bending.
UPRIGHT_REACH_M, BEND_RANGE_M = 1.0, 0.85
# Opening fractions at which a handle's place is worked out; between them it is interpolated.
OPENINGS = np.linspace(0.0, 1.1, 56)


@dataclass(frozen=True)
class Stop:
    """A visit with its times: leave the last spot at `leave_s`, arrive, and do it in [start_s, end_s)."""

    visit: Visit
    path: Array
    leave_s: float
    arrive_s: float
    start_s: float
    end_s: float


def row(time_s: float) -> int:
    """The sample of a trace at `time_s`."""
    return round(time_s * RATE_HZ)


class Body:
    """The person's arrays of a trace while they are filled in."""

    def __init__(self, num_samples: int, stops: list[Stop]) -> None:
        self.place = np.empty((num_samples, 2))
        self.heading, self.walking = np.zeros(num_samples), np.zeros(num_samples)
        self.gesture, self.posture, self.bend = (np.zeros(num_samples) for _ in range(3))
        self.hand = np.full((num_samples, 3), np.nan)
        self._back = np.zeros((num_samples, 2))
        self._handles: dict[str, Array] = {}
        self.place[:] = stops[0].path[0]
        for stop in stops:
            first, last = row(stop.leave_s), row(stop.arrive_s)
            if last > first:
                way, heading, pace = walk(stop.path, last - first, RATE_HZ)
                self.place[first:last], self.heading[first:last], self.walking[first:last] = way, heading, pace
                self.heading[last:] = heading[-1]
            self.place[last:] = stop.path[-1]

    def handle(self, fixture: Fixture, opening: Array, first: int, last: int, *, turn: int) -> None:
        """The hand goes with the handle, the body makes room, the eyes stay there until `turn`."""
        if fixture.name not in self._handles:
            self._handles[fixture.name] = np.array([fixture.handle(float(value)) for value in OPENINGS])
        handles = self._handles[fixture.name]
        hand = np.stack([np.interp(opening[first:last], OPENINGS, handles[:, axis]) for axis in range(3)], axis=1)
        self.hand[first:last] = hand
        look = hand[0, :2] - self.place[first]
        self.heading[max(first - 30, 0) : turn] = np.arctan2(look[1], look[0])
        normal = fixture.normal[:2]
        self._back[first:last] = normal * STEP_BACK * ((hand[:, :2] - handles[0, :2]) @ normal)[:, None]
        low = np.clip((UPRIGHT_REACH_M - hand[:, 2]) / BEND_RANGE_M, 0, 1)
        self.bend[first:last] = low
        self.bend[max(first - 25, 0) : first] = low[0]

    def stay(self, visit: Visit, first: int, last: int) -> None:
        """A gesture of the arms, or a rest, standing or seated."""
        if visit.seated:
            self.posture[max(first - 40, 0) : last] = 1.0
        if visit.kind == "gesture":
            self.gesture[first:last] = 0.9

    def idle(self, stop: Stop, distractors: DistractorSection, generator: np.random.Generator) -> None:
        """Before leaving for `stop`, while waiting, somebody may scratch their head."""
        span = int(generator.uniform(0.8, 2.5) * RATE_HZ)
        first = row(stop.leave_s) - span - 30
        strength = generator.uniform(0.3, 0.7)
        free = first > 0 and np.isnan(self.hand[first - 30 : first + span + 30]).all()
        if generator.random() < distractors.idle_gesture and free:
            self.gesture[first : first + span] = np.maximum(self.gesture[first : first + span], strength)

    def smooth(self, generator: np.random.Generator) -> None:
        """Nothing about a body is sudden; standing, it sways."""
        turned = np.unwrap(self.heading)
        self.heading = gaussian_filter1d(turned, 0.18 * RATE_HZ, mode="nearest")
        sway = gaussian_filter1d(generator.standard_normal(self.place.shape), 0.7 * RATE_HZ, axis=0, mode="nearest")
        sway *= 0.02 / max(float(sway.std()), 1e-9)
        self.place = gaussian_filter1d(self.place, 0.12 * RATE_HZ, axis=0, mode="nearest")
        self.place += sway + gaussian_filter1d(self._back, 0.2 * RATE_HZ, axis=0, mode="nearest")
        self.posture = gaussian_filter1d(self.posture, 0.25 * RATE_HZ, mode="nearest")
        self.bend = gaussian_filter1d(self.bend, 0.15 * RATE_HZ, mode="nearest")
        self.gesture = gaussian_filter1d(self.gesture, 0.12 * RATE_HZ, mode="nearest")
