"""A routine carried out in a home: walking, reaching, handling and waiting as one trace at 100 Hz."""

from __future__ import annotations

import numpy as np

from detach_core.config.simulation import DistractorSection, HandlingSection
from detach_core.simulation.body import RATE_HZ, Body, Stop, row
from detach_core.simulation.home import Home
from detach_core.simulation.motion import opening_motion
from detach_core.simulation.routine import Interval, Performance, Visit
from detach_core.simulation.surroundings import surroundings
from detach_core.simulation.trace import Action, Person, Trace
from detach_core.simulation.walking import PathPlanner, Point, walking_time_s

# Least time between arriving and touching, and between releasing and turning away (s).
REACH_S, RELEASE_S = 0.4, 0.3


def perform(
    visits: list[Visit],
    *,
    home: Home,
    recording_id: str,
    person: Person,
    length_s: float,
    handling: HandlingSection,
    distractors: DistractorSection,
    generator: np.random.Generator,
) -> Performance:
    """Carry out `visits` in about `length_s` (s): pauses fill what is left, and longer work takes longer."""
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


def _reached(handling: HandlingSection, generator: np.random.Generator) -> float:
    if generator.random() < handling.half_open:
        return float(generator.uniform(0.45, 0.7))
    return float(min(generator.uniform(0.85, 1.05), 1.0))
