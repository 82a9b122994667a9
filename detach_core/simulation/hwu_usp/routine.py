"""Routine of the HWU-USP-like flat's residents: nine activities as loose scripts of visits that share places."""

from __future__ import annotations

import numpy as np

from detach_core.simulation.home import Home
from detach_core.simulation.hwu_usp.settings import HwuRoutineSettings
from detach_core.simulation.registry import HandlingSettings
from detach_core.simulation.trace import Visit

# Activity -> places in the script's order with how likely each is to be visited. A fixture is opened and closed.
SCRIPTS: dict[str, dict[str, float]] = {
    "cereals": {
        "T2_Cupboard": 0.8,
        "B4_Cupboard": 0.5,
        "fridge": 0.6,
        "T1_Cupboard": 0.2,
        "B1_Drawer": 0.4,
        "table": 0.8,
    },
    "tidy": {
        "table": 0.8,
        "T3_Cupboard": 0.7,
        "B4_Cupboard": 0.4,
        "B3_Cupboard": 0.3,
        "sofa": 0.6,
        "T2_Cupboard": 0.2,
        "door": 0.3,
    },
    "laptop": {
        "door": 0.3,
        "table": 0.9,
        "sofa": 0.4,
        "B1_Drawer": 0.1,
    },
    "newspaper": {
        "door": 0.5,
        "sofa": 0.9,
        "table": 0.4,
    },
    "sandwich": {
        "B4_Cupboard": 0.8,
        "T1_Cupboard": 0.4,
        "fridge": 0.7,
        "B1_Drawer": 0.5,
        "T3_Cupboard": 0.3,
        "table": 0.7,
    },
    "smartphone": {
        "table": 0.5,
        "sofa": 0.7,
        "sink": 0.1,
    },
    "table": {
        "T1_Cupboard": 0.6,
        "B1_Drawer": 0.7,
        "table": 0.9,
        "T2_Cupboard": 0.5,
        "T4_Cupboard": 0.3,
    },
    "tea": {
        "sink": 0.5,
        "kettle": 1.0,
        "T1_Cupboard": 0.8,
        "B4_Cupboard": 0.3,
        "T3_Cupboard": 0.2,
        "fridge": 0.3,
        "table": 0.4,
    },
    "dishes": {
        "table": 0.4,
        "sink": 1.0,
        "T1_Cupboard": 0.5,
        "T2_Cupboard": 0.4,
        "T3_Cupboard": 0.4,
        "B2_Cupboard": 0.3,
    },
}


# How long opening or closing takes, and a stay at a place (s, least and most).
HANDLE_S = (0.7, 1.8)

AT_PLACE_S = (0.8, 2.5)

SEATED = ("sofa",)


def hwu_routine(
    activity: str,
    *,
    home: Home,
    routine: HwuRoutineSettings,
    handling: HandlingSettings,
    generator: np.random.Generator,
) -> list[Visit]:
    """The visits of one sequence.

    Raises:
        ValueError: the activity has no script.
    """
    if activity not in SCRIPTS:
        raise ValueError(f"no script for the activity {activity!r}; there are {', '.join(SCRIPTS)}")
    script = SCRIPTS[activity]
    anywhere = [*home.fixtures, *home.places]
    likely = np.array(list(script.values()))
    visits: list[Visit] = []
    # More visits than places: the script starts again, with other choices.
    while sum(not visit.label.startswith("Close") for visit in visits) < routine.visits:
        chosen = np.flatnonzero(generator.random(len(likely)) < likely)
        rank = chosen / len(likely) + routine.order_jitter * generator.uniform(-1, 1, len(chosen))
        for index in chosen[np.argsort(rank, kind="stable")]:
            place = list(script)[index]
            if generator.random() < routine.improvise:
                place = str(generator.choice(anywhere))
            visits += _at(place, home, activity, generator)
    return _left_open(_first(visits, routine.visits), handling, generator)


def _at(place: str, home: Home, activity: str, generator: np.random.Generator) -> list[Visit]:
    if place not in home.fixtures:
        busy = generator.random() < 0.7 and place not in SEATED
        duration_s = float(generator.uniform(*AT_PLACE_S))
        seated = place in SEATED
        return [Visit("gesture" if busy else "rest", place, duration_s, seated=seated, activity=activity)]
    return [
        Visit(
            "handle",
            place,
            float(generator.uniform(*HANDLE_S)),
            label=f"{'Open' if opening else 'Close'} {place}",
            opening=opening,
            pause=1.0 if opening else 0.3,
            activity=activity,
        )
        for opening in (True, False)
    ]


def _first(visits: list[Visit], count: int) -> list[Visit]:
    """The first `count` visits, and those that close what these opened."""
    kept: list[Visit] = []
    for visit in visits:
        closing = visit.kind == "handle" and not visit.opening
        if not closing and count == 0:
            break
        count -= 0 if closing else 1
        kept.append(visit)
    return kept


def _left_open(visits: list[Visit], handling: HandlingSettings, generator: np.random.Generator) -> list[Visit]:
    """`visits` with some closings delayed until after the next visit, or omitted if there is none."""
    kept: list[Visit] = []
    put_off: list[Visit] = []
    for visit in visits:
        closing = visit.kind == "handle" and not visit.opening
        if closing and generator.random() < handling.left_open:
            put_off.append(visit)
            continue
        # A cupboard that still stands open is closed before it is opened again.
        kept += [late for late in put_off if late.place == visit.place]
        put_off = [late for late in put_off if late.place != visit.place]
        kept.append(visit)
        if not visit.opening or visit.kind != "handle":
            kept += put_off
            put_off = []
    return kept
