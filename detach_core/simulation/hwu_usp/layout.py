"""Layout of the HWU-like flat: an L-shaped kitchen of base units (B1 to B4) and top units (T1 to T4), a table, a sofa.

One leg of the L stands along the far wall and one along the right wall; the camera hangs in the corner opposite
the L's inner corner.
"""

from __future__ import annotations

from typing import Literal

from detach_core.simulation.home import Box, Camera, Fixture, Home, Vector

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
