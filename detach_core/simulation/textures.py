"""Procedural textures: gains of a surface's colour as a function of the metres along it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.home import Box
from detach_core.simulation.surfaces import Texture

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
    """What shows through glass: bright sky above hedges and paving, behind a grid of bars."""
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
