"""Claims about the weights of easy, hard and false negatives, on one batch's pairs at a training's snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.negative_pairs import NegativePairs
from detach_core.evaluation.hierarchy import SplitFigures, Values, estimate
from detach_core.evaluation.intervals import instances_of
from detach_core.evaluation.settings import Claim, EasyWeightSettings, PairWeightSettings, WeightGapSettings
from detach_core.reports.claims.artifacts import Artifacts
from detach_core.reports.claims.line import Line

# The figure of one run's pairs under weights (B, N) of the batch's windows.
OfPairs = Callable[[NegativePairs, Values], Values]


def easy_near_one(claim: Claim[EasyWeightSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """How far the mean weight of easy negatives is from 1 at the end."""
    yield _line(claim, dataset, artifacts, lambda pairs, weight: np.abs(mean_weight(pairs, "easy", -1, weight) - 1.0))


def hard_above_false(claim: Claim[WeightGapSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Mean weight of hard negatives minus that of false ones at the end."""
    yield _line(claim, dataset, artifacts, lambda pairs, weight: _gap(pairs, -1, weight))


def separation_grows(claim: Claim[WeightGapSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """The same difference at the end minus that before any step."""
    yield _line(claim, dataset, artifacts, lambda pairs, weight: _gap(pairs, -1, weight) - _gap(pairs, 0, weight))


def mean_weight(pairs: NegativePairs, kind: str, snapshot: int, weight: Values) -> Values:
    """(B,) mean W over the pairs of a kind; a pair counts as often as both its windows are drawn."""
    among = (pairs.kind == pairs.kind_names.index(kind)).astype(np.float64)
    values = pairs.snapshots[snapshot].weight.astype(np.float64) * among
    total = _over_pairs(weight, among)
    return np.divide(_over_pairs(weight, values), total, out=np.full_like(total, np.nan), where=total > 0.0)


def _gap(pairs: NegativePairs, snapshot: int, weight: Values) -> Values:
    return mean_weight(pairs, "hard", snapshot, weight) - mean_weight(pairs, "false", snapshot, weight)


def _over_pairs(weight: Values, values: NDArray[np.float64]) -> Values:
    return np.asarray(((weight @ values) * weight).sum(axis=1))


def _line(claim: Claim[PairWeightSettings], dataset: str, artifacts: Artifacts, figure: OfPairs) -> Line:
    def of_seed(pairs: NegativePairs) -> Callable[[Values], Values]:
        return lambda weight: figure(pairs, weight)

    figures, splits, units = [], claim.splits_of(dataset), 0
    for split in splits:
        runs: list[NegativePairs] = artifacts.of("negative_pairs", dataset, split, claim.settings.variant)
        instance = artifacts.windows[dataset].instance[runs[0].window].astype(np.int64)
        units += len(instances_of(instance)[0])
        label = runs[0].label.astype(np.int64)
        figures.append(SplitFigures(instance, label, tuple(of_seed(one) for one in runs)))
    found = estimate(figures, artifacts.interval)
    if np.isnan([found.value, found.low]).any():
        return Line(None, note="a kind of pair does not occur, in the batch or in a resample")
    return Line(found, n_units=units, splits=splits)
