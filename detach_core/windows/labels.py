"""Labels of windows: class from the annotations, and place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recording import Places
from detach_core.contracts.rows import Rows, blocks

NONE = -1

_WINDOWS_AT_ONCE = 1024


def centre_annotation(
    centre_s: NDArray[np.float64], start_s: Sequence[float], end_s: Sequence[float]
) -> NDArray[np.int64]:
    """(N,) the annotation [start_s, end_s) that holds each centre, the one that starts last if several do; -1 for none.

    Of several that start together, the last one counts as the latest.

    Raises:
        ValueError: the starts are not in order.
    """
    starts, ends = np.asarray(start_s, dtype=np.float64), np.asarray(end_s, dtype=np.float64)
    if (np.diff(starts) < 0).any():
        raise ValueError("annotations must be ordered by their start")
    # Between two edges the same annotation rules; before the first edge, none does.
    edges = np.unique(np.concatenate([starts, ends]))
    ruling, running, new = [NONE], list[int](), 0
    for edge in edges:
        while new < len(starts) and starts[new] <= edge:
            running.append(new)
            new += 1
        # One that has ended below another that has not is dropped once that one has ended too.
        while running and ends[running[-1]] <= edge:
            running.pop()
        ruling.append(running[-1] if running else NONE)
    return np.asarray(ruling, dtype=np.int64)[np.searchsorted(edges, centre_s, side="right")]


def runs(values: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """The (value, first row, row behind the last) of each run of equal values."""
    if not len(values):
        return []
    edges = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    return [(int(values[first]), int(first), int(end)) for first, end in pairwise(edges)]


def dominant_location(location: Rows, first: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """(N,) the location in use for most of each window's rows, -1 where none is in use; the lower index wins a tie.

    Args:
        location: (T,) which is in use, -1 for none; read some windows at a time.
        first: (N,) each window's first row.
        length: rows of a window.
    """
    found = np.full(len(first), NONE, dtype=np.int64)
    for window in range(0, len(first), _WINDOWS_AT_ONCE):
        rows = first[window : window + _WINDOWS_AT_ONCE]
        inside = np.stack([location[row : row + length] for row in rows.tolist()])
        count = int(inside.max(initial=NONE)) + 1
        if count > 0:
            share = (inside[:, :, None] == np.arange(count)).sum(axis=1)
            found[window : window + len(rows)] = np.where(share.max(axis=1) > 0, share.argmax(axis=1), NONE)
    return found


def most_active_place(windows: Rows, places: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """(N,) the place whose channels changed most often in each window (N, C, L), ties broken by the longest activity.

    A channel rests at its most frequent value of all windows, whatever its polarity. -1 where nothing was active.
    """
    resting, found = _resting_value(windows), np.full(len(windows), NONE, dtype=np.int64)
    for first, piece in blocks(windows):
        changes = (np.diff(piece, axis=2) != 0).sum(axis=2)
        active = (piece != resting[None, :, None]).sum(axis=2)
        # A change outweighs any time of being active; the two never mix.
        score = changes * (piece.shape[2] + 1) + active
        place_score = np.stack([score[:, list(channels)].sum(axis=1) for channels in places], axis=1)
        best = np.where(place_score.max(axis=1) > 0, place_score.argmax(axis=1), NONE)
        found[first : first + len(piece)] = best
    return found


def _resting_value(windows: Rows) -> NDArray[np.float32]:
    # What is kept is a count for each value that occurs: few for switches, as many as there are for other sensors.
    counted = [(np.empty(0, np.float32), np.empty(0, np.int64)) for _ in range(windows.shape[1])]
    for _, piece in blocks(windows):
        for channel, (values, counts) in enumerate(counted):
            new, new_counts = np.unique(piece[:, channel], return_counts=True)
            both, place = np.unique(np.concatenate([values, new]), return_inverse=True)
            total = np.zeros(len(both), np.int64)
            np.add.at(total, place, np.concatenate([counts, new_counts]))
            counted[channel] = both, total
    resting = [values[counts.argmax()] if len(values) else 0.0 for values, counts in counted]
    return np.array(resting, dtype=np.float32)


NOWHERE = "none"


def locate_windows(
    sensor: Rows,
    label: NDArray[np.int64],
    *,
    truth: NDArray[np.int64] | None,
    truth_names: Sequence[str],
    places: Places,
) -> tuple[NDArray[np.int32], tuple[str, ...], str]:
    """(location (N,), its names, its source). "none" is a separate place; -1 means unknown.

    Args:
        sensor: (N, C, L) all windows.
        label: (N,) class of each, -1 for none.
        truth: (N,) the simulation's location, -1 where nothing is in use; None for real recordings.
        truth_names: names of the simulation's locations.
        places: the dataset's places.
    """
    if truth is not None:
        return _with_nowhere(truth, truth_names), (*truth_names, NOWHERE), "simulation truth"
    if any(place >= 0 for place in places.of_class):
        return np.array([*places.of_class, -1], dtype=np.int32)[label], places.names, "label"
    if not places.names:
        return np.full(len(label), -1, dtype=np.int32), (), "unknown"
    active = most_active_place(sensor, places.channels)
    return _with_nowhere(active, places.names), (*places.names, NOWHERE), "active switch"


def _with_nowhere(location: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int32]:
    return np.where(location < 0, len(names), location).astype(np.int32)
