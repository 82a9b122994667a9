"""Windows on a recording's clock. Intervals are half open; all times in seconds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Far below a sample, far above the rounding of a time in float64.
_EPSILON_S = 1e-6


def window_starts(*, begin_s: float, end_s: float, length_s: float, stride_s: float) -> NDArray[np.float64]:
    """The starts k * stride_s (k whole) of all windows that lie inside [begin_s, end_s).

    Raises:
        ValueError: length or stride is not positive.
    """
    if length_s <= 0 or stride_s <= 0:
        raise ValueError(f"length and stride must be positive, got {length_s} s and {stride_s} s")
    first = math.ceil((begin_s - _EPSILON_S) / stride_s)
    last = math.floor((end_s - length_s + _EPSILON_S) / stride_s)
    return np.arange(first, last + 1, dtype=np.float64) * stride_s


def first_rows(start_s: NDArray[np.float64], *, origin_s: float, rate_hz: float) -> NDArray[np.int64]:
    """The row nearest to each start, of a stream whose row k is at origin_s + k / rate_hz."""
    # floor(x + 0.5), as np.rint would send halves to even rows and so jitter the spacing of windows.
    return np.floor((start_s - origin_s) * rate_hz + 0.5).astype(np.int64)


def rows_per_window(length_s: float, rate_hz: float) -> int:
    """Number of rows of a stream at `rate_hz` in a window."""
    return math.floor(length_s * rate_hz + 0.5)
