"""Performance of a routine in a home: walking, reaching, handling and waiting in one trace at 100 Hz.

Opening and closing take the same kinds of course: grip, one to three minimum-jerk movements with halts between them,
then an impact, a rebound or a soft end. Only start and end are exchanged, so direction and order tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from detach_core.simulation.home import Fixture, Home, PathPlanner, Point, walk, walking_time_s
from detach_core.simulation.registry import DistractorSettings, HandlingSettings
from detach_core.simulation.trace import Action, Array, Interval, Performance, Person, Trace, Visit

# A slammed front is still moving when it meets its stop: this share of the minimum-jerk course has passed.
SLAM_AT = 0.74


# A soft-closing mechanism takes over when this share of the way is left.
SOFT_SHARE = 0.12


# The front moves at least this long (s), whatever halts there are.
SHORTEST_S = 0.35


@dataclass(frozen=True)
class _Movement:
    end: float
    weight: float
    slam: bool = False


def minimum_jerk(progress: Array) -> Array:
    """Position 0..1 of the smoothest movement at `progress` 0..1 of its time."""
    return np.asarray(progress**3 * (10 - 15 * progress + 6 * progress**2))


def opening_motion(
    num_samples: int,
    *,
    start: float,
    end: float,
    rate_hz: float,
    vigour: float,
    handling: HandlingSettings,
    generator: np.random.Generator,
) -> Array:
    """Opening fractions (num_samples,) from `start` to `end`, from the grip of the handle to its release."""
    movements = _movements(vigour, handling, generator)
    grip, hold = generator.uniform(0.06, 0.2), generator.uniform(0.04, 0.18)
    # Vigorous people move faster and so hold longer.
    moving = np.clip(generator.uniform(0.6, 1.0) / vigour, 0.4, 1.0) * (1 - grip - hold)
    moving = min(max(moving, SHORTEST_S * rate_hz / num_samples), 0.9)
    idle = max(1 - grip - hold - moving, 0.0)
    grip += idle * generator.uniform(0, 0.7)
    halts = np.where(np.arange(len(movements)) > 0, generator.uniform(0.05, 0.3, len(movements)), 0.0)
    weights = np.array([movement.weight for movement in movements])
    scale = moving / (weights.sum() + halts.sum())
    course = np.zeros(num_samples)
    cursor, place = min(grip, 1 - moving), 0.0
    for movement, halt, weight in zip(movements, halts, weights, strict=True):
        first = round((cursor + halt * scale) * num_samples)
        last = max(round((cursor + (halt + weight) * scale) * num_samples), first + 2)
        count = max(min(last, num_samples) - first, 0)
        progress = np.arange(1, count + 1) / (last - first)
        shape = minimum_jerk(progress * SLAM_AT) / minimum_jerk(np.array(SLAM_AT)) if movement.slam else None
        shape = minimum_jerk(progress) if shape is None else shape
        course[first : first + count] = place + (movement.end - place) * shape
        course[first + count :] = movement.end
        cursor, place = cursor + (halt + weight) * scale, movement.end
    course[-1] = 1.0
    opening = start + (end - start) * course
    # A front cannot move into its cabinet: what would overshoot there comes back out.
    return np.abs(opening)


def _movements(vigour: float, handling: HandlingSettings, generator: np.random.Generator) -> list[_Movement]:
    cuts = [generator.uniform(0.2, 0.8)] if generator.random() < handling.partial_stop else []
    if generator.random() < handling.regrip:
        cuts.append(generator.uniform(0.3, 0.7))
    movements, place = [], 0.0
    for cut in sorted(cuts):
        movements.append(_Movement(cut, 0.3 + (cut - place)))
        place = cut
    style = generator.random()
    slam = min(handling.slam * vigour, 1.0)
    if style < slam:
        return [*movements, _Movement(1.0, 0.25 + 0.6 * (1 - place), slam=True)]
    if style < slam + handling.overshoot:
        beyond = 1 + generator.uniform(0.015, 0.05)
        return [*movements, _Movement(beyond, 0.3 + (1 - place)), _Movement(1.0, 0.25)]
    if style < slam + handling.overshoot + handling.soft_close:
        near = 1 - SOFT_SHARE * generator.uniform(0.5, 1.0)
        return [*movements, _Movement(near, 0.3 + (1 - place)), _Movement(1.0, 0.6)]
    return [*movements, _Movement(1.0, 0.3 + (1 - place))]


def surroundings(time_s: Array, distractors: DistractorSettings, generator: np.random.Generator) -> dict[str, Array]:
    """The `distractor` signals (T,) of a trace: sway of curtain and plant, position of the passer-by."""
    found = {name: np.zeros(len(time_s)) for name in ("curtain", "plant", "passer_by")}
    minutes = float(time_s[-1]) / 60
    for name in ("curtain", "plant"):
        for start_s in _starts(distractors.sway_per_min * minutes, time_s, generator):
            length_s, strength = generator.uniform(4, 15), generator.uniform(0.3, 1.0)
            inside = np.clip((time_s - start_s) / length_s, 0, 1)
            found[name] = np.maximum(found[name], strength * np.sin(np.pi * inside) ** 2)
    for start_s in _starts(distractors.passer_by_per_min * minutes, time_s, generator):
        way = (time_s - start_s) / generator.uniform(4, 8)
        found["passer_by"] = np.where((way > 0) & (way < 1), way, found["passer_by"])
    return found


def _starts(expected: float, time_s: Array, generator: np.random.Generator) -> Array:
    return np.sort(generator.uniform(0, time_s[-1], generator.poisson(expected)))


RATE_HZ = 100.0


# A person steps back by this share of the handle's way.
STEP_BACK = 0.25


# Handles below this height (m) are reached by bending.
UPRIGHT_REACH_M, BEND_RANGE_M = 1.0, 0.85


# Opening fractions at which a handle's place is worked out; between them it is interpolated.
OPENINGS = np.linspace(0.0, 1.1, 56)


@dataclass(frozen=True)
class Stop:
    """A visit with its times: departure for it at `leave_s`, action in [start_s, end_s)."""

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
    """The person's arrays of a trace, filled in step by step."""

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
        """Handling of a fixture: the hand follows the handle, the body steps aside, the gaze stays until `turn`."""
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
        """A stay at a spot: a gesture of the arms or a rest, standing or seated."""
        if visit.seated:
            self.posture[max(first - 40, 0) : last] = 1.0
        if visit.kind == "gesture":
            self.gesture[first:last] = 0.9

    def idle(self, stop: Stop, distractors: DistractorSettings, generator: np.random.Generator) -> None:
        """An occasional gesture while waiting to leave for `stop`."""
        span = int(generator.uniform(0.8, 2.5) * RATE_HZ)
        first = row(stop.leave_s) - span - 30
        strength = generator.uniform(0.3, 0.7)
        free = first > 0 and np.isnan(self.hand[first - 30 : first + span + 30]).all()
        if generator.random() < distractors.idle_gesture and free:
            self.gesture[first : first + span] = np.maximum(self.gesture[first : first + span], strength)

    def smooth(self, generator: np.random.Generator) -> None:
        """Smoothing of the body's movement, and sway while standing."""
        turned = np.unwrap(self.heading)
        self.heading = gaussian_filter1d(turned, 0.18 * RATE_HZ, mode="nearest")
        sway = gaussian_filter1d(generator.standard_normal(self.place.shape), 0.7 * RATE_HZ, axis=0, mode="nearest")
        sway *= 0.02 / max(float(sway.std()), 1e-9)
        self.place = gaussian_filter1d(self.place, 0.12 * RATE_HZ, axis=0, mode="nearest")
        self.place += sway + gaussian_filter1d(self._back, 0.2 * RATE_HZ, axis=0, mode="nearest")
        self.posture = gaussian_filter1d(self.posture, 0.25 * RATE_HZ, mode="nearest")
        self.bend = gaussian_filter1d(self.bend, 0.15 * RATE_HZ, mode="nearest")
        self.gesture = gaussian_filter1d(self.gesture, 0.12 * RATE_HZ, mode="nearest")


# Least time between arriving and touching, and between releasing and turning away (s).
REACH_S, RELEASE_S = 0.4, 0.3


def perform(
    visits: list[Visit],
    *,
    home: Home,
    recording_id: str,
    person: Person,
    length_s: float,
    handling: HandlingSettings,
    distractors: DistractorSettings,
    generator: np.random.Generator,
) -> Performance:
    """Performance of `visits` in about `length_s` (s): pauses fill the remaining time, longer routines exceed it."""
    stops, duration_s = _timetable(visits, home, person, length_s, generator)
    time_s = np.arange(int(np.ceil(duration_s * RATE_HZ)) + 1) / RATE_HZ
    body = Body(len(time_s), stops)
    opening = {name: np.zeros(len(time_s)) for name in home.fixtures}
    actions = []
    turns = [row(stop.leave_s) for stop in stops[1:]] + [len(time_s)]
    for stop, turn in zip(stops, turns, strict=True):
        visit = stop.visit
        first, last = row(stop.start_s), row(stop.end_s)
        if visit.kind == "handle":
            fixture, signal = home.fixtures[visit.place], opening[visit.place]
            start = float(signal[first])
            end = _reached(handling, generator) if visit.opening else 0.0
            signal[first:last] = opening_motion(
                last - first,
                start=start,
                end=end,
                rate_hz=RATE_HZ,
                vigour=person.vigour,
                handling=handling,
                generator=generator,
            )
            signal[last:] = end
            body.handle(fixture, signal, first, last, turn=turn)
            actions.append(Action(first / RATE_HZ, last / RATE_HZ, visit.place, visit.opening, visit.label))
        else:
            body.stay(visit, first, last)
        body.idle(stop, distractors, generator)
    body.smooth(generator)
    trace = Trace(
        home=home.name,
        recording_id=recording_id,
        rate_hz=RATE_HZ,
        time_s=time_s,
        opening=opening,
        person=person,
        person_xy_m=body.place,
        heading_rad=body.heading,
        walking=body.walking,
        hand_m=body.hand,
        gesture=body.gesture,
        posture=body.posture,
        bend=body.bend,
        distractor=surroundings(time_s, distractors, generator),
        actions=tuple(actions),
    )
    gestures = tuple(
        Interval(s.start_s, s.end_s, s.visit.label) for s in stops if s.visit.kind == "gesture" and s.visit.label
    )
    activities = tuple(Interval(s.leave_s, s.end_s, s.visit.activity) for s in stops if s.visit.activity)
    return Performance(trace, gestures, activities, tuple(Interval(s.start_s, s.end_s, s.visit.place) for s in stops))


def _timetable(
    visits: list[Visit], home: Home, person: Person, length_s: float, generator: np.random.Generator
) -> tuple[list[Stop], float]:
    planner = PathPlanner(home)
    spot: Point = home.places[str(generator.choice(list(home.places)))]
    paths = []
    before = ""
    for visit in visits:
        target = spot
        where = home.fixtures[visit.place].stand_xy if visit.kind == "handle" else home.places[visit.place]
        if visit.place != before and np.hypot(where[0] - spot[0], where[1] - spot[1]) > 0.25:
            # Nobody stands twice on the same spot; in chairs everybody does.
            away = np.zeros(2) if visit.seated else generator.normal(0, 0.05, 2)
            target = (where[0] + float(away[0]), where[1] + float(away[1]))
        paths.append(planner.path(spot, target))
        spot, before = target, visit.place
    walks = [walking_time_s(path, person.speed_m_s) for path in paths]
    reaches = [REACH_S + float(generator.exponential(0.15)) + (0.8 if visit.seated else 0.0) for visit in visits]
    busy_s = sum(walks) + sum(reaches) + sum(visit.duration_s + RELEASE_S for visit in visits)
    claims = np.array([visit.pause for visit in visits] + [1.0]) * generator.gamma(2.0, size=len(visits) + 1)
    pauses = claims / claims.sum() * max(length_s - busy_s, 0.0)
    stops, now = [], 0.0
    for visit, path, walk_s, reach_s, pause_s in zip(visits, paths, walks, reaches, pauses, strict=False):
        leave_s = now + float(pause_s)
        arrive_s = leave_s + walk_s
        start_s = arrive_s + reach_s
        stops.append(Stop(visit, path, leave_s, arrive_s, start_s, start_s + visit.duration_s))
        now = start_s + visit.duration_s + RELEASE_S
    return stops, now + float(pauses[-1])


def _reached(handling: HandlingSettings, generator: np.random.Generator) -> float:
    if generator.random() < handling.half_open:
        return float(generator.uniform(0.45, 0.7))
    return float(min(generator.uniform(0.85, 1.05), 1.0))
