"""The room as it stands: background and fixtures at their openings, redrawn only where a fixture has moved."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.background import paint_room
from detach_core.simulation.fixture_drawing import draw_fixture, fixture_region
from detach_core.simulation.home import Home
from detach_core.simulation.lighting import sun_patch
from detach_core.simulation.projection import Projection, Region
from detach_core.simulation.scenery import Swaying, prepare_swaying
from detach_core.simulation.surfaces import Canvas

# Small pictures are drawn finer and averaged, so that a front that moves by a fraction of a pixel still shows.
FINE_WIDTH_PX = 480
# Openings are drawn in steps that move no corner by more than about this (px): pictures of fixtures can be used again.
STEP_PX = 0.34
KEPT_BYTES = 64_000_000
SUN_STEP = 0.01
SUN_GREY = 180.0
Patch = tuple[NDArray[np.uint8], NDArray[np.float32]]


@dataclass(frozen=True)
class _ByValue:
    """A home as a cache key: homes hold dictionaries and have no hash of their own."""

    home: Home

    def __hash__(self) -> int:
        return hash(repr(self.home))


@dataclass
class _Prepared:
    """What all recordings of one home and image size share: the empty room, and pictures of fixtures once drawn."""

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
        """Let the sun shine with `level` 0..1."""
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
