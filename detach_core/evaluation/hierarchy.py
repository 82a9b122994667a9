"""Figures over splits and seeds, resampled at all levels: whoever repeats only the seed learns little of the next home.

A draw takes splits with replacement, in each of them seeds with replacement, and in each split gesture instances or
sequences within their class (`intervals.py`), the same for all seeds and methods, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.metrics import Interval
from detach_core.evaluation.intervals import percentile_interval, resampling_weights

Values = NDArray[np.float64]
# Weights (B, N) of a split's units -> B figures.
FigureOfWeights = Callable[[Values], Values]


@dataclass(frozen=True)
class SplitFigures:
    """One split's units, and a figure of them for each seed.

    Attributes:
        instance: (N,) gesture instance or sequence of each unit, -1 for one of its own.
        stratum: (N,) class within which instances are drawn.
        figures: for each seed, the figure under weights of the units.
    """

    instance: NDArray[np.int64]
    stratum: NDArray[np.int64]
    figures: tuple[FigureOfWeights, ...]


@dataclass(frozen=True)
class Estimate:
    """The mean of a figure over splits and seeds, and its bounds."""

    value: float
    low: float
    high: float


def estimate(splits: Sequence[SplitFigures], interval: Interval) -> Estimate:
    """Mean over splits and seeds with the hierarchical bootstrap's percentile interval.

    Raises:
        ValueError: no split, or a split without a seed.
    """
    rng = np.random.default_rng([interval.seed, 6])
    plain, drawn = [], []
    for split in splits:
        weight = resampling_weights(split.instance, split.stratum, interval.resamples, rng)
        once = np.ones((1, len(split.instance)))
        drawn.append(np.stack([figure(weight) for figure in split.figures], axis=1))
        plain.append(np.mean([float(figure(once)[0]) for figure in split.figures]))
    low, high = percentile_interval(hierarchical_means(drawn, rng), interval.confidence)
    return Estimate(float(np.mean(plain)), low, high)


def hierarchical_means(values: Sequence[Values], rng: np.random.Generator) -> Values:
    """(B,) means over drawn splits and seeds.

    Args:
        values: for each split (B, K): a figure of each of its K seeds under B resamplings of that split's units.
        rng: draws splits and seeds.

    Raises:
        ValueError: no split, a split without a seed, or another number of resamplings.
    """
    if not values or any(one.ndim != 2 or one.shape[1] < 1 or len(one) != len(values[0]) for one in values):
        raise ValueError(f"expected (B, K >= 1) for each split, got {[one.shape for one in values]}")
    resamples, num_splits = len(values[0]), len(values)
    means = np.zeros(resamples)
    # One split is no choice: nothing is drawn for it.
    chosen = rng.integers(num_splits, size=(resamples, num_splits)) if num_splits > 1 else np.zeros((resamples, 1), int)
    for place in range(num_splits):
        for split, one in enumerate(values):
            rows = np.flatnonzero(chosen[:, place] == split)
            seeds = rng.integers(one.shape[1], size=(len(rows), one.shape[1]))
            means[rows] += one[rows[:, None], seeds].mean(axis=1)
    return means / num_splits
