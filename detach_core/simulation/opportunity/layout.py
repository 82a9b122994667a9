"""Layout of the Opportunity-like home, and the routine of its residents: the drill, or a day by a loose script.

After a picture of the real room: kitchen row, doors, table, chairs. The camera hangs in the corner that sees the row
from the left, Door 1 frontally and Door 2 at a grazing angle, so that a person at a fixture hides part of it and seldom
all of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from detach_core.simulation.home import Box, Camera, Fixture, Home
from detach_core.simulation.opportunity.settings import OpportunityRoutineSettings, OpportunityTakeSettings
from detach_core.simulation.registry import HandlingSettings
from detach_core.simulation.trace import Array, Visit

# Fronts of the kitchen row stand in this plane (y, m); people stand on its near side.
ROW_Y = 4.6

WHITE = (222, 226, 228)

OFF_WHITE = (206, 212, 215)


def _drawer(name: str, *, bottom: float, height: float) -> Fixture:
    return Fixture(
        name=name,
        motion="slide",
        origin=(4.35, ROW_Y, bottom),
        width=(0.55, 0.0, 0.0),
        height=(0.0, 0.0, height),
        travel=0.42,
        hinge_edge=None,
        handle_uv=(0.5, 0.75),
        stand_xy=(4.7, 3.72),
        colour_bgr=WHITE,
        depth_m=0.5,
    )


def _fixtures() -> list[Fixture]:
    return [
        Fixture(
            name="Fridge",
            motion="hinge",
            origin=(1.9, ROW_Y, 0.1),
            width=(0.6, 0.0, 0.0),
            height=(0.0, 0.0, 0.78),
            travel=1.75,
            hinge_edge="u1",
            handle_uv=(0.07, 0.82),
            stand_xy=(1.68, 4.02),
            colour_bgr=WHITE,
            depth_m=0.5,
        ),
        Fixture(
            name="Dishwasher",
            motion="hinge",
            origin=(2.5, ROW_Y, 0.1),
            width=(0.6, 0.0, 0.0),
            height=(0.0, 0.0, 0.78),
            travel=1.42,
            hinge_edge="v0",
            handle_uv=(0.5, 0.93),
            stand_xy=(3.3, 3.95),
            colour_bgr=OFF_WHITE,
            depth_m=0.5,
        ),
        _drawer("Drawer 1", bottom=0.66, height=0.22),
        _drawer("Drawer 2", bottom=0.40, height=0.24),
        _drawer("Drawer 3", bottom=0.10, height=0.28),
        Fixture(
            name="Door 1",
            motion="hinge",
            origin=(6.6, 3.0, 0.02),
            width=(0.0, -0.95, 0.0),
            height=(0.0, 0.0, 2.05),
            travel=1.25,
            hinge_edge="u0",
            handle_uv=(0.92, 0.5),
            stand_xy=(5.8, 1.9),
            colour_bgr=(62, 66, 70),
        ),
        Fixture(
            name="Door 2",
            motion="hinge",
            origin=(5.2, 0.0, 0.02),
            width=(-0.95, 0.0, 0.0),
            height=(0.0, 0.0, 2.05),
            travel=1.25,
            hinge_edge="u0",
            handle_uv=(0.92, 0.5),
            stand_xy=(4.1, 0.8),
            colour_bgr=(96, 138, 176),
        ),
    ]


def _boxes() -> tuple[Box, ...]:
    front = ROW_Y - 0.012
    return (
        Box("kitchen row", (1.3, ROW_Y, 0.0), (4.95, 5.2, 0.9), (196, 200, 202)),
        Box("worktop", (1.28, ROW_Y - 0.03, 0.9), (4.97, 5.2, 0.94), (104, 116, 126), solid=False),
        Box("cupboard panel", (3.12, front, 0.1), (3.44, ROW_Y, 0.88), WHITE, solid=False),
        Box("cupboard panel", (3.46, front, 0.1), (3.78, ROW_Y, 0.88), WHITE, solid=False),
        Box("cupboard panel", (1.33, front, 0.1), (1.88, ROW_Y, 0.88), OFF_WHITE, solid=False),
        Box("oven", (3.82, front, 0.12), (4.32, ROW_Y, 0.86), (46, 44, 44), solid=False),
        Box("kettle", (2.1, 4.85, 0.94), (2.28, 5.05, 1.18), (120, 122, 126), solid=False),
        Box("bread", (2.95, 4.8, 0.94), (3.3, 5.05, 1.08), (70, 120, 168), solid=False),
        Box("bottles", (3.5, 4.95, 0.94), (3.85, 5.08, 1.24), (64, 104, 60), solid=False),
        Box("switch unit", (4.97, 4.75, 0.0), (5.3, 5.2, 1.25), (214, 218, 218)),
        Box("switch", (5.06, 4.73, 1.0), (5.18, 4.75, 1.14), (60, 60, 190), solid=False),
        Box("desk", (0.0, 3.35, 0.0), (1.05, 5.2, 0.74), (104, 146, 186)),
        Box("monitor", (0.25, 4.3, 0.74), (0.35, 4.9, 1.15), (52, 50, 48), solid=False),
        Box("table", (1.75, 1.35, 0.0), (3.1, 2.25, 0.75), (72, 72, 76)),
        Box("coffee machine", (2.55, 1.65, 0.75), (2.9, 2.0, 1.1), (168, 170, 172), solid=False),
        Box("drip tray", (2.58, 1.52, 0.75), (2.87, 1.65, 0.8), (52, 50, 50), solid=False),
        Box("spout", (2.6, 1.6, 0.96), (2.85, 1.65, 1.06), (60, 58, 58), solid=False),
        Box("bread cutter", (2.0, 1.8, 0.75), (2.28, 2.02, 0.93), (210, 210, 206), solid=False),
        Box("cup", (2.3, 1.5, 0.75), (2.38, 1.58, 0.84), (60, 70, 196), solid=False),
        Box("plate", (1.86, 1.48, 0.75), (2.06, 1.68, 0.765), (226, 228, 228), solid=False),
        Box("chair", (1.4, 2.72, 0.0), (1.82, 3.14, 0.45), (70, 124, 188), solid=False),
        Box("deckchair", (5.45, 3.5, 0.0), (6.05, 4.75, 0.38), (74, 168, 206), solid=False),
        Box("plant", (6.12, 4.72, 0.0), (6.42, 5.02, 0.42), (58, 82, 128)),
        Box("glass panel", (6.58, 0.5, 0.1), (6.6, 1.95, 2.15), (226, 214, 204), solid=False),
        Box("curtain", (6.54, 1.5, 0.15), (6.57, 2.0, 2.25), (150, 160, 120), solid=False),
    )


def opportunity_home() -> Home:
    """The home that the simulated Opportunity recordings are made in."""
    fixtures = {fixture.name: fixture for fixture in _fixtures()}
    places = {
        "fridge": fixtures["Fridge"].stand_xy,
        "dishwasher": fixtures["Dishwasher"].stand_xy,
        "drawers": fixtures["Drawer 1"].stand_xy,
        "door1": fixtures["Door 1"].stand_xy,
        "door2": fixtures["Door 2"].stand_xy,
        "switch": (5.12, 4.2),
        "table": (3.45, 1.9),
        "chair": (1.61, 2.93),
        "deckchair": (5.75, 4.1),
    }
    return Home(
        name="opportunity",
        size=(6.6, 5.2, 2.9),
        fixtures=fixtures,
        boxes=_boxes(),
        places=places,
        camera=Camera(
            position=(0.3, 0.95, 2.75), look_at=(3.1, 2.56, 0.62), focal=0.54, distortion=(-0.05, 0.004, 0.0, 0.0)
        ),
        motion_sensors={},
    )


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
