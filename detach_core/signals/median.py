"""The median of values that come in pieces, exactly, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

_DIGIT_BITS = 16
_KEY_BITS = 64

Pieces = Callable[[], Iterable[NDArray[np.float64]]]


def median(pieces: Pieces) -> float:
    """The median of all values that `pieces` gives, each time it is called, as `numpy.median` of them at once.

    Each call of `pieces` is a pass; there are nine.

    Raises:
        ValueError: there is no value, or one is below 0 or NaN.
    """
    count = 0
    for piece in pieces():
        count += len(piece)
        if not (piece >= 0).all():
            raise ValueError("expected values of at least 0")
    if not count:
        raise ValueError("nothing has no median")
    middle = [_order_statistic(pieces, rank) for rank in {(count - 1) // 2, count // 2}]
    return float(np.mean(middle))


def _order_statistic(pieces: Pieces, rank: int) -> np.float64:
    """The value at `rank` in order, found digit by digit: the bits of floats from 0 on are in the floats' order."""
    prefix = np.uint64(0)
    for digit in reversed(range(_KEY_BITS // _DIGIT_BITS)):
        counts = np.zeros(1 << _DIGIT_BITS, dtype=np.int64)
        shift = np.uint64(digit * _DIGIT_BITS)
        for piece in pieces():
            # Adding 0 turns a negative zero, whose bits would be the largest, into a positive one.
            keys = (piece + 0.0).view(np.uint64) >> shift
            keys = keys[keys >> np.uint64(_DIGIT_BITS) == prefix]
            counts += np.bincount((keys & np.uint64((1 << _DIGIT_BITS) - 1)).astype(np.int64), minlength=len(counts))
        up_to = np.cumsum(counts)
        found = int(np.searchsorted(up_to, rank, side="right"))
        rank -= int(up_to[found] - counts[found])
        prefix = (prefix << np.uint64(_DIGIT_BITS)) | np.uint64(found)
    return np.uint64(prefix).view(np.float64)
