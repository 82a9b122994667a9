"""Optical flow between consecutive working frames: dense inverse search at twice the grid, averaged to the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Method = Literal["dis", "farneback"]

Preset = Literal["ultrafast", "fast", "medium"]

FlowFunction = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]]


# The presets stop at a quarter or half of the picture. On small pictures that level is a few dozen pixels and motion
# comes out too small (measured with `fast`: median ratio to the true shift .5 at 24 rows, .75 at 30, .9 at 42 or 48).
_FINEST_ROWS = 40


def flow_function(method: Method, *, preset: Preset, luma_px: tuple[int, int]) -> FlowFunction:
    """A function of two grey pictures (2H, 2W) that gives the flow (H, W, 2) from first to second, in grid pixels.

    Args:
        method: dense inverse search (Kroeger et al. 2016) or Farneback (2003).
        preset: speed of `dis`; not used by `farneback`.
        luma_px: (width, height) of the pictures.

    Raises:
        ValueError: an unknown method or preset.
    """
    grid_px = (luma_px[0] // 2, luma_px[1] // 2)
    dense = _dense_flow(method, preset, luma_px)

    def to_grid(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
        # Half: a step of one pixel in the doubled picture is half a pixel of the grid.
        return np.asarray(cv2.resize(dense(before, after), grid_px, interpolation=cv2.INTER_AREA) * np.float32(0.5))

    return to_grid


def consecutive_flow(luma: NDArray[np.uint8], function: FlowFunction) -> Iterator[NDArray[np.float32]]:
    """For each picture of `luma` (F, 2H, 2W), the flow that leads to it from the one before; zero for the first."""
    height, width = luma.shape[1] // 2, luma.shape[2] // 2
    if len(luma):
        yield np.zeros((height, width, 2), dtype=np.float32)
    before = None
    for picture in luma:
        after = np.ascontiguousarray(picture)
        if before is not None:
            yield function(before, after)
        before = after


def finest_scale(preset_scale: int, rows: int) -> int:
    """The pyramid level (0 is full size) at which the search ends, for pictures whose shorter side is `rows` pixels."""
    scale = preset_scale
    while scale > 0 and rows >> scale < _FINEST_ROWS:
        scale -= 1
    return scale


def _dense_flow(method: Method, preset: Preset, luma_px: tuple[int, int]) -> Callable[[Any, Any], Any]:
    if method == "farneback":
        return lambda before, after: cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
    presets = {
        "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
        "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    }
    if method != "dis" or preset not in presets:
        raise ValueError(f"unknown optical flow: method {method!r}, preset {preset!r}")
    search = cv2.DISOpticalFlow_create(presets[preset])  # type: ignore[attr-defined]
    search.setFinestScale(finest_scale(search.getFinestScale(), min(luma_px)))
    return lambda before, after: search.calc(before, after, None)
