"""Flat rectangles drawn exactly: each pixel's ray is cut with the rectangle's plane, the nearest surface wins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.home import Points
from detach_core.simulation.projection import NEAR_M, Projection, Region

# From metres along width and height to a gain of the colour.
Texture = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
LIGHT_FROM = np.array([-0.35, -0.5, 0.79])
AMBIENT, DIRECT = 0.78, 0.22
FAR_M = 1.0e3
_QUARTERS = np.arange(4) / 4
_ONES = np.ones(4)
RIM_UV = np.concatenate(
    [
        np.stack([_QUARTERS, 0 * _ONES], axis=1),
        np.stack([_ONES, _QUARTERS], axis=1),
        np.stack([1 - _QUARTERS, _ONES], axis=1),
        np.stack([0 * _ONES, 1 - _QUARTERS], axis=1),
    ]
)


@dataclass(frozen=True)
class Surface:
    """The rectangle `origin + u * width + v * height`; `glow` overrides the room's light (a lamp, daylight)."""

    origin: Points
    width: Points
    height: Points
    colour_bgr: tuple[int, int, int]
    texture: Texture | None = None
    glow: float | None = None

    @property
    def rim(self) -> Points:
        """Points (16, 3) around its edge: the lens bends straight edges beyond their corners."""
        return np.asarray(self.origin + RIM_UV[:, :1] * self.width + RIM_UV[:, 1:] * self.height)


def cross(one: Points, other: Points) -> Points:
    """The cross product of two vectors (3,); numpy's own costs twenty times as much on one pair."""
    (a, b, c), (d, e, f) = one.tolist(), other.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


class Canvas:
    """A picture (H, W, 3) uint8 and the depth (H, W) of what it shows (m)."""

    def __init__(self, projection: Projection) -> None:
        self.projection = projection
        shape = (projection.height_px, projection.width_px)
        self.image = np.zeros((*shape, 3), dtype=np.uint8)
        self.depth = np.full(shape, FAR_M, dtype=np.float32)

    def draw(
        self,
        surface: Surface,
        *,
        within: Region | None = None,
        mask: NDArray[np.bool_] | None = None,
        bias_m: float = 0.0,
    ) -> None:
        """Draw `surface` where it is nearest; `mask` belongs to `within`; `bias_m` wins ties of coinciding planes."""
        clip = self.projection.region(surface.rim)
        hit = self.visible(surface, clip, within=within, bias_m=bias_m)
        if hit is None:
            return
        region, seen, depth, u, v = hit
        if mask is not None and within is not None:
            seen &= mask[region[0] - within[0] : region[1] - within[0], region[2] - within[2] : region[3] - within[2]]
        if not seen.any():
            return
        rows, columns = slice(region[0], region[1]), slice(region[2], region[3])
        np.copyto(self.depth[rows, columns], depth, where=seen)
        gain = self._light(surface)
        colour = np.asarray(surface.colour_bgr, dtype=np.float32) * np.float32(gain)
        if surface.texture is None:
            np.copyto(self.image[rows, columns], np.minimum(colour, 255).astype(np.uint8), where=seen[..., None])
            return
        metres_u = (u * np.float32(math.sqrt(surface.width @ surface.width)))[seen]
        metres_v = (v * np.float32(math.sqrt(surface.height @ surface.height)))[seen]
        shade = surface.texture(metres_u, metres_v)
        self.image[rows, columns][seen] = np.minimum(np.maximum(shade, 0)[:, None] * colour, 255).astype(np.uint8)

    def visible(
        self, surface: Surface, clip: Region, *, within: Region | None = None, bias_m: float = 0.0
    ) -> tuple[Region, NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]] | None:
        """Where `surface` is the nearest: (region, seen, depth, u, v), or None when it lies outside."""
        within = within or (0, self.projection.height_px, 0, self.projection.width_px)
        region = (max(clip[0], within[0]), min(clip[1], within[1]), max(clip[2], within[2]), min(clip[3], within[3]))
        if region[0] >= region[1] or region[2] >= region[3]:
            return None
        rays = self.projection.rays[region[0] : region[1], region[2] : region[3]]
        normal = cross(surface.width, surface.height)
        to_origin = surface.origin - self.projection.position
        axes = np.array(
            [
                normal,
                surface.width / (surface.width @ surface.width),
                surface.height / (surface.height @ surface.height),
            ]
        ).T
        along = rays @ axes.astype(np.float32)
        offset = to_origin @ axes
        slant = along[..., 0]
        # A plane seen edge-on has no width: its depth becomes huge and loses.
        slant = np.where(np.abs(slant) < 1e-9, np.float32(1e-9), slant)
        depth = np.float32(offset[0]) / slant
        u = depth * along[..., 1] - np.float32(offset[1])
        v = depth * along[..., 2] - np.float32(offset[2])
        stored = self.depth[region[0] : region[1], region[2] : region[3]]
        seen = (depth > NEAR_M) & (depth - np.float32(bias_m) < stored)
        seen &= (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
        return region, seen, depth, u, v

    def _light(self, surface: Surface) -> float:
        if surface.glow is not None:
            return surface.glow
        normal = cross(surface.width, surface.height)
        normal /= math.sqrt(normal @ normal)
        if normal @ (self.projection.position - surface.origin) < 0:
            normal = -normal
        return float(AMBIENT + DIRECT * (normal @ LIGHT_FROM))
