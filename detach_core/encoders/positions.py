"""Where a patch lies, as fixed sines and cosines: built for the grid at hand, so that every size has its own table."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

LONGEST = 10_000.0


def position_table(grid: Sequence[int], width: int) -> Tensor:
    """Position of each cell of `grid`, (cells, width) float32, the last axis of the grid running fastest.

    Each axis has an equal part of the columns: sines, then cosines, of wavelengths from 2 pi to nearly 10000 * 2 pi
    cells.

    Args:
        grid: cells along each axis, e.g. (rows, columns).
        width: columns, a multiple of twice the number of axes.

    Raises:
        ValueError: for an empty grid or a width that cannot be shared out.
    """
    if not grid or min(grid) < 1:
        raise ValueError(f"a grid needs at least one cell along each axis, got {tuple(grid)}")
    if width < 1 or width % (2 * len(grid)):
        raise ValueError(f"width must be a multiple of {2 * len(grid)} for {len(grid)} axes, got {width}")
    half = width // len(grid) // 2
    rate = LONGEST ** -(torch.arange(half, dtype=torch.float64) / half)
    axes = torch.meshgrid(*(torch.arange(cells, dtype=torch.float64) for cells in grid), indexing="ij")
    angles = [place.reshape(-1, 1) * rate for place in axes]
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1).float()
