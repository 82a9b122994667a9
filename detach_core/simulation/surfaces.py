"""Pinhole projection, ray-cast rectangles and their procedural textures.

Pixel centres lie at whole numbers, as in OpenCV. The nearest surface wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.home import Box, Camera, Points

# Nearer than this (m) a point counts as behind the camera.
NEAR_M = 0.05

Region = tuple[int, int, int, int]


class Projection:
    """A camera at one image size."""

    def __init__(self, camera: Camera, width_px: int, height_px: int) -> None:
        self.camera = camera
        self.width_px, self.height_px = width_px, height_px
        self.focal_px = camera.focal * width_px
        self.position = np.asarray(camera.position, dtype=np.float64)
        forward = np.asarray(camera.look_at, dtype=np.float64) - self.position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        self.rotation = np.stack([right, np.cross(forward, right), forward])
        self.matrix = np.array(
            [
                [self.focal_px, 0.0, (width_px - 1) / 2],
                [0.0, self.focal_px, (height_px - 1) / 2],
                [0.0, 0.0, 1.0],
            ]
        )
        self.distortion = np.asarray(camera.distortion, dtype=np.float64)
        self._rotation_vector = cv2.Rodrigues(self.rotation)[0]
        self._shift = -self.rotation @ self.position

    def project(self, points: Points) -> Points:
        """Pixel positions (..., 2) of room points (..., 3); undefined for points behind the camera."""
        points = np.asarray(points, dtype=np.float64)
        flat = np.ascontiguousarray(points.reshape(-1, 1, 3))
        pixels, _ = cv2.projectPoints(flat, self._rotation_vector, self._shift, self.matrix, self.distortion)
        return np.asarray(pixels, dtype=np.float64).reshape(*points.shape[:-1], 2)

    def depth(self, points: Points) -> Points:
        """Distance (...) of room points (..., 3) along the camera's axis (m)."""
        return np.asarray((np.asarray(points, dtype=np.float64) - self.position) @ self.rotation[2])

    @cached_property
    def rays(self) -> NDArray[np.float32]:
        """Room direction (H, W, 3) of every pixel per metre of depth: position + depth * ray is the point seen."""
        columns, rows = np.meshgrid(np.arange(self.width_px), np.arange(self.height_px))
        pixels = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(np.float64)
        plane = cv2.undistortPoints(pixels, self.matrix, self.distortion).reshape(-1, 2)
        directions = np.concatenate([plane, np.ones((len(plane), 1))], axis=1) @ self.rotation
        return np.asarray(directions.reshape(self.height_px, self.width_px, 3), dtype=np.float32)

    def region(self, points: Points, *, margin_px: int = 1, align: int = 1) -> Region:
        """Rows and columns (top, bottom, left, right) that hold room points (K, 3), grown to multiples of `align`."""
        if (self.depth(points) < NEAR_M).any():
            return 0, self.height_px, 0, self.width_px
        columns, rows = self.project(points).T.tolist()
        return (
            *_span(rows, self.height_px, margin_px, align),
            *_span(columns, self.width_px, margin_px, align),
        )


def _span(values: list[float], size: int, margin_px: int, align: int) -> tuple[int, int]:
    low = (math.floor(min(values)) - margin_px) // align * align
    high = -(-(math.ceil(max(values)) + 1 + margin_px) // align) * align
    return min(max(low, 0), size), min(max(high, 0), size)


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
        """Points (16, 3) around the edge, since lens distortion bends edges beyond their corners."""
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
        """The pixels at which `surface` is the nearest: (region, seen, depth, u, v), or None when it lies outside."""
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


Field = NDArray[np.float32]


# One table of smooth noise serves all textures, so that a room looks the same in every recording.
_TABLE_SIZE = 256

_TABLE = np.random.default_rng(20110209).standard_normal((_TABLE_SIZE, _TABLE_SIZE)).astype(np.float32)


def _noise(u: Field, v: Field) -> Field:
    """Noise of unit variance that is constant over unit cells."""
    return np.asarray(_TABLE[np.floor(u).astype(np.int64) % _TABLE_SIZE, np.floor(v).astype(np.int64) % _TABLE_SIZE])


def _blend(u: Field, v: Field) -> Field:
    """Noise that changes smoothly from cell to cell."""
    part_u, part_v = u - np.floor(u), v - np.floor(v)
    part_u, part_v = part_u * part_u * (3 - 2 * part_u), part_v * part_v * (3 - 2 * part_v)
    low = _noise(u, v) * (1 - part_u) + _noise(u + 1, v) * part_u
    high = _noise(u, v + 1) * (1 - part_u) + _noise(u + 1, v + 1) * part_u
    return np.asarray(low * (1 - part_v) + high * part_v, dtype=np.float32)


def plaster(u: Field, v: Field) -> Field:
    """A painted wall: faint clouds, darker towards the floor."""
    return np.asarray(1 + 0.02 * _blend(u * 2.1, v * 2.1) - 0.14 * np.exp(-v / 0.25), dtype=np.float32)


def wood(u: Field, v: Field) -> Field:
    """Grain along `u`."""
    return np.asarray(1 + 0.06 * _blend(u * 3, v * 40) + 0.04 * _blend(u * 1.3, v * 9), dtype=np.float32)


def stone(u: Field, v: Field) -> Field:
    """A speckled worktop."""
    return np.asarray(1 + 0.07 * _noise(u * 45, v * 45) + 0.03 * _blend(u * 6, v * 6), dtype=np.float32)


def cloth(u: Field, v: Field) -> Field:
    """Stripes and folds."""
    return np.asarray(1 + 0.10 * np.sign(np.sin(v * 40)) + 0.05 * _blend(u * 8, v * 8), dtype=np.float32)


def folds(u: Field, v: Field) -> Field:
    """A hanging curtain."""
    return np.asarray(1 + 0.22 * np.sin(u * 52) + 0.03 * _blend(u * 5, v * 2), dtype=np.float32)


def outdoors(u: Field, v: Field) -> Field:
    """The view through glass: bright sky above hedges and paving, behind a grid of bars."""
    hedge = np.clip((v - 0.75 - 0.08 * _blend(u * 4, v * 0)) / 0.12, 0, 1)
    scene = 0.62 + 0.43 * hedge + 0.05 * _blend(u * 7, v * 7)
    bars = (np.mod(u, 0.70) < 0.05) | (v < 0.07) | (np.mod(v + 0.95, 1.95) < 0.05)
    return np.asarray(np.where(bars, 0.30, scene), dtype=np.float32)


def floor_tiles(boxes: Sequence[Box], *, tile_m: float) -> Texture:
    """Floor tiles with joints, each its own tone, darkened where furniture stands."""

    def texture(u: Field, v: Field) -> Field:
        joint = (np.mod(u, tile_m) < 0.012) | (np.mod(v, tile_m) < 0.012)
        gain = (
            1
            + 0.025 * _noise(u / tile_m, v / tile_m)
            + 0.02 * _blend(u * 1.2, v * 1.2)
            + 0.015 * _noise(u * 50, v * 50)
        )
        gain = np.where(joint, gain * 0.82, gain)
        for box in boxes:
            if box.low[2] > 0.05:
                continue
            outside_u = np.maximum(np.maximum(box.low[0] - u, u - box.high[0]), 0)
            outside_v = np.maximum(np.maximum(box.low[1] - v, v - box.high[1]), 0)
            gain = gain * (1 - 0.32 * np.exp(-np.hypot(outside_u, outside_v) / 0.14))
        return np.asarray(gain, dtype=np.float32)

    return texture


def panel(width_m: float, height_m: float, *, handle_uv: tuple[float, float] | None, upright: bool) -> Texture:
    """A cupboard front: a dark joint around it and a metal handle."""
    long_m, short_m = 0.085, 0.013

    def texture(u: Field, v: Field) -> Field:
        edge = np.minimum(np.minimum(u, width_m - u), np.minimum(v, height_m - v))
        gain = np.where(edge < 0.009, 0.55, 1 + 0.012 * _blend(u * 5, v * 5))
        if handle_uv is not None:
            along_u, along_v = np.abs(u - handle_uv[0] * width_m), np.abs(v - handle_uv[1] * height_m)
            half_u, half_v = (short_m, long_m) if upright else (long_m, short_m)
            gain = np.where((along_u < half_u) & (along_v < half_v), 0.33, gain)
        return np.asarray(gain, dtype=np.float32)

    return texture


def glazed_door(width_m: float, height_m: float) -> Texture:
    """A frame around one bright pane."""

    def texture(u: Field, v: Field) -> Field:
        edge = np.minimum(np.minimum(u, width_m - u), np.minimum(v, height_m - v))
        handle = (np.abs(v - height_m / 2) < 0.03) & (np.abs(u - 0.9 * width_m) < 0.09)
        pane = 2.4 + 0.9 * np.clip((v - 0.8) / 0.15, 0, 1)
        return np.asarray(np.where((edge < 0.09) | handle, 1.0, pane), dtype=np.float32)

    return texture
