"""Resampling of sensors to an even clock without interpolation: the nearest sample's values or, in a gap, NaN.

Times and values may be rows in a file: they are gone through in pieces, and what comes back is computed when read.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.rows import LazyRows, Rows, blocks
from detach_core.signals.sample_times import stamped_clock

_SAME_MOMENT_S = 1e-9


def sampling_rate_hz(time_s: Rows) -> float:
    """The mean rate of samples with the stamps `time_s` (T,), gaps excluded.

    Raises:
        ValueError: fewer than two samples, or times that decrease or stand still.
    """
    return 1.0 / stamped_clock(time_s).period


def is_even(time_s: Rows, rate_hz: float) -> bool:
    """Whether every sample k lies within half a period of tick k of an even clock."""
    ticks = EvenTicks(float(time_s[0]), len(time_s), rate_hz)
    return all(
        bool(np.abs(piece - ticks.read(first, first + len(piece))).max() <= 0.5 / rate_hz)
        for first, piece in blocks(time_s)
    )


class EvenTicks(LazyRows):
    """The `count` moments (T,) f64 of a clock at `rate_hz` from `start_s` on."""

    def __init__(self, start_s: float, count: int, rate_hz: float) -> None:
        self._start_s, self._rate_hz = start_s, rate_hz
        self.shape, self.dtype = (count,), np.dtype(np.float64)

    def read(self, first: int, end: int) -> NDArray[np.float64]:
        """The ticks [first, end)."""
        ticks: NDArray[np.float64] = self._start_s + np.arange(first, end) / self._rate_hz
        return ticks


class EvenValues(LazyRows):
    """The values (T, C) of `on_even_clock`."""

    def __init__(
        self,
        time_s: Rows,
        values: Rows,
        ticks: EvenTicks,
        *,
        nearest: bool,
        early_s: float,
        max_gap_s: float,
        longest_step_s: float,
    ) -> None:
        self._time_s, self._values, self._ticks = time_s, values, ticks
        self._nearest, self._early_s = nearest, max(early_s, _SAME_MOMENT_S)
        self._max_gap_s, self._longest_step_s = max_gap_s, longest_step_s
        self.shape, self.dtype = (len(ticks), *values.shape[1:]), np.dtype(values.dtype)

    def read(self, first: int, end: int) -> NDArray[np.floating]:
        """The values at the ticks [first, end)."""
        ticks = self._ticks.read(first, end)
        if not len(ticks):
            return np.empty((0, *self.shape[1:]), self.dtype)
        # Only the samples about these ticks: the last before the first tick to the first behind the last one.
        low = max(bisect_right(self._time_s, float(ticks[0]) + self._early_s) - 1, 0)
        high = bisect_right(self._time_s, float(ticks[-1]) + self._early_s, lo=low) + 1
        time_s = np.asarray(self._time_s[low:high])
        # The last of several samples at one moment holds.
        before = np.clip(np.searchsorted(time_s, ticks + self._early_s, side="right") - 1, 0, len(time_s) - 1)
        after = np.minimum(before + 1, len(time_s) - 1)
        chosen = before
        if self._nearest:
            chosen = np.where(time_s[after] - ticks < ticks - time_s[before], after, before)
        even: NDArray[np.floating] = np.asarray(self._values[low:high])[chosen]
        is_far = np.abs(time_s[chosen] - ticks) > self._max_gap_s
        even[is_far & (time_s[after] - time_s[before] > self._longest_step_s)] = np.nan
        return even


def on_even_clock(
    time_s: Rows,
    values: Rows,
    *,
    rate_hz: float,
    choice: Literal["nearest", "previous"],
    max_gap_s: float,
    early_s: float = 0.0,
    longest_step_s: float = 0.0,
) -> tuple[EvenTicks, EvenValues]:
    """(times, values) at `rate_hz` from the first sample to the last; values (T, C).

    Args:
        time_s: (T,) when each sample was taken, not decreasing.
        values: (T, C).
        rate_hz: rate of the even clock.
        choice: `nearest` sample for signals that vary, `previous` for states that hold until they change.
        max_gap_s: a tick further than that from its sample becomes NaN.
        early_s: a sample that is at most so much later than a tick counts as taken at it.
        longest_step_s: samples that are no further apart have lost none between them, and no tick there becomes NaN.
    """
    begin_s = float(time_s[0])
    count = int(np.floor((float(time_s[-1]) - begin_s) * rate_hz + 1e-6)) + 1
    ticks = EvenTicks(begin_s, count, rate_hz)
    even = EvenValues(
        time_s,
        values,
        ticks,
        nearest=choice == "nearest",
        early_s=early_s,
        max_gap_s=max_gap_s,
        longest_step_s=longest_step_s,
    )
    return ticks, even
