"""Sensor samples on an even clock. Nothing is invented: a tick takes one sample's values or, in a gap, NaN."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray


def sampling_rate_hz(time_s: NDArray[np.float64]) -> float:
    """The mean rate of `time_s`, gaps left out.

    Raises:
        ValueError: fewer than two samples, or times that do not increase.
    """
    steps = np.diff(time_s)
    if not len(steps) or (steps <= 0).any():
        raise ValueError("a rate needs at least two samples in increasing order")
    return float(1.0 / steps[steps <= 1.5 * np.median(steps)].mean())


def is_even(time_s: NDArray[np.float64], rate_hz: float) -> bool:
    """Whether sample k is never further than half a period from tick k of an even clock."""
    ticks = time_s[0] + np.arange(len(time_s)) / rate_hz
    return bool(np.abs(time_s - ticks).max() <= 0.5 / rate_hz)


def on_even_clock(
    time_s: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    rate_hz: float,
    choice: Literal["nearest", "previous"],
    max_gap_s: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(times, values) at `rate_hz` from the first sample to the last; values (T, C).

    Args:
        time_s: (T,) when each sample was taken, not decreasing.
        values: (T, C).
        rate_hz: rate of the even clock.
        choice: `nearest` sample for signals that vary, `previous` for states that hold until they change.
        max_gap_s: a tick further than that from its sample becomes NaN.
    """
    count = int(np.floor((time_s[-1] - time_s[0]) * rate_hz + 1e-6)) + 1
    ticks = time_s[0] + np.arange(count) / rate_hz
    # The last of several samples at one moment holds.
    before = np.clip(np.searchsorted(time_s, ticks + 1e-9, side="right") - 1, 0, len(time_s) - 1)
    chosen = before
    if choice == "nearest":
        after = np.minimum(before + 1, len(time_s) - 1)
        chosen = np.where(time_s[after] - ticks < ticks - time_s[before], after, before)
    even = values[chosen]
    even[np.abs(time_s[chosen] - ticks) > max_gap_s] = np.nan
    return ticks, even
