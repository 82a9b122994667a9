"""Places of a feature map's cells in the picture, and the picture's changes of brightness.

A map (T, h, w) of one window has T steps, 1 where the whole window has one map. It is normalised over all of its steps
at once: a step in which nothing happens stays dark, instead of showing its noise at full strength.

Motion is the change of brightness and not optical flow: on smooth walls and in the corners of small pictures flow
reports motion where there is none, in Opportunity's simulated home on more pixels than a person's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.windows import Windows

_LUMA = np.array([0.299, 0.587, 0.114])


class Pictures:
    """Frames and changes of single windows, read from the shards when asked for."""

    def __init__(self, windows: Windows) -> None:
        """Args: windows: those of a dataset; their shards must be there."""
        self._windows = windows
        self._streams = windows.open_streams()

    def frames(self, window: int) -> NDArray[np.uint8]:
        """(F, H, W, 3)."""
        rgb, _ = self._streams[self._windows.recording[window]]
        first = int(self._windows.first_frame[window])
        return np.array(rgb[first : first + self._windows.frames_per_window])

    def change(self, window: int) -> NDArray[np.uint8]:
        """(F - 1, H, W): `brightness_change` of its frames."""
        return brightness_change(self.frames(window))


def brightness_change(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(F - 1, H, W) grey levels by which each pixel differs from its last frame, beyond what the whole picture does.

    The picture's median change is taken off: the camera's exposure moves nothing.
    """
    difference = np.diff(grey_levels(frames), axis=0)
    difference -= np.median(difference, axis=(1, 2), keepdims=True)
    return np.rint(np.abs(difference)).clip(0, 255).astype(np.uint8)


def grey_levels(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(..., H, W) brightness from 0 to 255 of pictures (..., H, W, 3)."""
    levels: NDArray[np.float64] = frames @ _LUMA
    return levels


Values = NDArray[np.float64]


# Below this range, relative to its largest value, a map says nothing of places.
_FLAT = 1e-6


def placement(centres: Values, num_pixels: int) -> Values:
    """(num_pixels, cells) weights of linear interpolation between cells at their true `centres` (in pixels, rising).

    Strided convolutions with padding put their cells to one side of an even grid, ours by half a cell and more. Beyond
    the outermost centres the outermost cell goes on.
    """
    pixels = np.arange(num_pixels, dtype=np.float64)
    return np.stack([np.interp(pixels, centres, cell) for cell in np.eye(len(centres))], axis=1)


def enlarge(cells: Values, rows: Values, columns: Values) -> Values:
    """A map (T, h, w) bilinearly over the picture, (T, H, W), by the placements of its rows and columns."""
    enlarged: Values = np.einsum("yi,tij,xj->tyx", rows, cells, columns, optimize=True)
    return enlarged


def shrink(picture: Values, rows: Values, columns: Values) -> Values:
    """The mean of `picture` (T, H, W) under each cell's weights, (T, h, w): the best map on this grid."""
    total = np.einsum("yi,tyx,xj->tij", rows, picture, columns, optimize=True)
    shrunk: Values = total / np.outer(rows.sum(axis=0), columns.sum(axis=0))
    return shrunk


def min_max(cells: Values) -> Values:
    """`cells` from 0 to 1 over all steps; all 1 where they do not differ, as an even map."""
    low, high = float(cells.min()), float(cells.max())
    if high - low <= _FLAT * max(abs(low), abs(high)):
        return np.ones_like(cells)
    return (cells - low) / (high - low)
