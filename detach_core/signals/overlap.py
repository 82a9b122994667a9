"""Overlap of two sets of windows: seconds of the same recording, and gesture instances (or sequences)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.split import Fold, Ids, Overlap
from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import ContractError

Intervals = NDArray[np.float64]
Integers = NDArray[np.integer]


def audit(windows: Windows, parts: Mapping[str, Ids], protocols: Mapping[str, Sequence[Fold]]) -> tuple[Overlap, ...]:
    """Overlap of every two parts, and within each fold of every two of train, val and test."""
    pairs = [(a, parts[a], b, parts[b]) for a, b in combinations(parts, 2)]
    for protocol, folds in protocols.items():
        for number, fold in enumerate(folds):
            place = f"{protocol}/fold{number}"
            pairs += [
                (f"{place}/{a}", getattr(fold, a), f"{place}/{b}", getattr(fold, b))
                for a, b in combinations(("train", "val", "test"), 2)
                if len(getattr(fold, a)) and len(getattr(fold, b))
            ]
    return tuple(
        Overlap(
            a,
            b,
            shared_seconds(
                windows.recording[ids_a],
                windows.start_s[ids_a],
                windows.recording[ids_b],
                windows.start_s[ids_b],
                windows.window_s,
            ),
            shared_instances(windows.instance[ids_a], windows.instance[ids_b]),
        )
        for a, ids_a, b, ids_b in pairs
    )


def refuse_leaks(overlap: Sequence[Overlap], *, label_unit: str, path: Path | str) -> None:
    """Check that nothing is shared where whole recordings or subjects were set apart.

    Args:
        overlap: what `audit` found.
        label_unit: `recording` sets every two parts apart, `window` only those with held-out units.
        path: the file to name in the error.

    Raises:
        ContractError: two such parts share time or an instance.
    """
    for pair in overlap:
        apart = label_unit == "recording" or "held_out" in (pair.a, pair.b) or pair.a.startswith("by_")
        if apart and (pair.shared_s > 0.0 or pair.shared_instances > 0):
            raise ContractError(
                path,
                f"{pair.a} and {pair.b}",
                expected="nothing shared between them",
                found=f"{pair.shared_s:g} s and {pair.shared_instances} instances in both",
                remedy="give every recording its own instances and list each one once, then run the rule pack again",
            )


def shared_seconds(
    recording_a: Integers, start_a_s: Intervals, recording_b: Integers, start_b_s: Intervals, window_s: float
) -> float:
    """Seconds of recording that lie in a window of `a` and in a window of `b`; each second counts once."""
    shared = 0.0
    for recording in np.intersect1d(recording_a, recording_b):
        a = _union(np.sort(start_a_s[recording_a == recording]), window_s)
        b = _union(np.sort(start_b_s[recording_b == recording]), window_s)
        # Disjoint and in order, so that each interval of `a` meets a run of those of `b`.
        first = np.searchsorted(b[:, 1], a[:, 0], side="right")
        end = np.searchsorted(b[:, 0], a[:, 1], side="left")
        lengths = np.maximum(end - first, 0)
        of_a = np.repeat(np.arange(len(a)), lengths)
        of_b = np.arange(len(of_a)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(first, lengths)
        shared += float((np.minimum(a[of_a, 1], b[of_b, 1]) - np.maximum(a[of_a, 0], b[of_b, 0])).sum())
    return shared


def shared_instances(instance_a: Integers, instance_b: Integers) -> int:
    """Number of instances with windows in both sets; -1 is none."""
    common = np.intersect1d(instance_a, instance_b)
    return int((common >= 0).sum())


def _union(start_s: Intervals, window_s: float) -> Intervals:
    """The disjoint intervals (M, 2) that the windows starting at the sorted `start_s` cover."""
    breaks = np.flatnonzero(np.diff(start_s) > window_s)
    first = np.concatenate([[0], breaks + 1])
    last = np.concatenate([breaks, [len(start_s) - 1]])
    return np.stack([start_s[first], start_s[last] + window_s], axis=1)
