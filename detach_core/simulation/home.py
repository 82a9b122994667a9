"""Geometry of a home: fixtures that open, furniture, the camera, and walking paths around obstacles.

Metres and radians; z points up, the origin is a corner of the floor.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.trace import Array

Vector = tuple[float, float, float]

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Fixture:
    """Something that opens: its closed front is the rectangle `origin + u * width + v * height`, u and v in [0, 1].

    `motion`: `slide` moves the front along its outward normal by up to `travel` (m); `hinge` turns it by up to
    `travel` (rad) about the edge named by `hinge_edge`: `u0` or `u1` (vertical edges), `v0` (bottom edge, a
    dishwasher's flap).
    """

    name: str
    motion: Literal["slide", "hinge"]
    origin: Vector
    width: Vector
    height: Vector
    travel: float
    hinge_edge: Literal["u0", "u1", "v0"] | None
    handle_uv: tuple[float, float]
    stand_xy: tuple[float, float]
    colour_bgr: tuple[int, int, int]
    depth_m: float = 0.0

    @property
    def normal(self) -> Points:
        """The unit vector (3,) that points out of the closed front."""
        cross = np.cross(np.asarray(self.width), np.asarray(self.height))
        return np.asarray(cross / np.linalg.norm(cross))

    def points(self, uv: Points, opening: float) -> Points:
        """Room positions (K, 3) of front points `uv` (K, 2) at opening fraction `opening`."""
        uv = np.asarray(uv, dtype=np.float64)
        origin, width, height = np.asarray(self.origin), np.asarray(self.width), np.asarray(self.height)
        closed = origin + uv[:, :1] * width + uv[:, 1:] * height
        if self.motion == "slide":
            return np.asarray(closed + self.normal * self.travel * opening)
        pivot, axis = self._hinge()
        return rotate_about(closed, pivot=pivot, axis=axis, angle=self.travel * opening)

    def handle(self, opening: float) -> Points:
        """Room position (3,) of the handle at opening fraction `opening`."""
        return np.asarray(self.points(np.array([self.handle_uv]), opening)[0])

    def _hinge(self) -> tuple[Points, Points]:
        origin, width, height = np.asarray(self.origin), np.asarray(self.width), np.asarray(self.height)
        if self.hinge_edge == "v0":
            # The flap's top falls outwards: v-direction turns towards the normal.
            axis = np.cross(height, self.normal)
            return origin, axis / np.linalg.norm(axis)
        pivot = origin if self.hinge_edge == "u0" else origin + width
        inwards = width if self.hinge_edge == "u0" else -width
        axis = np.cross(inwards, self.normal)
        return pivot, axis / np.linalg.norm(axis)


def rotate_about(points: Points, *, pivot: Points, axis: Points, angle: float) -> Points:
    """`points` (K, 3) turned by `angle` (rad) about the line through `pivot` along unit vector `axis` (Rodrigues)."""
    relative = points - pivot
    along = relative @ axis
    turned = (
        relative * np.cos(angle)
        + np.cross(axis, relative) * np.sin(angle)
        + np.outer(along, axis) * (1.0 - np.cos(angle))
    )
    return np.asarray(turned + pivot)


@dataclass(frozen=True)
class Box:
    """Furniture: an axis-aligned block from `low` to `high` (m), in one colour; `solid` ones are obstacles."""

    name: str
    low: Vector
    high: Vector
    colour_bgr: tuple[int, int, int]
    solid: bool = True


@dataclass(frozen=True)
class Camera:
    """A fixed pinhole camera with mild radial distortion. `focal` is in units of the image width."""

    position: Vector
    look_at: Vector
    focal: float
    distortion: tuple[float, float, float, float]


@dataclass(frozen=True)
class Home:
    """A room with its fixtures, furniture and camera.

    `places` are named standing points (m) for routines; `motion_sensors` maps a name to (x, y, radius), all in metres.
    """

    name: str
    size: Vector
    fixtures: dict[str, Fixture]
    boxes: tuple[Box, ...]
    places: dict[str, tuple[float, float]]
    camera: Camera
    motion_sensors: dict[str, tuple[float, float, float]]


# Feet keep this far from furniture (m).
CLEARANCE_M = 0.24


# Corners are rounded at a little more, so that a path along them is not itself a collision.
CORNER_M = 0.28

SPEED_UP_S = 0.4

Point = tuple[float, float]


class PathPlanner:
    """Shortest paths among a home's solid boxes (a visibility graph over their widened corners)."""

    def __init__(self, home: Home) -> None:
        boxes = [box for box in home.boxes if box.solid]
        self._low = np.array([box.low[:2] for box in boxes]).reshape(-1, 2) - CLEARANCE_M
        self._high = np.array([box.high[:2] for box in boxes]).reshape(-1, 2) + CLEARANCE_M
        corners = [
            (x, y)
            for box in boxes
            for x in (box.low[0] - CORNER_M, box.high[0] + CORNER_M)
            for y in (box.low[1] - CORNER_M, box.high[1] + CORNER_M)
        ]
        inside = [
            point for point in corners if 0.1 < point[0] < home.size[0] - 0.1 and 0.1 < point[1] < home.size[1] - 0.1
        ]
        self._corners = [point for point in inside if self._is_free(point, point)]
        self._between = {
            (i, j): float(np.hypot(a[0] - b[0], a[1] - b[1]))
            for i, a in enumerate(self._corners)
            for j, b in enumerate(self._corners)
            if i != j and self._is_free(a, b)
        }

    def path(self, start: Point, end: Point) -> Array:
        """Corners (K, 2) of the shortest way from `start` to `end`; straight where furniture leaves no way."""
        if self._is_free(start, end):
            return np.array([start, end])
        nodes: list[Point] = [*self._corners, start, end]
        source, target = len(nodes) - 2, len(nodes) - 1
        links: dict[int, list[tuple[int, float]]] = {index: [] for index in range(len(nodes))}
        for (i, j), length in self._between.items():
            links[i].append((j, length))
        for extra in (source, target):
            for i, corner in enumerate(self._corners):
                if self._is_free(nodes[extra], corner):
                    length = float(np.hypot(corner[0] - nodes[extra][0], corner[1] - nodes[extra][1]))
                    links[i].append((extra, length))
                    links[extra].append((i, length))
        before = _dijkstra(links, source)
        if target not in before:
            return np.array([start, end])
        way = [target]
        while way[-1] != source:
            way.append(before[way[-1]])
        return np.array([nodes[index] for index in reversed(way)])

    def _is_free(self, start: Point, end: Point) -> bool:
        """Whether the straight way from `start` to `end` passes no widened box (slab test on all boxes at once)."""
        origin, way = np.array(start), np.array(end) - np.array(start)
        safe = np.where(np.abs(way) < 1e-12, 1e-12, way)
        near, far = (self._low - origin) / safe, (self._high - origin) / safe
        enter = np.minimum(near, far).max(axis=1, initial=-np.inf)
        leave = np.maximum(near, far).min(axis=1, initial=np.inf)
        return not bool(((enter < leave) & (enter < 1) & (leave > 0)).any())


def _dijkstra(links: dict[int, list[tuple[int, float]]], source: int) -> dict[int, int]:
    before: dict[int, int] = {}
    queue = [(0.0, source, source)]
    while queue:
        length, node, previous = heapq.heappop(queue)
        if node in before:
            continue
        before[node] = previous
        for other, step in links[node]:
            if other not in before:
                heapq.heappush(queue, (length + step, other, node))
    return before


def path_length_m(path: Array) -> float:
    """Length of a path (K, 2)."""
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def walking_time_s(path: Array, speed_m_s: float) -> float:
    """Time (s) of the path at `speed_m_s`, with acceleration and deceleration."""
    length = path_length_m(path)
    return length / speed_m_s + SPEED_UP_S if length > 0.05 else 0.0


def walk(path: Array, num_samples: int, rate_hz: float) -> tuple[Array, Array, Array]:
    """Position (n, 2), heading (n,) and speed relative to cruising (n,) of a walk that takes all `num_samples`."""
    time_s = (np.arange(num_samples) + 0.5) / rate_hz
    pace = np.clip(np.minimum(time_s, num_samples / rate_hz - time_s) / SPEED_UP_S, 0, 1)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    mileage = np.concatenate([[0.0], np.cumsum(steps)])
    done = np.cumsum(pace) / max(float(pace.sum()), 1e-9) * mileage[-1]
    place = np.stack([np.interp(done, mileage, path[:, axis]) for axis in (0, 1)], axis=1)
    part = np.clip(np.searchsorted(mileage, done, side="left") - 1, 0, len(steps) - 1)
    ways = np.diff(path, axis=0)
    return place, np.arctan2(ways[part, 1], ways[part, 0]), pace
