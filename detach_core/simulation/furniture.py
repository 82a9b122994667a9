"""Pictures of walls, furniture and fixtures that open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detach_core.simulation import surfaces
from detach_core.simulation.home import Box, Fixture, Home, Points
from detach_core.simulation.surfaces import FAR_M, Canvas, Projection, Region, Surface, Texture, cross

WALL_BGR = (196, 208, 214)

SIDE_WALL_BGR = (186, 200, 208)

FLOOR_BGR = {"opportunity": (136, 140, 142), "hwu_usp": (120, 150, 176)}

TILE_M = {"opportunity": 0.4, "hwu_usp": 0.25}

TEXTURES: dict[str, Texture] = {
    "worktop": surfaces.stone,
    "table": surfaces.stone,
    "desk": surfaces.wood,
    "sofa": surfaces.cloth,
    "sofa back": surfaces.cloth,
    "deckchair": surfaces.cloth,
    "curtain": surfaces.folds,
    "glass panel": surfaces.outdoors,
}

TABLETOP_M = 0.05

LEG_M = 0.05


# Things on legs: their box is drawn as a top and four legs, so that the floor and a person show beneath.
ON_LEGS = ("table", "desk", "chair", "deckchair")


def paint_room(home: Home, projection: Projection) -> Canvas:
    """The room's picture and depth without its fixtures."""
    canvas = Canvas(projection)
    for surface in _shell(home):
        canvas.draw(surface)
    for box in home.boxes:
        for part in _parts(box):
            for surface in box_surfaces(part, texture=TEXTURES.get(box.name), viewpoint=projection.position):
                # Panels and tops coincide with the bodies that carry them.
                canvas.draw(surface, bias_m=0.004)
    return canvas


def _shell(home: Home) -> list[Surface]:
    x, y, z = (np.eye(3) * np.asarray(home.size))[[0, 1, 2]]
    zero = np.zeros(3)
    floor = surfaces.floor_tiles(home.boxes, tile_m=TILE_M.get(home.name, 0.3))
    return [
        Surface(zero, x, y, FLOOR_BGR.get(home.name, (136, 140, 142)), floor),
        Surface(y, x, z, WALL_BGR, surfaces.plaster),
        Surface(x, y, z, SIDE_WALL_BGR, surfaces.plaster),
        Surface(zero, x, z, SIDE_WALL_BGR, surfaces.plaster),
        Surface(zero, y, z, SIDE_WALL_BGR, surfaces.plaster),
        Surface(z, x, y, (226, 230, 230)),
    ]


def _parts(box: Box) -> list[Box]:
    if box.name not in ON_LEGS:
        return [box]
    low, high = np.asarray(box.low), np.asarray(box.high)
    dark = tuple(int(channel * 0.6) for channel in box.colour_bgr)
    tone = (dark[0], dark[1], dark[2])
    parts = [Box(box.name, (low[0], low[1], high[2] - TABLETOP_M), box.high, box.colour_bgr)]
    for x in (low[0], high[0] - LEG_M):
        for y in (low[1], high[1] - LEG_M):
            parts.append(Box("leg", (x, y, 0.0), (x + LEG_M, y + LEG_M, high[2] - TABLETOP_M), tone))
    if box.name == "chair":
        back = (low[0] + 0.03, high[1], high[2] + 0.42)
        parts.append(Box("back", (low[0], low[1], high[2] + 0.12), back, box.colour_bgr))
    return parts


def box_surfaces(box: Box, *, texture: Texture | None, viewpoint: np.ndarray) -> list[Surface]:
    """The faces of `box` that can be seen from `viewpoint` (3,)."""
    low, high = np.asarray(box.low, dtype=np.float64), np.asarray(box.high, dtype=np.float64)
    x, y, z = np.eye(3) * (high - low)
    is_panel = "panel" in box.name or box.name == "oven"
    faces = []
    for axis, (width, height) in enumerate(((y, z), (x, z), (x, y))):
        if viewpoint[axis] < low[axis]:
            origin = low
        elif viewpoint[axis] > high[axis]:
            origin = low + (x, y, z)[axis]
        else:
            continue
        shown = texture
        # The long faces of a table's top and of a thin panel carry the texture, its edges need none.
        if is_panel and texture is None:
            shown = surfaces.panel(
                float(np.linalg.norm(width)), float(np.linalg.norm(height)), handle_uv=(0.5, 0.9), upright=False
            )
        glow = 1.08 if box.name == "glass panel" else None
        faces.append(Surface(origin, width, height, box.colour_bgr, shown, glow))
    return faces


# An opening (fraction) below this looks closed.
CLOSED_BELOW = 1.0e-3

LEAF_M = 0.022


# A doorway leads this far into the next room (m).
PASSAGE_M = 1.3


# Fronts coincide with the plane of the furniture that they close.
BIAS_M = 0.008

CORNERS_UV = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


@dataclass(frozen=True)
class Look:
    """The inside of a fixture: its colour, own light (None: the room's), and the leaf's inner colour."""

    inside_bgr: tuple[int, int, int]
    glow: float | None
    inner_bgr: tuple[int, int, int]


LOOKS = {
    "Fridge": Look((236, 240, 236), 1.05, (236, 238, 238)),
    "Dishwasher": Look((84, 84, 82), 0.75, (150, 152, 152)),
    "Door 1": Look((236, 226, 214), 1.0, (62, 66, 70)),
    "Door 2": Look((84, 92, 98), 0.8, (88, 128, 164)),
}

CUPBOARD = Look((58, 76, 92), 0.75, (150, 166, 176))


def leaf_corners(fixture: Fixture, opening: float) -> tuple[Points, Points, Points]:
    """Origin, width and height (3,) of the front at `opening`."""
    if opening <= 0.0:
        return np.asarray(fixture.origin), np.asarray(fixture.width), np.asarray(fixture.height)
    origin, along, up = fixture.points(CORNERS_UV, opening)
    return origin, along - origin, up - origin


def fixture_region(fixture: Fixture, projection: Projection, *, align: int) -> Region:
    """The region of the picture that a fixture can change at any opening, including slight overshoot."""
    points = [
        fixture.points(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), o) for o in np.linspace(0, 1.08, 28)
    ]
    return projection.region(np.concatenate(points), margin_px=align + 1, align=align)


def draw_fixture(canvas: Canvas, fixture: Fixture, opening: float, within: Region) -> None:
    """Draw `fixture` at `opening` into `canvas`, clipped to `within`."""
    look = LOOKS.get(fixture.name, CUPBOARD)
    origin, width, height = leaf_corners(fixture, opening)
    front = Surface(origin, width, height, fixture.colour_bgr, _front_texture(fixture))
    if opening < CLOSED_BELOW:
        canvas.draw(front, within=within, bias_m=BIAS_M)
        return
    _draw_inside(canvas, fixture, look, within)
    outwards = cross(width, height)
    outwards /= np.linalg.norm(outwards)
    back = origin - outwards * LEAF_M
    if (canvas.projection.position - origin) @ outwards > 0:
        canvas.draw(front, within=within, bias_m=BIAS_M)
    inner = _front_texture(fixture) if fixture.depth_m == 0.0 else None
    canvas.draw(Surface(back, width, height, look.inner_bgr, inner), within=within)
    # The leaf's edges.
    thick = outwards * LEAF_M
    edge = _tone(fixture.colour_bgr, 0.8)
    for start, side, facing in (
        (back, height, -width),
        (back + width, height, width),
        (back, width, -height),
        (back + height, width, height),
    ):
        if (canvas.projection.position - start) @ facing > 0:
            canvas.draw(Surface(start, thick, side, edge), within=within)
    if fixture.motion == "slide":
        for surface in _drawer_box(fixture, back, width, height, -outwards * fixture.travel * opening):
            canvas.draw(surface, within=within, bias_m=BIAS_M / 2)
    elif fixture.name == "Fridge":
        for share in (0.2, 0.55):
            shelf = back + height * share
            canvas.draw(Surface(shelf, width, -outwards * 0.09, (190, 196, 200)), within=within)
            canvas.draw(Surface(shelf - outwards * 0.09, width, height * 0.12, (176, 190, 206)), within=within)


def _front_texture(fixture: Fixture) -> Texture:
    width_m, height_m = float(np.linalg.norm(fixture.width)), float(np.linalg.norm(fixture.height))
    if fixture.name == "Door 1":
        return surfaces.glazed_door(width_m, height_m)
    upright = fixture.motion == "hinge" and fixture.hinge_edge != "v0" and fixture.depth_m > 0.0
    return surfaces.panel(width_m, height_m, handle_uv=fixture.handle_uv, upright=upright)


def _draw_inside(canvas: Canvas, fixture: Fixture, look: Look, within: Region) -> None:
    origin, width, height = leaf_corners(fixture, 0.0)
    portal = Surface(origin, width, height, look.inside_bgr)
    hit = canvas.visible(portal, canvas.projection.region(portal.rim), within=within, bias_m=BIAS_M)
    if hit is None:
        return
    region, seen, *_ = hit
    # Through the opening, the furniture's own front is gone: only what lies inside counts there.
    canvas.depth[region[0] : region[1], region[2] : region[3]][seen] = FAR_M
    inwards = -fixture.normal * (fixture.depth_m or PASSAGE_M)
    dim = None if look.glow is None else look.glow
    walls = (
        (1.0, origin + inwards, width, height, -inwards),
        (0.86, origin, inwards, height, width),
        (0.8, origin + width, inwards, height, -width),
        (0.72, origin, width, inwards, height),
        (0.9, origin + height, width, inwards, -height),
    )
    for shade, start, along, up, facing in walls:
        if (canvas.projection.position - start) @ facing <= 0:
            continue
        canvas.draw(Surface(start, along, up, _tone(look.inside_bgr, shade), None, dim), within=region, mask=seen)
    if fixture.depth_m == 0.0:
        return
    for share, tone in ((0.34, (96, 120, 168)), (0.68, (120, 130, 110))):
        shelf = origin + height * share + inwards * 0.15
        canvas.draw(
            Surface(shelf, width, inwards * 0.85, _tone(look.inside_bgr, 1.15), None, dim), within=region, mask=seen
        )
        lit = 1.6 if dim is not None and dim > 1 else 1.0
        stock = Surface(shelf + inwards * 0.4 + width * 0.15, width * 0.6, height * 0.16, _tone(tone, lit), None, dim)
        canvas.draw(stock, within=region, mask=seen)


def _drawer_box(fixture: Fixture, back: Points, width: Points, height: Points, inwards: Points) -> list[Surface]:
    side, wall = _tone(fixture.colour_bgr, 0.72), height * 0.75
    inset = width * 0.04
    clutter = back + inset + height * 0.35 + inwards * 0.1
    return [
        Surface(back + inset, inwards, wall, side),
        Surface(back + width - inset, inwards, wall, side),
        Surface(back + inset + height * 0.05, width * 0.92, inwards, (62, 74, 84), None, 0.8),
        Surface(clutter, width * 0.35, inwards * 0.8, (70, 92, 150)),
        Surface(clutter + width * 0.5, width * 0.35, inwards * 0.6, (150, 150, 146)),
    ]


def _tone(colour: tuple[int, int, int], gain: float) -> tuple[int, int, int]:
    blue, green, red = (int(np.clip(channel * gain, 0, 255)) for channel in colour)
    return blue, green, red
