"""Paired comparison of two methods on the same tested units: difference, interval, permutation test, correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

from detach_core.contracts.metrics import Interval, Metrics, Predictions
from detach_core.evaluation.intervals import (
    Estimate,
    MetricOf,
    MetricOfWeights,
    SplitMetrics,
    by_split,
    estimate,
    f1_of,
    over_draws,
)
from detach_core.evaluation.settings import ComparedTable

Values = NDArray[np.float64]
# A difference of two fractions.
_WITHIN = (-1.0, 1.0)
_BATCH = 1000  # swaps at a time


@dataclass(frozen=True)
class SplitPair:
    """Predictions of two methods on one split's tested units, seed by seed in the same order.

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


def paired(first: Sequence[Metrics], second: Sequence[Metrics], protocol: str) -> SplitPair:
    """Both variants' predictions of one split under one protocol, seed by seed and draw by draw of the folds."""
    one, other = (
        tuple(draw for run in runs for draw in run.protocols[protocol].predictions) for runs in (first, second)
    )
    return SplitPair(one, other, len(one) // len(first))


def difference(pairs: Sequence[SplitPair], metric: MetricOf, interval: Interval) -> Estimate:
    """First minus second in `metric`, a fraction: mean over splits and seeds with its interval (`intervals.py`).

    Both methods get the same resamples of units and draws, so what is hard for both cancels.
    """
    return estimate([_split_metrics(pair, metric) for pair in pairs], interval, _WITHIN)


@dataclass(frozen=True)
class Gain:
    """Weighted F1 of a row's own start, a mean over splits and seeds, and the row's own minus it with its interval."""

    start: float
    difference: Estimate


def gain_over_start(runs: Sequence[Metrics], protocol: str) -> Gain | None:
    """The gain of a variant's runs on one dataset over their untrained networks; None for what is not trained.

    Each run is paired with its own start on the same units and draws.
    """
    splits = by_split(runs, protocol).values()
    results = [[run.protocols[protocol] for run in group] for group in splits]
    starts = [[one.start for one in group if one.start is not None] for group in results]
    if not all(len(one) == len(other) for one, other in zip(results, starts, strict=True)):
        return None
    pairs = [
        SplitPair(
            tuple(draw for one in group for draw in one.predictions),
            tuple(draw for start in own for draw in start.predictions),
            len(group[0].predictions),
        )
        for group, own in zip(results, starts, strict=True)
    ]
    first = runs[0]
    mean = float(np.mean([start.f1_weighted for own in starts for start in own]))
    return Gain(mean, difference(pairs, f1_of(len(first.class_names)), first.interval))


def _split_metrics(pair: SplitPair, metric: MetricOf) -> SplitMetrics:
    def of_seed(start: int) -> MetricOfWeights:
        first, second = (over_draws(one[start : start + pair.draws], metric) for one in (pair.first, pair.second))
        return lambda weight: first(weight) - second(weight)

    units = pair.first[0]
    starts = range(0, len(pair.first), pair.draws)
    return SplitMetrics(units.instance, units.label, tuple(of_seed(start) for start in starts))


@dataclass(frozen=True)
class SwapTest:
    """A two-sided p, the smallest possible p, and the number of swapped gestures or sequences."""

    p: float
    smallest_p: float
    num_gestures: int


def swap_test(pairs: Sequence[SplitPair], num_classes: int, *, swaps: int, seed: int) -> SwapTest:
    """Permutation test of the difference in weighted F1: the methods' answers are swapped, gesture by gesture.

    What is swapped is a gesture instance or sequence, with all its windows, in all seeds and all splits that test it at
    once: its answers there are alike, so swapping them apart would take one gesture for several. Which method gave
    which answers is exchangeable if neither is better. All ways to swap are gone through where they are no more than
    `swaps`; else that many are drawn, and the smallest p is 1 / (swaps + 1).

    Args:
        pairs: a split each. An instance has the same number in all of them.
        num_classes: of the labels.
        swaps: how many random swaps.
        seed: draws them.
    """
    gesture = _gestures_of(pairs)
    total = int(max(one.max() for one in gesture)) + 1
    splits = [_SplitCounts.of(pair, units, num_classes) for pair, units in zip(pairs, gesture, strict=True)]

    def statistic(one: Values, other: Values, axis: int) -> Values:
        del other, axis
        found = np.abs(np.mean([split.differences(np.atleast_2d(one)) for split in splits], axis=0))
        return np.asarray(found if one.ndim > 1 else found[0])

    result = permutation_test(
        (np.zeros(total), np.ones(total)),
        statistic,
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=swaps,
        batch=_BATCH,
        rng=np.random.default_rng([seed, 7]),
    )
    # Each way to swap has a mirror image with the same absolute difference, so that two of the ways are the least.
    exact = total < swaps.bit_length()
    return SwapTest(float(result.pvalue), 2.0 ** (1 - total) if exact else 1.0 / (swaps + 1), total)


def _gestures_of(pairs: Sequence[SplitPair]) -> list[NDArray[np.int64]]:
    """For each split (N,) the gesture of each unit, 0 to M - 1 over all splits; a unit without one is its own."""
    first = [pair.first[0] for pair in pairs]
    beyond = max(int(one.instance.max()) for one in first) + 1
    own = [np.where(one.instance >= 0, one.instance, beyond + one.unit) for one in first]
    numbered = np.unique(np.concatenate(own), return_inverse=True)[1]
    return [np.asarray(one) for one in np.split(numbered, np.cumsum([len(one) for one in own])[:-1])]


@dataclass(frozen=True)
class _SplitCounts:
    """Counts behind F1 in one split, so that a swap adds and takes away whole gestures.

    Attributes:
        gestures: (M,) which of all gestures the split tests.
        support: (K,) units of each class.
        first: (S, 2, K) hits and predictions of the first method with each seed, nothing swapped.
        both: the same of both methods together, which no swap changes.
        change: (M, S, 2, K) what the first method's counts gain when a gesture is swapped.
    """

    gestures: NDArray[np.int64]
    support: Values
    first: Values
    both: Values
    change: Values

    @classmethod
    def of(cls, pair: SplitPair, gesture: NDArray[np.int64], num_classes: int) -> _SplitCounts:
        """The counts of `pair`, whose units belong to `gesture` (N,)."""
        gestures, row = np.unique(gesture, return_inverse=True)

        def count(one: Predictions) -> Values:
            place, size = row * num_classes + one.predicted, len(gestures) * num_classes
            hits, predicted = (np.bincount(place, weights, size) for weights in (one.predicted == one.label, None))
            return np.stack([each.reshape(-1, num_classes) for each in (hits, predicted)], axis=1).astype(np.float64)

        first, second = (np.stack([count(one) for one in side], axis=1) for side in (pair.first, pair.second))
        support = np.bincount(pair.first[0].label, minlength=num_classes).astype(np.float64)
        return cls(gestures, support, first.sum(axis=0), (first + second).sum(axis=0), second - first)

    def differences(self, swap: Values) -> Values:
        """(P,) mean over seeds of first minus second in weighted F1; `swap` (P, all gestures) is 1 for swapped ones."""
        moved = swap[:, self.gestures] @ self.change.reshape(len(self.gestures), -1)
        first = self.first + moved.reshape(-1, *self.first.shape)
        return np.asarray((self._f1(first) - self._f1(self.both - first)).mean(axis=1))

    def _f1(self, counts: Values) -> Values:
        """(P, S) weighted F1 of counts (P, S, 2, K)."""
        total = self.support + counts[:, :, 1]
        f1 = np.divide(2.0 * counts[:, :, 0], total, out=np.zeros_like(total), where=total > 0.0)
        return np.asarray(f1 @ self.support / self.support.sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of a family of p values, in their order: strong control of any false finding."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(one) for one in corrected]


# (dataset, split, variant) -> metrics, seed by seed.
Runs = Mapping[tuple[str, str, str], Sequence[Metrics]]


def compared_rows(
    tables: Mapping[str, ComparedTable], references: Sequence[str], runs: Runs, *, swaps: int
) -> list[dict[str, object]]:
    """One line for each table, reference among its rows, dataset, protocol and other row.

    The p values of a table's rows against one reference on one dataset under one protocol are a family (Holm).

    Args:
        tables: rows and parts of each.
        references: what the rows are compared with.
        runs: of all of them.
        swaps: of the permutation test.
    """
    lines: list[dict[str, object]] = []
    for table, section in tables.items():
        datasets = list(dict.fromkeys(dataset for dataset, _ in section.parts))
        for reference, dataset in product([one for one in references if one in section.rows], datasets):
            splits = [split for part, split in section.parts if part == dataset]
            rows = [row for row in section.rows if row != reference]
            protocols = dict.fromkeys(name for split in splits for name in runs[dataset, split, reference][0].protocols)
            for protocol in protocols:
                family = [_compared_row(runs, dataset, splits, protocol, reference, row, swaps) for row in rows]
                corrected = holm([float(str(line["p"])) for line in family])
                lines += [
                    {"table": table, **line, "p_holm": p, "family": len(rows)}
                    for line, p in zip(family, corrected, strict=True)
                ]
    return lines


def _compared_row(
    runs: Runs, dataset: str, splits: Sequence[str], protocol: str, reference: str, row: str, swaps: int
) -> dict[str, object]:
    first = {split: runs[dataset, split, reference] for split in splits}
    first = {split: group for split, group in first.items() if protocol in group[0].protocols}
    second = [runs[dataset, split, row] for split in first]
    pairs = [paired(*both, protocol) for both in zip(first.values(), second, strict=True)]
    leading = next(iter(first.values()))[0]
    num_classes = len(leading.class_names)
    found = difference(pairs, f1_of(num_classes), leading.interval)
    test = swap_test(pairs, num_classes, swaps=swaps, seed=leading.interval.seed)
    tested = [group[0].protocols[protocol] for group in first.values()]
    return {
        "dataset": dataset,
        "protocol": protocol,
        "variant": row,
        "reference": reference,
        "f1_difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": test.p,
        "smallest_p": test.smallest_p,
        "n_test": sum(one.n_test for one in tested),
        "n_units": test.num_gestures,
        "n_splits": len(first),
        "n_seeds": len(next(iter(first.values()))),
        "splits": " ".join(first),
        "seeds": " ".join(str(run.seed) for run in next(iter(first.values()))),
        "source": leading.source,
        "commit": " ".join(sorted({run.provenance.commit for group in (*first.values(), *second) for run in group})),
    }
