"""Resampling of sensors to an even clock: all channels of a table together, or each channel from samples of its own.

Of a table, a tick has the nearest or the previous sample's values or, in a gap, NaN; nothing is interpolated. Times and
values may be rows in a file: they are gone through in pieces, and what comes back is computed when read.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class ChannelResampling:
    """Rule by which the samples of one channel give its values on an even clock.

    Attributes:
        way: `hold`, the last sample's value; `average`, the mean of a tick's samples and without any the last one's
            value; `interpolate`, that mean or a line between the neighbours; `impulse`, the number of a tick's samples
            other than 0.
        log: whether a value x becomes sign(x) log(1 + |x|).
        factor: by which values are multiplied before.
        max_gap_s: NaN further than that from the last sample, or between two that are further apart.
        initial: the value before the first sample.
    """

    way: Literal["hold", "average", "interpolate", "impulse"]
    log: bool = False
    factor: float = 1.0
    max_gap_s: float = math.inf
    initial: float = math.nan


def resampled(
    time_s: NDArray[np.float64],
    value: NDArray[np.float64],
    ticks: NDArray[np.float64],
    *,
    period_s: float,
    rule: ChannelResampling,
) -> NDArray[np.float64]:
    """(K,) values of one channel at `ticks`, each of which stands for half a period before and behind it.

    Args:
        time_s: (T,) of the samples, not decreasing.
        value: (T,) theirs, NaN from where the sensor was not available.
        ticks: (K,) increasing, `period_s` apart.
        period_s: of the even clock.
        rule: how.
    """
    first, end = (np.searchsorted(time_s, ticks + side * period_s / 2, side="left") for side in (-1, 1))
    if rule.way == "impulse":
        found = _impulses(value, first, end)
    else:
        found = _held(time_s, value, ticks, end, rule)
        if rule.way != "hold":
            mean = _means(value, first, end)
            between = _lines(time_s, value, ticks, end, rule) if rule.way == "interpolate" else found
            found = np.where(np.isnan(mean), between, mean)
    found = found * rule.factor
    return np.asarray(np.copysign(np.log1p(np.abs(found)), found) if rule.log else found)


def _held(
    time_s: NDArray[np.float64],
    value: NDArray[np.float64],
    ticks: NDArray[np.float64],
    end: NDArray[np.int64],
    rule: ChannelResampling,
) -> NDArray[np.float64]:
    """The value of the last sample before each tick's end."""
    if not len(value):
        return np.full(len(ticks), rule.initial)
    last = np.maximum(end - 1, 0)
    held = np.where(ticks - time_s[last] > rule.max_gap_s, np.nan, value[last])
    return np.where(end > 0, held, rule.initial)


def _means(value: NDArray[np.float64], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of the samples [first, end) of each tick that are no NaN; NaN without any."""
    if not len(first):
        return np.empty(0)
    samples = value[first[0] : end[-1]]
    tick = np.repeat(np.arange(len(first)), end - first)
    known = ~np.isnan(samples)
    count = np.bincount(tick[known], minlength=len(first))
    total = np.bincount(tick[known], samples[known], minlength=len(first))
    return np.asarray(np.divide(total, count, out=np.full(len(first), np.nan), where=count > 0))


def _lines(
    time_s: NDArray[np.float64],
    value: NDArray[np.float64],
    ticks: NDArray[np.float64],
    end: NDArray[np.int64],
    rule: ChannelResampling,
) -> NDArray[np.float64]:
    """The values on the lines between the samples about each tick; NaN outside of all, and in gaps."""
    if len(value) < 2:
        return np.full(len(ticks), np.nan)
    before, after = np.clip(end - 1, 0, len(value) - 2), np.clip(end, 1, len(value) - 1)
    step = time_s[after] - time_s[before]
    share = np.divide(ticks - time_s[before], step, out=np.zeros(len(ticks)), where=step > 0)
    line = value[before] + share * (value[after] - value[before])
    return np.where((end > 0) & (end < len(value)) & (step <= rule.max_gap_s), line, np.nan)


def _impulses(value: NDArray[np.float64], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """The number of samples [first, end) other than 0; NaN while the sensor is not available."""
    if not len(first) or not len(value):
        return np.zeros(len(first))
    tick = np.repeat(np.arange(len(first)), end - first)
    samples = value[first[0] : end[-1]]
    count = np.bincount(tick[(samples != 0) & ~np.isnan(samples)], minlength=len(first)).astype(np.float64)
    return np.where((end > 0) & np.isnan(value[np.maximum(end - 1, 0)]), np.nan, count)


class ResampledChannels(LazyRows):
    """(T, C) f32 channels at the ticks of an even clock, each from its own samples; computed when read.

    Args:
        samples: of each channel, times (n,) and values (n,).
        rules: of each channel.
        ticks: the even clock.
        rate_hz: its rate.
    """

    def __init__(
        self,
        samples: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
        rules: Sequence[ChannelResampling],
        ticks: EvenTicks,
        rate_hz: float,
    ) -> None:
        self._samples, self._rules, self._ticks, self._period_s = samples, rules, ticks, 1.0 / rate_hz
        self.shape, self.dtype = (len(ticks), len(samples)), np.dtype(np.float32)

    def read(self, first: int, end: int) -> NDArray[np.float32]:
        """The values at the ticks [first, end)."""
        ticks, even = self._ticks.read(first, end), np.empty((end - first, self.shape[1]), np.float32)
        for channel, ((time_s, value), rule) in enumerate(zip(self._samples, self._rules, strict=True)):
            even[:, channel] = resampled(time_s, value, ticks, period_s=self._period_s, rule=rule)
        return even
