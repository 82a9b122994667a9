"""Where the cells of a feature map lie in the picture, and the map enlarged to it.

A map (T, h, w) of one window has T steps, 1 where the whole window has one map. It is normalised over all of its steps
at once: a step in which nothing happens stays dark, instead of showing its noise at full strength.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    """What a map of this grid can say of `picture` (T, H, W): its mean under each cell's weights, (T, h, w)."""
    total = np.einsum("yi,tyx,xj->tij", rows, picture, columns, optimize=True)
    shrunk: Values = total / np.outer(rows.sum(axis=0), columns.sum(axis=0))
    return shrunk


def min_max(cells: Values) -> Values:
    """`cells` from 0 to 1 over all steps; all 1 where they do not differ, as an even map."""
    low, high = float(cells.min()), float(cells.max())
    if high - low <= _FLAT * max(abs(low), abs(high)):
        return np.ones_like(cells)
    return (cells - low) / (high - low)
