"""Claims about classification: who exceeds whom, what an ablation costs, which classes gain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from detach_core.contracts.metrics import Metrics
from detach_core.contracts.predictions import Predictions
from detach_core.evaluation.figures import FigureOf, Values, f1_of
from detach_core.evaluation.hierarchy import Estimate
from detach_core.evaluation.metrics import f1_by_class
from detach_core.evaluation.paired import SplitPair, difference
from detach_core.evaluation.settings import (
    AblationSettings,
    Claim,
    ComparisonSettings,
    ExceedsSettings,
    SubtleGainSettings,
)
from detach_core.reports.claims.artifacts import Artifacts
from detach_core.reports.claims.line import Line
from detach_core.reports.paper import published_figures


def exceeds(claim: Claim[ExceedsSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Weighted F1 of the variant minus that of each other, under each protocol."""
    for other in claim.settings.over:
        yield from _compared(claim, dataset, other, artifacts)


def ablation(claim: Claim[AblationSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """As `exceeds`, times the sign of the paper's own difference; nothing where the paper prints none."""
    ours = published_figures(claim.settings.table, claim.settings.variant, dataset)
    for other in claim.settings.over:
        theirs = published_figures(claim.settings.table, other, dataset)
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
        figure = f1_of(len(names)) if classes is None else _gap_of(names, classes)
        pairs = [paired(first[split], second[split], protocol) for split in splits]
        found = difference(pairs, figure, artifacts.interval)
        low, high = sorted((sign * found.low, sign * found.high))
        units = sum(first[split][0].protocols[protocol].n_units for split in splits)
        yield Line(Estimate(sign * found.value, low, high), protocol, other, units, splits)


def paired(first: Sequence[Metrics], second: Sequence[Metrics], protocol: str) -> SplitPair:
    """Both variants' predictions of one split under one protocol, seed by seed and draw by draw of the folds."""
    one, other = (
        tuple(draw for run in runs for draw in run.protocols[protocol].predictions) for runs in (first, second)
    )
    return SplitPair(one, other, len(one) // len(first))


def _gap_of(names: tuple[str, ...], classes: Sequence[str]) -> FigureOf:
    """Mean F1 over `classes` minus mean F1 over the rest."""
    among = np.isin(names, classes)

    def figure(one: Predictions, weight: Values) -> Values:
        f1, support = f1_by_class(one.label, one.predicted, len(names), weight)
        f1 = np.where(support > 0.0, f1, np.nan)
        return np.asarray(np.nanmean(f1[:, among], axis=1) - np.nanmean(f1[:, ~among], axis=1))

    return figure
