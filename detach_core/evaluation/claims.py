"""Measures of the claims about the method: classification, clusters, and weights of negative pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.analysis import NegativePairs
from detach_core.contracts.metrics import Predictions
from detach_core.evaluation.claim_evidence import Artifacts, Line
from detach_core.evaluation.clusters import (
    confident_purer,
    over_kmeans,
    refinement_over_control,
    refinement_raises,
)
from detach_core.evaluation.dataset_statistics import published_metrics
from detach_core.evaluation.intervals import Estimate, MetricOf, SplitMetrics, Values, estimate, f1_of, instances_of
from detach_core.evaluation.metrics import f1_by_class
from detach_core.evaluation.paired import difference, paired
from detach_core.evaluation.settings import (
    AblationSettings,
    Claim,
    ComparisonSettings,
    EasyWeightSettings,
    ExceedsSettings,
    PairWeightSettings,
    SubtleGainSettings,
    WeightGapSettings,
)


def exceeds(claim: Claim[ExceedsSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Weighted F1 of the variant minus that of each other, under each protocol."""
    for other in claim.settings.over:
        yield from _compared(claim, dataset, other, artifacts)


def ablation(claim: Claim[AblationSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """As `exceeds`, times the sign of the paper's own difference; no line where the paper prints none."""
    ours = published_metrics(claim.settings.table, claim.settings.variant, dataset)
    for other in claim.settings.over:
        theirs = published_metrics(claim.settings.table, other, dataset)
        if ours is None or theirs is None or ours.f1_weighted == theirs.f1_weighted:
            yield Line(None, compared=other, note="the paper prints no difference")
            continue
        yield from _compared(claim, dataset, other, artifacts, sign=np.sign(ours.f1_weighted - theirs.f1_weighted))


def subtle_gain(claim: Claim[SubtleGainSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Mean gain in F1 over the named classes minus that over the rest; classes without a tested unit are left out."""
    for other in claim.settings.over:
        yield from _compared(claim, dataset, other, artifacts, classes=claim.settings.classes)


def _compared(
    claim: Claim[ComparisonSettings],
    dataset: str,
    other: str,
    artifacts: Artifacts,
    *,
    sign: float = 1.0,
    classes: Sequence[str] | None = None,
) -> Iterator[Line]:
    first = artifacts.metrics(claim, dataset, claim.settings.variant)
    second = artifacts.metrics(claim, dataset, other)
    for protocol in dict.fromkeys(name for runs in first.values() for name in runs[0].protocols):
        splits = tuple(split for split, runs in first.items() if protocol in runs[0].protocols)
        names = first[splits[0]][0].class_names
        metric = f1_of(len(names)) if classes is None else _gap_of(names, classes)
        pairs = [paired(first[split], second[split], protocol) for split in splits]
        found = difference(pairs, metric, artifacts.interval)
        low, high = sorted((sign * found.low, sign * found.high))
        units = sum(first[split][0].protocols[protocol].n_units for split in splits)
        yield Line(Estimate(sign * found.value, low, high), protocol, other, units, splits)


def _gap_of(names: tuple[str, ...], classes: Sequence[str]) -> MetricOf:
    """Mean F1 over `classes` minus mean F1 over the rest."""
    among = np.isin(names, classes)

    def metric(one: Predictions, weight: Values) -> Values:
        f1, support = f1_by_class(one.label, one.predicted, len(names), weight)
        f1 = np.where(support > 0.0, f1, np.nan)
        return np.asarray(np.nanmean(f1[:, among], axis=1) - np.nanmean(f1[:, ~among], axis=1))

    return metric


# The metric of one run's pairs under weights (B, N) of the batch's windows.
OfPairs = Callable[[NegativePairs, Values], Values]


def easy_near_one(claim: Claim[EasyWeightSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Distance of the mean weight of easy negatives from 1 at the end."""
    yield _weight_line(
        claim, dataset, artifacts, lambda pairs, weight: np.abs(mean_weight(pairs, "easy", -1, weight) - 1.0)
    )


def hard_above_false(claim: Claim[WeightGapSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Mean weight of hard negatives minus that of false ones at the end."""
    yield _weight_line(claim, dataset, artifacts, lambda pairs, weight: _gap(pairs, -1, weight))


def separation_grows(claim: Claim[WeightGapSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """The same difference at the end minus that before any step."""
    yield _weight_line(
        claim, dataset, artifacts, lambda pairs, weight: _gap(pairs, -1, weight) - _gap(pairs, 0, weight)
    )


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


def _weight_line(claim: Claim[PairWeightSettings], dataset: str, artifacts: Artifacts, metric: OfPairs) -> Line:
    def of_seed(pairs: NegativePairs) -> Callable[[Values], Values]:
        return lambda weight: metric(pairs, weight)

    metrics, splits, units = [], claim.splits_of(dataset), 0
    for split in splits:
        runs: list[NegativePairs] = artifacts.of("negative_pairs", dataset, split, claim.settings.variant)
        instance = artifacts.windows[dataset].instance[runs[0].window].astype(np.int64)
        units += len(instances_of(instance)[0])
        label = runs[0].label.astype(np.int64)
        metrics.append(SplitMetrics(instance, label, tuple(of_seed(one) for one in runs)))
    found = estimate(metrics, artifacts.interval)
    if np.isnan([found.value, found.low]).any():
        return Line(None, note="a kind of pair does not occur, in the batch or in a resample")
    return Line(found, n_units=units, splits=splits)


# (a claim's settings, a dataset, what there is to decide by) -> its lines.
Measure = Callable[[Claim[Any], str, Artifacts], Iterator[Line]]

MEASURES: dict[str, Measure] = {
    "exceeds": exceeds,
    "ablation": ablation,
    "subtle_gain": subtle_gain,
    "clusters_over_kmeans": over_kmeans,
    "confident_purer": confident_purer,
    "refinement_raises": refinement_raises,
    "refinement_over_control": refinement_over_control,
    "easy_near_one": easy_near_one,
    "hard_above_false": hard_above_false,
    "separation_grows": separation_grows,
}
