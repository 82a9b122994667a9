"""Sensor systems keep their own time: an offset and a slow wander against the video's clock."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from detach_core.config.simulation import ClockSection
from detach_core.simulation.routine import Interval
from detach_core.simulation.trace import Array

WANDER_OVER_S = 5.0
Scalar = TypeVar("Scalar", bound=np.generic)


def read_times(time_s: Array, knobs: ClockSection, generator: np.random.Generator) -> Array:
    """True times (T,) at which a system takes the samples that it stamps `time_s` (T,, evenly spaced)."""
    rate_hz = 1 / float(time_s[1] - time_s[0])
    wander = gaussian_filter1d(generator.standard_normal(len(time_s)), WANDER_OVER_S * rate_hz, mode="nearest")
    wander *= knobs.wander_s / max(float(wander.std()), 1e-9)
    offset = generator.uniform(-knobs.offset_s, knobs.offset_s)
    return np.asarray(time_s + offset + wander)


def hold(signal: NDArray[Scalar], rate_hz: float, times_s: Array) -> NDArray[Scalar]:
    """`signal` (T, ...) at `rate_hz`, read at `times_s` (K,): the latest sample before each; ends are held."""
    rows = np.clip(np.floor(times_s * rate_hz + 1e-6).astype(np.int64), 0, len(signal) - 1)
    return signal[rows]


def annotated(
    intervals: list[Interval], *, until_s: float, label_jitter_s: float, generator: np.random.Generator
) -> list[Interval]:
    """`intervals` as a person annotates them: edges shifted, order kept, neighbours apart, none after `until_s`."""
    found: list[Interval] = []
    previous = 0.0
    for interval in sorted(intervals, key=lambda each: each.start_s):
        start_s, end_s = (
            edge + float(generator.uniform(-label_jitter_s, label_jitter_s))
            for edge in (interval.start_s, interval.end_s)
        )
        start_s = max(start_s, previous)
        end_s = min(max(end_s, start_s + 0.2), until_s)
        if end_s > start_s:
            found.append(Interval(start_s, end_s, interval.label))
            previous = end_s
    return found
