"""Estimation of sample times from coarse or irregular time stamps of an even clock.

A clock may move in steps of many samples (15.625 ms on Windows, whole seconds in a log), hand samples over in bursts,
or tremble; samples may be lost. Against a line of one period a sample, stamps of the first kinds swing and come back, a
loss shifts all that follow. That distinguishes a pause of the clock from a gap in the recording.

Stamps may be rows in a file: they are gone through in pieces, and no result depends on the pieces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d, percentile_filter

from detach_core.contracts.rows import LazyRows, Rows, Spool, blocks

Times = NDArray[np.float64]
Flags = NDArray[np.bool_]

_FEW = 16  # samples over which a sound clock's swings average out
_MOST = 1 << 14
_MOST_LOST = 10  # times as long as its samples take a recording lasts at most
_PAUSE = 1.5  # steps longer than so many periods are either pauses or gaps
_SHIFT = 0.1  # periods that a gap shifts the stamps at least
_SLACK = 0.05  # periods a sample of the step, by which a rate that drifts may shift them too
_EDGE_SHIFT = 0.95  # periods, near the ends, where swings are not seen whole and leave one sample open


@dataclass(frozen=True)
class StampedClock:
    """Clock of stamps (T,), in the stamps' unit.

    `gap` (T,) bool marks the samples right before which others were lost. `pause` is the longest step that is no gap,
    0 for a clock that never waits longer than one and a half periods.
    """

    period: float
    gap: Rows
    pause: float

    @property
    def swing(self) -> int:
        """Number of samples in the longest regular pause; 1 for a clock without pauses."""
        return max(1, math.ceil(self.pause / self.period))


def steps(stamps: Rows, *, over: int = 1) -> Iterator[Times]:
    """The differences between each stamp and the one `over` samples before, in pieces."""
    return (piece[over:] - piece[:-over] for _, piece in blocks(stamps, extra=over))


def typical_period(stamps: Rows) -> float:
    """The mean step of `stamps` (T,), gaps excluded; 0 if most stamps repeat the one before.

    Steps of single samples say it where they are much alike. Else the spans of ever more samples are tried until half
    of them are: a step of the clock adds or lacks at the ends of a span only, and their mean has no bias. Steps inside
    a burst are much alike too, but take next to no time.

    Raises:
        ValueError: fewer than two stamps.
    """
    if len(stamps) < 2:
        raise ValueError("a rate needs at least two samples in increasing order")
    length = max(float(stamps[-1] - stamps[0]), 0.0)
    first = None
    for period in _likely_periods(stamps):
        if _MOST_LOST * period * (len(stamps) - 1) >= length:
            return period
        first = first or period
    return first or length / (len(stamps) - 1)


def _likely_periods(stamps: Rows) -> Iterator[float]:
    over = min(_FEW, len(stamps) - 1)
    single = _mean_step(stamps, 1, shortest=0.5, longest=1.5)
    if single > 0 and _share(stamps, over, (over - 0.5) * single, (over + 0.5) * single) >= 0.1:
        yield single
    while over < max(len(stamps) / 1.5, 2) and over <= _MOST:
        middle = median(lambda over=over: _forward(stamps, over))  # type: ignore[misc]
        if middle > 0 and _share(stamps, over, middle / 1.5, middle * 1.5) >= 0.5:
            yield _mean_step(stamps, over, shortest=0.0, longest=2.5)
        over *= 4


def stamped_clock(stamps: Rows) -> StampedClock:
    """The clock of `stamps` (T,), which do not decrease.

    Raises:
        ValueError: fewer than two stamps, or they decrease or stand still.
    """
    if any((piece < 0).any() for piece in steps(stamps)) or not (period := typical_period(stamps)) > 0:
        raise ValueError("a rate needs at least two samples in increasing order")
    clock = _clock(stamps, period)
    # The first period saw gaps only as outliers; now they are known.
    return _clock(stamps, _mean_period(stamps, clock))


def sample_times(stamps: Rows, clock: StampedClock, folder: Path | None) -> Rows:
    """(T,) f64 time of each sample, non-decreasing: even between gaps, apart from slow drift.

    The stamps themselves, where the clock never pauses. Else each is its place on the line of one period a sample that
    goes through the middle of the stamps around it, so that a changing rate is followed and a late stamp is not.

    Args:
        stamps: (T,), not decreasing.
        clock: their clock.
        folder: where the times wait, as memory is not to grow with their number; None is the system's own.
    """
    if clock.pause == 0:
        return stamps
    # Whole swings, or their middle is off where the samples end; three, so that one stall is less than a quarter.
    samples = clock.pause / clock.period
    reach = min(round(max(3, math.ceil(_FEW / samples)) * samples), _MOST)
    spool, latest = Spool(folder, (), "float64"), -np.inf
    for first, piece in blocks(stamps):
        low, high = max(first - reach, 0), min(first + len(piece) + reach, len(stamps))
        line = np.arange(low, high) * clock.period
        off = np.asarray(stamps[low:high]) - line
        edges = [0, *(np.flatnonzero(clock.gap[low:high][1:]) + 1).tolist(), high - low]
        for begin, end in pairwise(edges):
            if low + begin < first + len(piece) and low + end > first:
                off[begin:end] = _middle(off[begin:end], 2 * reach + 1)
        inner = (line + off)[first - low : first - low + len(piece)]
        times = np.maximum.accumulate(np.maximum(inner, latest))
        latest = times[-1]
        spool.append(times)
    return spool.rows()


def _middle(off: Times, size: int) -> Times:
    """The midpoint of the quartiles of the `size` values around each; of pairs, a median would be one of the two."""
    quartiles = (percentile_filter(off, share, size=size, mode="reflect") for share in (25, 75))
    return np.asarray(sum(quartiles) / 2.0)


def first_surplus(stamps: Rows, clock: StampedClock) -> int | None:
    """The first of `stamps` (T,) that repeats the one before without a pause around it that accounts for it, if any.

    A single sample too many is none: a clock that steps a little slower than the samples come has one now and then.
    """
    window = min(max(_FEW, 4 * clock.swing), _MOST)
    least = max(1.5, clock.swing) * clock.period
    for first, piece in blocks(stamps):
        low, off = _off_line(stamps, clock.period, first, first + len(piece), 2 * window)
        inside = slice(first - low, first - low + len(piece))
        step = np.diff(off, prepend=off[0])[inside] + clock.period
        if (step < 0.5 * clock.period).any():
            # Behind the samples that may be too many; near the end, where too few follow, none is found.
            behind = np.full(len(off), np.inf)
            behind[: -(window // 2)] = _after(off, window, highest=True)[window // 2 :]
            fall = _before(off, window, highest=False) - behind
            found = (step < 0.5 * clock.period) & (fall[inside] > least)
            found[0] &= first > 0
            if found.any():
                return first + int(np.flatnonzero(found)[0])
    return None


class _Gaps(LazyRows):
    """Gap detection: whether samples were lost right before each of `stamps` (T,)."""

    def __init__(self, stamps: Rows, period: float) -> None:
        self._stamps, self._period = stamps, period
        self.shape, self.dtype = (len(stamps),), np.dtype(np.bool_)

    def read(self, first: int, end: int) -> Flags:
        """The marks [first, end)."""
        marks = np.zeros(end - first, dtype=np.bool_)
        low = max(first - 1, 0)
        near = np.asarray(self._stamps[low:end])
        step = np.diff(near, prepend=near[:1])[first - low :] / self._period
        rows = np.flatnonzero(step > _PAUSE)
        # Windows grow with the step: they are to hold two swings of a clock that pauses so long.
        window = np.full(len(rows), _FEW)
        while (short := (window < 2 * step[rows]) & (window < _MOST)).any():
            window[short] *= 2
        for size in np.unique(window):
            marks[rows[window == size]] = self._is_shift(first + rows[window == size], step[rows[window == size]], size)
        return marks

    def _is_shift(self, rows: NDArray[np.int64], step: Times, window: int) -> Flags:
        low, off = _off_line(self._stamps, self._period, int(rows[0]), int(rows[-1]) + 1, window)
        shift = (_after(off, window, highest=False) - _before(off, window, highest=True))[rows - low] / self._period
        seen_whole = np.minimum(rows, len(self._stamps) - rows) >= step
        return np.asarray(shift > np.maximum(np.where(seen_whole, _SHIFT, _EDGE_SHIFT), _SLACK * step))


def _clock(stamps: Rows, period: float) -> StampedClock:
    gap, longest = _Gaps(stamps, period), 0.0
    for first, piece in blocks(stamps, extra=1):
        step = np.diff(piece)
        longest = max(longest, float(step[~gap[first + 1 : first + len(piece)]].max(initial=0.0)))
    return StampedClock(period, gap, longest if longest > _PAUSE * period else 0.0)


def _mean_period(stamps: Rows, clock: StampedClock) -> float:
    """The mean step over spans of two swings without a gap."""
    over = min(2 * clock.swing if clock.pause else 1, len(stamps) - 1)
    total, count = 0.0, 0
    for first, piece in blocks(stamps, extra=over):
        lost = np.cumsum(clock.gap[first : first + len(piece)])
        whole = lost[over:] == lost[:-over]
        total += float((piece[over:] - piece[:-over])[whole].sum())
        count += int(whole.sum())
    return total / (count * over) if total > 0 else clock.period


def _forward(stamps: Rows, over: int) -> Iterator[Times]:
    # Stamps that run back are refused elsewhere; here they must not be in the way.
    return (np.maximum(piece, 0.0) for piece in steps(stamps, over=over))


def _mean_step(stamps: Rows, over: int, *, shortest: float, longest: float) -> float:
    """The mean step in spans of `over` samples that are `shortest` to `longest` times as long as their median."""
    middle = median(lambda: _forward(stamps, over))
    total, count = 0.0, 0
    for piece in _forward(stamps, over):
        short = piece[(piece >= shortest * middle) & (piece <= longest * middle)]
        total, count = total + float(short.sum()), count + len(short)
    return total / (count * over) if count else 0.0


def _share(stamps: Rows, over: int, shortest: float, longest: float) -> float:
    inside = sum(int(((piece >= shortest) & (piece <= longest)).sum()) for piece in _forward(stamps, over))
    return inside / (len(stamps) - over)


def _off_line(stamps: Rows, period: float, first: int, end: int, window: int) -> tuple[int, Times]:
    """Distances of the stamps [first, end) and `window` more on both sides from the line; number of the first stamp."""
    low, high = max(first - window, 0), min(end + window, len(stamps))
    return low, np.asarray(stamps[low:high]) - np.arange(low, high) * period


def _before(off: Times, window: int, *, highest: bool) -> Times:
    """Running maximum or minimum of the `window` values before each; of fewer at the beginning."""
    shifted = np.concatenate([off[:1], off[:-1]])
    place = {"size": window, "mode": "nearest", "origin": (window - 1) // 2}
    return np.asarray(maximum_filter1d(shifted, **place) if highest else minimum_filter1d(shifted, **place))


def _after(off: Times, window: int, *, highest: bool) -> Times:
    """Running maximum or minimum of each value and those after it, `window` in all; of fewer at the end."""
    place = {"size": window, "mode": "nearest", "origin": -(window // 2)}
    return np.asarray(maximum_filter1d(off, **place) if highest else minimum_filter1d(off, **place))


_DIGIT_BITS = 16

_KEY_BITS = 64

Pieces = Callable[[], Iterable[NDArray[np.float64]]]


def median(pieces: Pieces) -> float:
    """The median of all values in `pieces()`, equal to `numpy.median` of their concatenation.

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
    """The value at `rank` in order, by radix selection: the bits of non-negative floats have the floats' order."""
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
