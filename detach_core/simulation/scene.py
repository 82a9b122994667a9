"""Picture of the room: background, fixtures at their openings, swaying things, passers-by and sunlight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.simulation import surfaces
from detach_core.simulation.furniture import draw_fixture, fixture_region, paint_room
from detach_core.simulation.home import Box, Home
from detach_core.simulation.surfaces import Canvas, Projection, Region, Surface

# A swaying thing is painted beforehand at this many displacements.
PHASES = 9

STRIPS = 10

LEAVES = 15

LEAF_M = 0.62

SWAY_HZ = {"curtain": 0.45, "plant": 0.8}

SHIFT = 4

SILHOUETTE_BGR = (88, 84, 82)

Painter = Callable[[Canvas, Box, float], None]


@dataclass(frozen=True)
class Swaying:
    """Pictures (PHASES, h, w, 3) of `region` with the thing bent from one side to the other.

    `changed` (PHASES, h, w) is where each differs from rest, `depth` (h, w) what is seen at rest.
    """

    name: str
    region: Region
    pictures: NDArray[np.uint8]
    changed: NDArray[np.bool_]
    depth: NDArray[np.float32]


def paint_curtain(canvas: Canvas, box: Box, bent: float) -> None:
    """A curtain whose hem swings along and away from its wall."""
    low, high = np.asarray(box.low), np.asarray(box.high)
    width = np.array([0.0, high[1] - low[1], 0.0])
    height = np.array([0.0, 0.0, high[2] - low[2]])
    for step in range(STRIPS):
        # Lower strips move more: the rail holds the top.
        lower, upper = step / STRIPS, (step + 1) / STRIPS
        shift = np.array([-0.05, 0.16, 0.0]) * bent * (1 - (lower + upper) / 2)
        origin = low + height * lower + shift
        strip = Surface(
            origin, width * (1 + 0.12 * bent * (1 - lower)), height / STRIPS, box.colour_bgr, surfaces.folds
        )
        canvas.draw(strip, bias_m=0.05)


def paint_plant(canvas: Canvas, box: Box, bent: float) -> None:
    """Long leaves that rise from the pot and hang over."""
    generator = np.random.default_rng(7)
    middle = (np.asarray(box.low) + np.asarray(box.high)) / 2
    root = np.array([middle[0], middle[1], box.high[2]])
    projection = canvas.projection
    depth = float(projection.depth(root[None])[0])
    before = canvas.image.copy()
    leaves = np.zeros(canvas.depth.shape, dtype=np.uint8)
    share = np.linspace(0, 1, 7)[:, None]
    for _ in range(LEAVES):
        angle, rise = generator.uniform(0, 2 * np.pi), generator.uniform(0.7, 1.25)
        outwards = np.array([np.cos(angle), np.sin(angle), 0.0]) * generator.uniform(0.4, 0.75)
        sway = np.array([0.25, -0.25, 0.0]) * bent
        curve = root + LEAF_M * (share * outwards + share**2 * sway)
        curve[:, 2] += LEAF_M * rise * (1.9 * share - 1.15 * share**2)[:, 0]
        pixels = projection.project(curve)
        way = np.gradient(pixels, axis=0)
        across = np.stack([-way[:, 1], way[:, 0]], axis=1) / np.maximum(
            np.linalg.norm(way, axis=1, keepdims=True), 1e-6
        )
        wide = (0.045 * np.sin(np.pi * (0.1 + 0.9 * share)) + 0.006) * projection.focal_px / depth
        outline = np.concatenate([pixels + across * wide, (pixels - across * wide)[::-1]])
        fixed = (outline * (1 << SHIFT)).round().astype(np.int32)
        tone = generator.uniform(0.7, 1.25)
        colour = (int(52 * tone), int(112 * tone), int(62 * tone))
        cv2.fillPoly(canvas.image, [fixed], colour, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(leaves, [fixed], 255, cv2.LINE_8, SHIFT)
    hidden = canvas.depth < depth - 0.35
    canvas.image[hidden] = before[hidden]
    canvas.depth[(leaves > 0) & ~hidden] = np.float32(depth)


PAINTERS: dict[str, Painter] = {"curtain": paint_curtain, "plant": paint_plant}


def prepare_swaying(home: Home, canvas: Canvas, shrink: int) -> tuple[Swaying, ...]:
    """Paint `home`'s swaying things into `canvas` at rest; return them, `shrink` times smaller, in all positions."""
    found = []
    for box in home.boxes:
        if box.name not in PAINTERS:
            continue
        reach = LEAF_M if box.name == "plant" else 0.2
        low = np.subtract(box.low, (reach, reach, 0.0))
        high = np.add(box.high, (reach, reach, reach * 1.3))
        corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        region = canvas.projection.region(corners, align=shrink)
        image, depth = canvas.image.copy(), canvas.depth.copy()
        pictures = []
        # Rest comes last and stays.
        for bent in (*np.linspace(-1, 1, PHASES), 0.0):
            canvas.image[:], canvas.depth[:] = image, depth
            PAINTERS[box.name](canvas, box, float(bent))
            view = canvas.image[region[0] : region[1], region[2] : region[3]]
            pictures.append(cv2.resize(view, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA))
        small = (region[0] // shrink, region[1] // shrink, region[2] // shrink, region[3] // shrink)
        rest_depth = canvas.depth[region[0] : region[1], region[2] : region[3]]
        swayed, rest = np.asarray(pictures[:PHASES], dtype=np.uint8), pictures[PHASES]
        changed = (swayed != rest).any(axis=-1)
        found.append(
            Swaying(box.name, small, swayed, changed, rest_depth[shrink // 2 :: shrink, shrink // 2 :: shrink].copy())
        )
    return tuple(found)


def draw_swaying(
    frame: NDArray[np.uint8], thing: Swaying, strength: float, time_s: float, depth: NDArray[np.float32]
) -> None:
    """Draw `thing` bent by `strength` 0..1 into `frame`, except where a fixture has moved in front of it."""
    bent = strength * np.sin(2 * np.pi * SWAY_HZ[thing.name] * time_s)
    phase = round((bent + 1) / 2 * (PHASES - 1))
    top, bottom, left, right = thing.region
    free = depth[top:bottom, left:right] >= thing.depth - np.float32(0.05)
    drawn = free & thing.changed[phase]
    np.copyto(frame[top:bottom, left:right], thing.pictures[phase], where=drawn[..., None])


class PasserBy:
    """Someone outside, seen through the glass panel."""

    def __init__(
        self, home: Home, projection: Projection, image: NDArray[np.uint8], depth: NDArray[np.float32]
    ) -> None:
        self._glass = next((box for box in home.boxes if box.name == "glass panel"), None)
        self._projection, self._depth = projection, depth.copy()
        if self._glass is None:
            return
        low, high = np.asarray(self._glass.low), np.asarray(self._glass.high)
        points = projection.position + depth[..., None] * projection.rays
        on_pane = ((points > low - 0.03) & (points < high + 0.03)).all(axis=-1)
        # Bars stay dark.
        self._pane = on_pane & (image.mean(axis=-1) > 110)

    def draw(self, frame: NDArray[np.uint8], place: float, opacity: float, depth: NDArray[np.float32]) -> None:
        """Draw the passer-by at `place` 0..1 of the way past, unless something covers the glass."""
        if self._glass is None:
            return
        low, high = self._glass.low, self._glass.high
        y = low[1] - 0.4 + place * (high[1] - low[1] + 0.8)
        outline = np.array(
            [[-0.2, 0.0], [0.2, 0.0], [0.24, 1.3], [0.1, 1.5], [0.08, 1.72], [-0.08, 1.72], [-0.1, 1.5], [-0.24, 1.3]]
        )
        x = np.full(len(outline), high[0] + 0.7)
        pixels = self._projection.project(np.stack([x, y + outline[:, 0], outline[:, 1]], axis=1))
        mask = np.zeros(depth.shape, dtype=np.uint8)
        cv2.fillPoly(mask, [(pixels * (1 << SHIFT)).round().astype(np.int32)], 255, cv2.LINE_8, SHIFT)
        seen = (mask > 0) & self._pane & (np.abs(depth - self._depth) < 0.02)
        mixed = (1 - opacity) * frame[seen] + opacity * np.array(SILHOUETTE_BGR)
        frame[seen] = mixed.astype(np.uint8)


# Small pictures are drawn finer and averaged, so that a front that moves by a fraction of a pixel still shows.
FINE_WIDTH_PX = 480


# Openings are drawn in steps that move no corner by more than about this (px): pictures of fixtures can be used again.
STEP_PX = 0.34

KEPT_BYTES = 64_000_000

SUN_STEP = 0.01

SUN_GREY = 180.0

SUN_BGR = np.array([0.75, 0.95, 1.1], dtype=np.float32)

SUN_TOWARDS = np.array([0.80, -0.22, 0.56])

Patch = tuple[NDArray[np.uint8], NDArray[np.float32]]


@dataclass(frozen=True)
class _ByValue:
    """A home as a cache key, compared by value, since homes hold dictionaries and are not hashable."""

    home: Home

    def __hash__(self) -> int:
        return hash(repr(self.home))


@dataclass
class _Prepared:
    """Pictures that all recordings of one home and image size share: the empty room, and fixtures once drawn."""

    shrink: int
    base: Canvas
    scratch: Canvas
    swaying: tuple[Swaying, ...]
    regions: dict[str, Region]
    steps: dict[str, int]
    sun: NDArray[np.float32]
    kept: dict[tuple[str, tuple[int, ...]], Patch] = field(default_factory=dict)
    kept_bytes: int = 0

    def patch(self, home: Home, name: str, openings: dict[str, int]) -> Patch:
        """Picture and depth of the part of the room that `name` can change, shrunk to the video's size."""
        region = self.regions[name]
        near = [other for other in home.fixtures if _overlap(region, self.regions[other])]
        key = (name, tuple(openings[other] for other in near))
        if key not in self.kept:
            rows, columns = slice(region[0], region[1]), slice(region[2], region[3])
            self.scratch.image[rows, columns] = self.base.image[rows, columns]
            self.scratch.depth[rows, columns] = self.base.depth[rows, columns]
            for other in near:
                draw_fixture(self.scratch, home.fixtures[other], openings[other] / self.steps[other], region)
            if self.kept_bytes > KEPT_BYTES:
                self.kept.clear()
                self.kept_bytes = 0
            self.kept[key] = _shrunk(self.scratch, region, self.shrink)
            self.kept_bytes += sum(array.nbytes for array in self.kept[key])
        return self.kept[key]


@lru_cache(maxsize=4)
def _prepare(key: _ByValue, width_px: int, height_px: int) -> _Prepared:
    home = key.home
    shrink = max(1, round(FINE_WIDTH_PX / width_px)) if width_px < FINE_WIDTH_PX else 2
    projection = Projection(home.camera, width_px * shrink, height_px * shrink)
    base = paint_room(home, projection)
    swaying = prepare_swaying(home, base, shrink)
    scratch = Canvas(projection)
    regions = {name: fixture_region(item, projection, align=shrink) for name, item in home.fixtures.items()}
    extents = {name: max(region[1] - region[0], region[3] - region[2]) for name, region in regions.items()}
    steps = {name: math.ceil(extent / shrink / STEP_PX) for name, extent in extents.items()}
    small = Projection(home.camera, width_px, height_px)
    glass = next((box for box in home.boxes if box.name == "glass panel"), None)
    _, depth = _shrunk(base, (0, projection.height_px, 0, projection.width_px), shrink)
    return _Prepared(shrink, base, scratch, swaying, regions, steps, sun_patch(glass, small, depth))


class Scene:
    """`image` (H, W, 3) uint8 in present light and `depth` (H, W) of room and fixtures, without the person."""

    def __init__(self, home: Home, width_px: int, height_px: int) -> None:
        self.home = home
        self.projection = Projection(home.camera, width_px, height_px)
        self._prepared = _prepare(_ByValue(home), width_px, height_px)
        self.swaying = self._prepared.swaying
        whole = (0, height_px * self._prepared.shrink, 0, width_px * self._prepared.shrink)
        self._unlit, self.depth = _shrunk(self._prepared.base, whole, self._prepared.shrink)
        self._rays = np.zeros_like(self._unlit)
        self._daylight = 0.0
        self.image = self._unlit.copy()
        self._openings = dict.fromkeys(home.fixtures, -1)
        self.set_openings(dict.fromkeys(home.fixtures, 0.0))

    def set_openings(self, openings: dict[str, float]) -> None:
        """Move fixtures to their `openings` (fractions)."""
        steps = self._prepared.steps
        wanted = {name: max(round(value * steps[name]), 0) for name, value in openings.items()}
        moved = [name for name, step in wanted.items() if step != self._openings[name]]
        if not moved:
            return
        self._openings.update(wanted)
        for name in moved:
            top, bottom, left, right = (edge // self._prepared.shrink for edge in self._prepared.regions[name])
            picture, depth = self._prepared.patch(self.home, name, self._openings)
            self._unlit[top:bottom, left:right], self.depth[top:bottom, left:right] = picture, depth
        cv2.add(self._unlit, self._rays, dst=self.image)

    def set_daylight(self, level: float) -> None:
        """Set the sunlight to `level` 0..1."""
        if abs(level - self._daylight) < SUN_STEP:
            return
        self._daylight = level
        self._rays = np.clip(self._prepared.sun * np.float32(level * SUN_GREY), 0, 255).astype(np.uint8)
        cv2.add(self._unlit, self._rays, dst=self.image)


def _shrunk(canvas: Canvas, region: Region, step: int) -> Patch:
    rows, columns = slice(region[0], region[1]), slice(region[2], region[3])
    size = ((region[3] - region[2]) // step, (region[1] - region[0]) // step)
    if 0 in size:
        return np.zeros((size[1], size[0], 3), np.uint8), np.zeros((size[1], size[0]), np.float32)
    picture = cv2.resize(canvas.image[rows, columns], size, interpolation=cv2.INTER_AREA)
    # Depth is never averaged: between a near and a far surface there is nothing.
    return np.asarray(picture, np.uint8), canvas.depth[rows, columns][step // 2 :: step, step // 2 :: step].copy()


def _overlap(one: Region, other: Region) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def sun_patch(glass: Box | None, projection: Projection, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sunlight (H, W, 3), 0..1 and a little warm, through the pane `glass` on the surface at each pixel."""
    shape = (*depth.shape, 3)
    if glass is None:
        return np.zeros(shape, dtype=np.float32)
    points = projection.position + depth[..., None] * projection.rays
    low, high = np.asarray(glass.low), np.asarray(glass.high)
    steps = (low[0] - points[..., 0]) / SUN_TOWARDS[0]
    y = points[..., 1] + steps * SUN_TOWARDS[1]
    z = points[..., 2] + steps * SUN_TOWARDS[2]
    lit = (steps > 0.05) & (y > low[1]) & (y < high[1]) & (z > low[2]) & (z < high[2])
    soft = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), projection.width_px / 160)
    return np.asarray(soft[..., None] * SUN_BGR, dtype=np.float32)
