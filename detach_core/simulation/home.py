"""A home's geometry: fixtures that open, furniture that stands in the way, the camera.

Metres and radians; z points up, the origin is a corner of the floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
    """Furniture: an axis-aligned block from `low` to `high` (m), in one colour; `solid` ones are walked around."""

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
    """A room with what is in it.

    `places` are named standing points (m) for routines; `motion_sensors` maps a name to (x, y, radius), all in metres.
    """

    name: str
    size: Vector
    fixtures: dict[str, Fixture]
    boxes: tuple[Box, ...]
    places: dict[str, tuple[float, float]]
    camera: Camera
    motion_sensors: dict[str, tuple[float, float, float]]
