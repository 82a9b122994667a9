"""Mean and standard deviation of each channel over all windows, to the bit what numpy says of them at once.

numpy adds many numbers in pairs: it halves them until few are left. Halving them here in the same way, until a piece
fits into memory, gives the same sum; so figures do not depend on how much memory there was.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.rows import Rows

_VALUES_AT_ONCE = 1 << 18
_NOT_HALVED = 128  # so many numbers or fewer numpy adds without halving them
_UNROLLED = 8  # and it halves at multiples of so many

PieceReader = Callable[[int, int], NDArray[np.float64]]


def channel_moments(windows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(mean (C,), standard deviation (C,)) of `windows` (N, C, L), in their units; a constant channel deviates by 0."""
    num_windows, channels, length = windows.shape
    count = num_windows * length
    at_once = max(_VALUES_AT_ONCE // channels, length)

    def piece(first: int, size: int) -> NDArray[np.float64]:
        low, end = first // length, -(-(first + size) // length)
        values = np.moveaxis(np.asarray(windows[low:end], dtype=np.float64), 1, 0).reshape(channels, -1)
        begin = first - low * length
        return values[:, begin : begin + size]

    lowest, highest = np.full(channels, np.inf), np.full(channels, -np.inf)

    def values(first: int, size: int) -> NDArray[np.float64]:
        found = piece(first, size)
        np.minimum(lowest, found.min(axis=1), out=lowest)
        np.maximum(highest, found.max(axis=1), out=highest)
        return found

    mean = pairwise_sum(values, count, at_once) / count

    def squares(first: int, size: int) -> NDArray[np.float64]:
        deviation = piece(first, size) - mean[:, None]
        return np.multiply(deviation, deviation, out=deviation)

    std = np.sqrt(pairwise_sum(squares, count, at_once) / count)
    # Rounding in the mean gives a constant channel a tiny deviation, and a division by it would be noise.
    return mean, np.where(highest == lowest, 0.0, std)


def pairwise_sum(read: PieceReader, count: int, at_once: int, first: int = 0) -> NDArray[np.float64]:
    """(C,) the sums over time of C series, of which `read(first, size)` gives (C, size).

    Args:
        read: gives a piece.
        count: how many values each series has from `first` on.
        at_once: the largest piece to read.
        first: where the sum begins.
    """
    if count <= max(at_once, _NOT_HALVED):
        return np.asarray(read(first, count).sum(axis=1))
    half = count // 2
    half -= half % _UNROLLED
    return pairwise_sum(read, half, at_once, first) + pairwise_sum(read, count - half, at_once, first + half)
