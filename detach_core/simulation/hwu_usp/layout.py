"""Layout of the HWU-USP-like flat, and the routine of its residents: nine activities as loose scripts of visits.

An L-shaped kitchen of base units (B1 to B4) and top units (T1 to T4), a table, a sofa. One leg of the L stands along
the far wall and one along the right wall; the camera hangs in the corner opposite the L's inner corner.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from detach_core.simulation.home import Box, Camera, Fixture, Home, Vector
from detach_core.simulation.hwu_usp.settings import HwuRoutineSettings
from detach_core.simulation.registry import HandlingSettings
from detach_core.simulation.trace import Visit

# Fronts of the base units: the far leg's plane (y) and the right leg's plane (x), m; top units are shallower.
FAR_Y = 3.8

RIGHT_X = 4.4

TOP_DEPTH = 0.35

WALL_Y = 4.4

WALL_X = 5.0

BASE_BGR = (186, 204, 214)

TOP_BGR = (178, 196, 208)

Hinge = Literal["u0", "u1"]


def _cupboard(
    name: str, origin: Vector, width: Vector, *, height: float, hinge: Hinge, stand: tuple[float, float]
) -> Fixture:
    is_top = origin[2] > 1.0
    free_edge = 0.92 if hinge == "u0" else 0.08
    return Fixture(
        name=name,
        motion="hinge",
        origin=origin,
        width=width,
        height=(0.0, 0.0, height),
        travel=1.5,
        hinge_edge=hinge,
        handle_uv=(free_edge, 0.12 if is_top else 0.88),
        stand_xy=stand,
        colour_bgr=TOP_BGR if is_top else BASE_BGR,
        depth_m=0.3 if is_top else 0.5,
    )


def _fixtures() -> list[Fixture]:
    top_y, top_x = WALL_Y - TOP_DEPTH, WALL_X - TOP_DEPTH
    drawer = Fixture(
        name="B1_Drawer",
        motion="slide",
        origin=(2.05, FAR_Y, 0.62),
        width=(0.5, 0.0, 0.0),
        height=(0.0, 0.0, 0.24),
        travel=0.4,
        hinge_edge=None,
        handle_uv=(0.5, 0.7),
        stand_xy=(2.4, 2.98),
        colour_bgr=BASE_BGR,
        depth_m=0.48,
    )
    far, right = (0.58, 0.0, 0.0), (0.0, -0.58, 0.0)
    return [
        drawer,
        _cupboard("B2_Cupboard", (2.57, FAR_Y, 0.1), far, height=0.76, hinge="u0", stand=(3.36, 3.14)),
        _cupboard("B3_Cupboard", (3.17, FAR_Y, 0.1), far, height=0.76, hinge="u0", stand=(3.85, 3.15)),
        _cupboard("B4_Cupboard", (RIGHT_X, 3.2, 0.1), right, height=0.76, hinge="u0", stand=(3.8, 2.2)),
        _cupboard("T1_Cupboard", (2.05, top_y, 1.45), far, height=0.65, hinge="u1", stand=(2.02, 3.3)),
        _cupboard("T2_Cupboard", (2.65, top_y, 1.45), far, height=0.65, hinge="u0", stand=(3.2, 3.3)),
        _cupboard("T3_Cupboard", (3.25, top_y, 1.45), far, height=0.65, hinge="u1", stand=(3.1, 3.28)),
        _cupboard("T4_Cupboard", (top_x, 3.2, 1.45), right, height=0.65, hinge="u1", stand=(3.95, 3.2)),
    ]


def _boxes() -> tuple[Box, ...]:
    stone = (92, 98, 104)
    top_y, top_x = WALL_Y - TOP_DEPTH, WALL_X - TOP_DEPTH
    panel_y, panel_x = FAR_Y - 0.012, RIGHT_X - 0.012
    return (
        Box("far units", (2.02, FAR_Y, 0.0), (WALL_X, WALL_Y, 0.88), (168, 184, 194)),
        Box("right units", (RIGHT_X, 2.0, 0.0), (WALL_X, FAR_Y, 0.88), (168, 184, 194)),
        Box("worktop", (2.0, FAR_Y - 0.03, 0.88), (WALL_X, WALL_Y, 0.92), stone, solid=False),
        Box("worktop", (RIGHT_X - 0.03, 1.98, 0.88), (WALL_X, FAR_Y - 0.03, 0.92), stone, solid=False),
        Box("top units", (2.02, top_y, 1.45), (WALL_X, WALL_Y, 2.1), (160, 176, 188), solid=False),
        Box("top units", (top_x, 2.0, 1.45), (WALL_X, top_y, 2.1), (160, 176, 188), solid=False),
        Box("cupboard panel", (2.05, panel_y, 0.1), (2.55, FAR_Y, 0.6), BASE_BGR, solid=False),
        Box("cupboard panel", (3.77, panel_y, 0.1), (4.35, FAR_Y, 0.86), BASE_BGR, solid=False),
        Box("oven", (panel_x, 2.05, 0.12), (RIGHT_X, 2.58, 0.86), (48, 46, 46), solid=False),
        Box("cupboard panel", (top_x - 0.012, 2.05, 1.45), (top_x, 2.58, 2.08), TOP_BGR, solid=False),
        Box("sink", (3.25, 3.9, 0.92), (3.75, 4.25, 0.925), (176, 178, 178), solid=False),
        Box("tap", (3.48, 4.26, 0.92), (3.53, 4.32, 1.16), (196, 198, 200), solid=False),
        Box("kettle", (4.62, 2.72, 0.92), (4.8, 2.9, 1.17), (212, 214, 214), solid=False),
        Box("jar", (2.3, 4.15, 0.92), (2.42, 4.27, 1.12), (60, 84, 150), solid=False),
        Box("toaster", (2.75, 4.08, 0.92), (3.02, 4.26, 1.1), (70, 70, 160), solid=False),
        Box("fridge", (1.38, 3.75, 0.0), (2.0, WALL_Y, 1.75), (214, 216, 216)),
        Box("table", (1.6, 0.8, 0.0), (2.6, 1.5, 0.74), (84, 128, 172)),
        Box("cup", (1.85, 1.05, 0.74), (1.93, 1.13, 0.83), (200, 120, 60), solid=False),
        Box("plate", (2.17, 1.09, 0.74), (2.37, 1.29, 0.755), (230, 232, 232), solid=False),
        Box("sofa", (3.9, 0.15, 0.0), (4.85, 1.4, 0.42), (120, 84, 66), solid=False),
        Box("sofa back", (4.72, 0.1, 0.0), (4.95, 1.45, 0.85), (108, 74, 58)),
        Box("plant", (0.72, 4.0, 0.0), (1.0, 4.28, 0.4), (70, 90, 130)),
        Box("glass panel", (4.98, 0.55, 0.9), (5.0, 1.85, 2.1), (226, 214, 204), solid=False),
        Box("curtain", (4.94, 1.45, 0.5), (4.97, 1.9, 2.2), (110, 120, 170), solid=False),
    )


def hwu_home() -> Home:
    """The home that the simulated HWU-USP recordings are made in."""
    fixtures = {fixture.name: fixture for fixture in _fixtures()}
    return Home(
        name="hwu_usp",
        size=(WALL_X, WALL_Y, 2.5),
        fixtures=fixtures,
        boxes=_boxes(),
        places={
            "kettle": (3.98, 2.82),
            "sink": (3.5, 3.32),
            "table": (2.1, 1.92),
            "fridge": (1.75, 3.2),
            "sofa": (4.3, 0.8),
            "door": (0.7, 2.6),
        },
        camera=Camera(
            position=(0.2, 0.25, 2.42), look_at=(2.95, 2.8, 0.76), focal=0.62, distortion=(-0.06, 0.006, 0.0, 0.0)
        ),
        motion_sensors={"Ktch_Motion_1": (2.6, 3.1, 1.15), "Ktch_Motion_2": (3.95, 2.75, 0.95)},
    )


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
