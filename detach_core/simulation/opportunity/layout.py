"""Layout of the Opportunity-like room, after a picture of the real one: kitchen row, doors, table, chairs.

The camera hangs in the corner that sees the row from the left, Door 1 frontally and Door 2 at a grazing angle, so that
a person at a fixture hides part of it and seldom all of it.
"""

from __future__ import annotations

from detach_core.simulation.home import Box, Camera, Fixture, Home

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
