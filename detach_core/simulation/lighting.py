"""What light and sensor do to a finished frame: slow drift, automatic exposure, flicker, a patch of sun, grain."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.home import Box
from detach_core.simulation.projection import Projection
from detach_core.simulation.trace import Array

LEVELS = np.arange(256, dtype=np.float32)
# Slow daylight is a sum of waves of these lengths (s).
DRIFT_S = (47.0, 83.0, 151.0)
EXPOSURE_S = 2.5
# Grain is cut at random places from a tile this much larger than the frame (px).
TILE_MARGIN_PX = 64
SUN_TOWARDS = np.array([0.80, -0.22, 0.56])
SUN_BGR = np.array([0.75, 0.95, 1.1], dtype=np.float32)


class Light:
    """The light of every frame: `gain` (F, 3) of the channels and `daylight` (F,) in 0..1."""

    def __init__(self, knobs: Mapping[str, float], time_s: Array, generator: np.random.Generator) -> None:
        frames = len(time_s)
        waves = np.stack([np.sin(2 * np.pi * (time_s / length + generator.random())) for length in DRIFT_S])
        drift = waves.mean(axis=0)
        colour = 1 + 0.25 * knobs["light_drift"] * drift[:, None] * np.array([-1.0, 0.0, 1.0])
        rate = 1.0 / (time_s[1] - time_s[0]) if frames > 1 else 1.0
        keep = np.exp(-1.0 / (EXPOSURE_S * rate))
        pushes = generator.standard_normal(frames) * np.sqrt(1 - keep**2)
        wobble = np.zeros(frames)
        for index in range(1, frames):
            wobble[index] = keep * wobble[index - 1] + pushes[index]
        flicker = generator.standard_normal(frames)
        level = 1 + knobs["light_drift"] * drift + knobs["exposure_wobble"] * wobble + knobs["flicker"] * flicker
        self.gain = (colour * np.clip(level, 0.5, 1.5)[:, None]).astype(np.float32)
        self.daylight = np.clip(0.5 + 0.5 * waves[0] * waves[2] + 0.3 * waves[1], 0, 1) * knobs["daylight"]

    def apply(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """`frame` (H, W, 3) under the light of frame `index`."""
        table = np.clip(LEVELS[:, None] * self.gain[index], 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(frame, table[None]), dtype=np.uint8)


class Grain:
    """Sensor noise: cheap, because frames take pieces of one prepared tile."""

    def __init__(self, sd: float, width_px: int, height_px: int, frames: int, generator: np.random.Generator) -> None:
        shape = (height_px + TILE_MARGIN_PX, width_px + TILE_MARGIN_PX, 3)
        tile = np.round(generator.standard_normal(shape, dtype=np.float32) * np.float32(sd))
        self._up = np.clip(tile, 0, 255).astype(np.uint8)
        self._down = np.clip(-tile, 0, 255).astype(np.uint8)
        self._offsets = generator.integers(0, TILE_MARGIN_PX, (frames, 2))
        self._off = sd <= 0

    def apply(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """`frame` (H, W, 3) with the grain of frame `index`."""
        if self._off:
            return frame
        top, left = self._offsets[index]
        rows, columns = slice(top, top + frame.shape[0]), slice(left, left + frame.shape[1])
        brighter = cv2.add(frame, self._up[rows, columns])
        return np.asarray(cv2.subtract(brighter, self._down[rows, columns]), dtype=np.uint8)


def sun_patch(glass: Box | None, projection: Projection, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much sun (H, W, 3), 0..1 and a little warm, falls on what each pixel shows through the pane `glass`."""
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
