"""Routine of the Opportunity-like home's residents: the drill, or a day that a script describes loosely."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from detach_core.simulation.opportunity.settings import OpportunityRoutineSettings, OpportunityTakeSettings
from detach_core.simulation.registry import HandlingSettings
from detach_core.simulation.trace import Array, Visit


@dataclass(frozen=True)
class DurationHistogram:
    """A histogram of durations: `edges_s` (B + 1,), `share` (B,) that sums to 1."""

    edges_s: Array
    share: Array

    @property
    def mean_s(self) -> float:
        """The mean, with every bin's mass at its centre."""
        return float((self.edges_s[:-1] + self.edges_s[1:]) @ self.share / 2)

    def draw(self, generator: np.random.Generator) -> float:
        """One duration (s): a bin by its share, then uniform inside it."""
        index = int(generator.choice(len(self.share), p=self.share))
        return float(generator.uniform(self.edges_s[index], self.edges_s[index + 1]))


@lru_cache(maxsize=1)
def gesture_durations() -> dict[str, DurationHistogram]:
    """Gesture label -> histogram of its durations (`gesture_durations.json` names the source)."""
    text = (Path(__file__).parent / "gesture_durations.json").read_text(encoding="utf-8")
    found = {}
    for label, entry in json.loads(text)["gestures"].items():
        share = np.array(entry["share"])
        found[label] = DurationHistogram(np.array(entry["bin_edges_s"]), share / share.sum())
    return found


# The drill's stations in the official order, then its gestures without one of our fixtures: (label, place, seated).
DRILL = ("Fridge", "Dishwasher", "Drawer 1", "Drawer 2", "Drawer 3", "Door 1", "Door 2")

DRILL_GESTURES = (
    ("Toggle Switch", "switch", False),
    ("Clean Table", "table", False),
    ("Drink from Cup", "table", False),
    ("Drink from Cup", "chair", True),
)


# How often the real days open each fixture, relative (official counts less the drills').
DAY_SHARES = {
    "Fridge": 6.5,
    "Dishwasher": 2.8,
    "Drawer 1": 2.5,
    "Drawer 2": 2.2,
    "Drawer 3": 2.8,
    "Door 1": 2.2,
    "Door 2": 2.1,
}


# Phases of a day: high-level activity -> how much each fixture belongs to it.
PHASES: dict[str, dict[str, float]] = {
    "Relaxing": {},
    "Early morning": {"Door 1": 5, "Door 2": 4, "Drawer 1": 1, "Drawer 2": 1, "Drawer 3": 1},
    "Coffee time": {"Fridge": 2, "Drawer 1": 1, "Drawer 2": 1},
    "Sandwich time": {"Fridge": 4, "Drawer 1": 2, "Drawer 2": 2, "Drawer 3": 2, "Door 2": 1},
    "Cleanup": {"Dishwasher": 6, "Fridge": 2, "Drawer 3": 2, "Door 1": 1},
}


# What else is done in a phase, as in `DRILL_GESTURES`; without a label it is a rest.
OTHERS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "Relaxing": (("", "deckchair", True),),
    "Early morning": (("", "table", False),),
    "Coffee time": (("Drink from Cup", "table", False), ("", "table", False)),
    "Sandwich time": (("Drink from Cup", "chair", True),),
    "Cleanup": (("Clean Table", "table", False), ("Toggle Switch", "switch", False)),
}


# A fixture that stays open is closed after at most this many other openings.
LONGEST_OPEN = 3


# Claims on spare time: little between opening and closing at once, more between stations.
DWELL_PAUSE, STATION_PAUSE, DAY_PAUSE = 0.25, 0.6, 1.0


def opportunity_routine(
    take: OpportunityTakeSettings,
    *,
    fixtures: Sequence[str],
    routine: OpportunityRoutineSettings,
    handling: HandlingSettings,
    generator: np.random.Generator,
) -> list[Visit]:
    """The visits of one run, to `fixtures` alone."""
    stations = _drill(take, routine, generator) if take.script == "drill" else _day(take, routine, generator)
    return _visits(
        [visit for visit in stations if visit.kind != "handle" or visit.place in fixtures], handling, generator
    )


def _drill(
    take: OpportunityTakeSettings, routine: OpportunityRoutineSettings, generator: np.random.Generator
) -> list[Visit]:
    stations = []
    for _ in range(take.rounds):
        order = list(DRILL)
        for index in range(len(order) - 1):
            if generator.random() < routine.order_jitter:
                order[index], order[index + 1] = order[index + 1], order[index]
        stations += [Visit("handle", name, 0.0, pause=STATION_PAUSE) for name in order]
        stations += [
            _gesture(label, place, seated, STATION_PAUSE, generator)
            for label, place, seated in DRILL_GESTURES
            if generator.random() < routine.other_gestures
        ]
    return stations


def _day(
    take: OpportunityTakeSettings, routine: OpportunityRoutineSettings, generator: np.random.Generator
) -> list[Visit]:
    share = take.rounds / sum(DAY_SHARES.values())
    counts = {name: weight * share for name, weight in DAY_SHARES.items()}
    whole = {name: int(count) for name, count in counts.items()}
    by_remainder = sorted(counts, key=lambda name: whole[name] - counts[name] + 1e-3 * generator.random())
    for name in by_remainder[: take.rounds - sum(whole.values())]:
        whole[name] += 1
    in_phase: dict[str, list[Visit]] = {phase: [] for phase in PHASES}
    for name, count in whole.items():
        claims = np.array([fixtures.get(name, 0.0) for fixtures in PHASES.values()])
        for phase in generator.choice(list(PHASES), size=count, p=claims / claims.sum()):
            in_phase[str(phase)].append(Visit("handle", name, 0.0, pause=DAY_PAUSE, activity=str(phase)))
    visits: list[Visit] = []
    for phase, others in OTHERS.items():
        extras = [_gesture(label, place, seated, DAY_PAUSE, generator, phase) for label, place, seated in others]
        for visit in generator.permutation(np.array([*in_phase[phase], *extras], dtype=object)):
            if generator.random() < routine.detour:
                place = str(generator.choice(["table", "drawers", "door1", "chair", "switch", "fridge"]))
                visits.append(Visit("rest", place, float(generator.uniform(0.5, 2.0)), pause=DAY_PAUSE, activity=phase))
            visits.append(visit)
    return visits


def _gesture(
    label: str, place: str, seated: bool, pause: float, generator: np.random.Generator, activity: str = ""
) -> Visit:
    if not label:
        return Visit("rest", place, float(generator.uniform(2, 6)), pause=3 * pause, seated=seated, activity=activity)
    duration_s = gesture_durations()[label].draw(generator)
    return Visit("gesture", place, duration_s, label=label, pause=pause, seated=seated, activity=activity)


def _visits(stations: list[Visit], handling: HandlingSettings, generator: np.random.Generator) -> list[Visit]:
    """Visits to `stations`, each opening followed, at once or later, by its closing."""
    visits: list[Visit] = []
    due: dict[str, int] = {}

    def close(name: str, activity: str, pause: float) -> None:
        del due[name]
        visits.append(_handled(name, False, pause, activity, generator))

    for station in stations:
        if station.kind != "handle":
            visits.append(station)
            continue
        name, activity = station.place, station.activity
        if name in due:
            close(name, activity, station.pause)
        visits.append(_handled(name, True, station.pause, activity, generator))
        due[name] = 1 + int(generator.integers(1, LONGEST_OPEN + 1)) if generator.random() < handling.left_open else 1
        due = {other: wait - 1 for other, wait in due.items()}
        for other in [other for other, wait in due.items() if wait <= 0]:
            close(other, activity, DWELL_PAUSE if other == name else station.pause)
    for name in list(due):
        close(name, stations[-1].activity, STATION_PAUSE)
    return visits


def _handled(name: str, opening: bool, pause: float, activity: str, generator: np.random.Generator) -> Visit:
    label = f"{'Open' if opening else 'Close'} {name}"
    duration_s = gesture_durations()[label].draw(generator)
    return Visit("handle", name, duration_s, label=label, opening=opening, pause=pause, activity=activity)
