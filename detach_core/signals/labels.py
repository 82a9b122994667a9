"""The label of a window: that of the annotation which holds the window's centre."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

NONE = -1


def centre_annotation(
    centre_s: NDArray[np.float64], start_s: Sequence[float], end_s: Sequence[float]
) -> NDArray[np.int64]:
    """(N,) the annotation [start_s, end_s) that holds each centre, the latest to start if several do; -1 for none.

    Raises:
        ValueError: the starts are not in order.
    """
    starts, ends = np.asarray(start_s, dtype=np.float64), np.asarray(end_s, dtype=np.float64)
    if (np.diff(starts) < 0).any():
        raise ValueError("annotations must be ordered by their start")
    if not len(starts):
        return np.full(len(centre_s), NONE, dtype=np.int64)
    candidate = np.searchsorted(starts, centre_s, side="right") - 1
    holds = (candidate >= 0) & (centre_s < ends[candidate])
    return np.where(holds, candidate, NONE)


def runs(values: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """The (value, first row, row behind the last) of each run of equal values."""
    if not len(values):
        return []
    edges = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    return [(int(values[first]), int(first), int(end)) for first, end in pairwise(edges)]


def dominant_location(location: NDArray[np.int64], first: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """(N,) the location in use for most of each window's rows, -1 where none is in use; the lower index wins a tie."""
    count = int(location.max(initial=-1)) + 1
    if count == 0:
        return np.full(len(first), NONE, dtype=np.int64)
    in_use = np.zeros((len(location) + 1, count), dtype=np.int64)
    np.cumsum(location[:, None] == np.arange(count), axis=0, out=in_use[1:])
    share = in_use[first + length] - in_use[first]
    return np.where(share.max(axis=1) > 0, share.argmax(axis=1), NONE)


def most_active_place(windows: NDArray[np.float32], places: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """(N,) the place whose channels changed most often in each window (N, C, L), else were longest away from rest.

    A channel rests at its most frequent value of all windows, whatever its polarity. -1 where nothing was active.
    """
    changes = (np.diff(windows, axis=2) != 0).sum(axis=2)
    active = (windows != _resting_value(windows)[None, :, None]).sum(axis=2)
    # A change outweighs any time of being active; the two never mix.
    score = changes * (windows.shape[2] + 1) + active
    place_score = np.stack([score[:, list(channels)].sum(axis=1) for channels in places], axis=1)
    return np.where(place_score.max(axis=1) > 0, place_score.argmax(axis=1), NONE)


def _resting_value(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    resting = np.empty(windows.shape[1], dtype=np.float32)
    for channel in range(windows.shape[1]):
        values, counts = np.unique(windows[:, channel], return_counts=True)
        resting[channel] = values[counts.argmax()] if len(values) else 0.0
    return resting
