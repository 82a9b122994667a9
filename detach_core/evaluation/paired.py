"""Two methods on the same tested units: how much they differ, between which bounds, and how surely (M4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

from detach_core.contracts.metrics import Interval
from detach_core.contracts.predictions import Predictions
from detach_core.evaluation.figures import FigureOf, over_draws
from detach_core.evaluation.hierarchy import Estimate, FigureOfWeights, SplitFigures, estimate
from detach_core.evaluation.intervals import instances_of
from detach_core.evaluation.metrics import weighted_f1

Values = NDArray[np.float64]
# A difference of two fractions.
_WITHIN = (-1.0, 1.0)


@dataclass(frozen=True)
class SplitPair:
    """What two methods say of one split's tested units, seed by seed in the same order.

    Attributes:
        first: of one method; a seed has its `draws` of folds one after the other.
        second: of the other.
        draws: how many each seed has.
    """

    first: tuple[Predictions, ...]
    second: tuple[Predictions, ...]
    draws: int = 1

    def __post_init__(self) -> None:
        if self.draws < 1 or len(self.first) % self.draws:
            raise ValueError(f"{len(self.first)} predictions are not {self.draws} draws of folds for each seed")
        units = self.first[0].unit
        if len(self.first) != len(self.second) or any(
            not np.array_equal(one.unit, units) for one in (*self.first, *self.second)
        ):
            raise ValueError("both methods must be tested on the same units with as many seeds")


def difference(pairs: Sequence[SplitPair], figure: FigureOf, interval: Interval) -> Estimate:
    """First minus second in `figure`, a fraction: mean over splits and seeds with its interval (`hierarchy.py`).

    Both methods get the same resamples of units and draws, so what is hard for both cancels.
    """
    return estimate([_figures(pair, figure) for pair in pairs], interval, _WITHIN)


def _figures(pair: SplitPair, figure: FigureOf) -> SplitFigures:
    def of_seed(start: int) -> FigureOfWeights:
        first, second = (over_draws(one[start : start + pair.draws], figure) for one in (pair.first, pair.second))
        return lambda weight: first(weight) - second(weight)

    units = pair.first[0]
    starts = range(0, len(pair.first), pair.draws)
    return SplitFigures(units.instance, units.label, tuple(of_seed(start) for start in starts))


def swap_p_value(pairs: Sequence[SplitPair], num_classes: int, interval: Interval) -> float:
    """Two-sided p of the difference in weighted F1, when the methods' answers are swapped at random.

    What is swapped is a gesture instance or sequence, with all its windows and seeds: those are not independent. Which
    method gave which answer is exchangeable if neither is better.
    """
    sizes, swapped = [], []
    for pair in pairs:
        units = pair.first[0]
        _, instance_of_unit = instances_of(units.instance)
        sizes.append(int(instance_of_unit.max()) + 1)
        swapped.append(instance_of_unit)
    starts = np.cumsum([0, *sizes])

    def statistic(one: Values, other: Values, axis: int) -> Values:
        del other, axis
        took = np.atleast_2d(one)
        means = [
            _swapped_difference(pair, took[:, start : start + size][:, units], num_classes)
            for pair, units, start, size in zip(pairs, swapped, starts, sizes, strict=False)
        ]
        mean = np.mean(means, axis=0)
        return np.asarray(mean if one.ndim > 1 else mean[0])

    total = int(starts[-1])
    result = permutation_test(
        (np.zeros(total), np.ones(total)),
        statistic,
        permutation_type="samples",
        vectorized=True,
        n_resamples=interval.resamples,
        batch=100,
        rng=np.random.default_rng([interval.seed, 7]),
    )
    return float(result.pvalue)


def _swapped_difference(pair: SplitPair, swap: Values, num_classes: int) -> Values:
    """(P,) mean over seeds and draws of first minus second; units where `swap` (P, N) is 1 change sides."""
    differences = []
    for a, b in zip(pair.first, pair.second, strict=True):
        label, predicted = np.concatenate([a.label, b.label]), np.concatenate([a.predicted, b.predicted])
        first = weighted_f1(label, predicted, num_classes, np.concatenate([1.0 - swap, swap], axis=1))
        second = weighted_f1(label, predicted, num_classes, np.concatenate([swap, 1.0 - swap], axis=1))
        differences.append(first - second)
    return np.asarray(np.mean(differences, axis=0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of a family of p values, in their order: strong control of any false finding."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(one) for one in corrected]
