"""The room without its moving things: walls, floor and furniture, cast once per home and image size."""

from __future__ import annotations

import numpy as np

from detach_core.simulation import textures
from detach_core.simulation.home import Box, Home
from detach_core.simulation.projection import Projection
from detach_core.simulation.surfaces import Canvas, Surface, Texture

WALL_BGR = (196, 208, 214)
SIDE_WALL_BGR = (186, 200, 208)
FLOOR_BGR = {"opportunity": (136, 140, 142), "hwu_usp": (120, 150, 176)}
TILE_M = {"opportunity": 0.4, "hwu_usp": 0.25}
TEXTURES: dict[str, Texture] = {
    "worktop": textures.stone,
    "table": textures.stone,
    "desk": textures.wood,
    "sofa": textures.cloth,
    "sofa back": textures.cloth,
    "deckchair": textures.cloth,
    "curtain": textures.folds,
    "glass panel": textures.outdoors,
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
    floor = textures.floor_tiles(home.boxes, tile_m=TILE_M.get(home.name, 0.3))
    return [
        Surface(zero, x, y, FLOOR_BGR.get(home.name, (136, 140, 142)), floor),
        Surface(y, x, z, WALL_BGR, textures.plaster),
        Surface(x, y, z, SIDE_WALL_BGR, textures.plaster),
        Surface(zero, x, z, SIDE_WALL_BGR, textures.plaster),
        Surface(zero, y, z, SIDE_WALL_BGR, textures.plaster),
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
            shown = textures.panel(
                float(np.linalg.norm(width)), float(np.linalg.norm(height)), handle_uv=(0.5, 0.9), upright=False
            )
        glow = 1.08 if box.name == "glass panel" else None
        faces.append(Surface(origin, width, height, box.colour_bgr, shown, glow))
    return faces
