"""Frozen features and a split -> the figures of each protocol (decisions.md, D3 to D5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.contracts.choice import Choice
from detach_core.contracts.metrics import ClassResult, Interval, ProtocolResult
from detach_core.contracts.predictions import Predictions
from detach_core.contracts.split import Fold, Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation import metrics
from detach_core.evaluation.intervals import percentile_interval, resampling_weights
from detach_core.evaluation.linear_probe import Probe, fit_authors_probes, fit_logistic_probes
from detach_core.evaluation.pooling import mean_by_unit
from detach_core.signals.splitting import stratified_folds

Ids = NDArray[np.int64]


class Units:
    """What is classified: windows, or recordings with the mean feature of their windows."""

    def __init__(self, windows: Windows, features: NDArray[np.float32]) -> None:
        by_recording = windows.label_unit == "recording"
        self.of_window = (windows.recording if by_recording else np.arange(windows.num_windows)).astype(np.int64)
        self.features, self.ids = mean_by_unit(features, self.of_window)
        first = np.unique(self.of_window, return_index=True)[1]
        self.label = windows.label[first].astype(np.int64)
        self.instance = windows.instance[first].astype(np.int64)

    def rows(self, window_ids: Ids) -> Ids:
        """The units that the windows belong to, each once, as rows of `features`."""
        rows: Ids = np.searchsorted(self.ids, np.unique(self.of_window[window_ids]))
        return rows


def evaluate_protocols(
    windows: Windows,
    split: Split,
    features: Sequence[NDArray[np.float32]],
    *,
    kind: str,
    strengths: Sequence[float],
    num_inner_folds: int,
    interval: Interval,
    device: torch.device,
) -> dict[str, ProtocolResult]:
    """The figures of every protocol of `split`; a protocol's folds are pooled.

    Args:
        windows: labels, recordings and instances.
        split: the folds. Its seed draws the inner folds, so that every method gets the same.
        features: (N, D) of each candidate of the search, one row a window; the unchanged settings first. Which one a
            fold's probe takes is chosen as C is.
        kind: `logistic` or `authors`.
        strengths: values of C to try.
        num_inner_folds: folds of that choice; windows of one gesture stay together under `by_*` protocols.
        interval: how to make intervals.
        device: where to solve.

    Raises:
        ValueError: not one feature for each window, another kind, or candidates for the authors' probe.
    """
    lengths = [len(one) for one in features]
    if not lengths or set(lengths) != {windows.num_windows} or kind not in ("logistic", "authors"):
        raise ValueError(f"expected {windows.num_windows} features and a known kind, got {lengths} and {kind!r}")
    if kind == "authors" and len(features) > 1:
        raise ValueError(f"the authors' probe chooses nothing, got {len(features)} candidates")
    candidates = [Units(windows, one) for one in features]
    units = candidates[0]
    places = [(protocol, fold) for protocol, folds in split.protocols.items() for fold in folds]
    rows = [units.rows(fold.train) for _, fold in places]
    num_classes = len(windows.class_names)
    if kind == "logistic":
        inner = [
            _inner_folds(
                units, one, num_inner_folds, protocol.startswith("by_"), np.random.default_rng([split.seed, 3, k])
            )
            for k, (one, (protocol, _)) in enumerate(zip(rows, places, strict=True))
        ]
        probes = fit_logistic_probes(
            [one.features for one in candidates],
            units.label,
            rows,
            inner,
            strengths=strengths,
            num_classes=num_classes,
            device=device,
        )
    else:
        probes = fit_authors_probes(
            units.features, units.label, rows, num_classes=num_classes, seed=split.seed, device=device
        )
    results = {}
    for protocol in split.protocols:
        pairs = [(fold, probe) for (name, fold), probe in zip(places, probes, strict=True) if name == protocol]
        predictions = _predict(candidates, pairs)
        choices = tuple(Choice(probe.candidate, probe.c, probe.inner_loss) for _, probe in pairs if probe.c is not None)
        results[protocol] = summarise(predictions, windows.class_names, choices, interval)
    return results


def _inner_folds(units: Units, rows: Ids, num_folds: int, grouped: bool, rng: np.random.Generator) -> Ids:
    groups = units.instance[rows] if grouped else np.arange(len(rows))
    # A unit outside any gesture is a group of its own.
    groups = np.where(groups >= 0, groups, groups.max() + 1 + np.arange(len(rows)))
    num_folds = min(num_folds, len(np.unique(groups)))
    if num_folds < 2:
        return np.zeros(len(rows), dtype=np.int64)
    return stratified_folds(units.label[rows], num_folds, rng, groups)


def _predict(candidates: Sequence[Units], pairs: Sequence[tuple[Fold, Probe]]) -> Predictions:
    units = candidates[0]
    rows = [units.rows(fold.test) for fold, _ in pairs]
    probabilities = [
        probe.probabilities(candidates[probe.candidate].features[one])
        for one, (_, probe) in zip(rows, pairs, strict=True)
    ]
    order = np.argsort(np.concatenate(rows), kind="stable")
    tested = np.concatenate(rows)[order]
    pooled = np.concatenate(probabilities)[order]
    return Predictions(units.ids[tested], units.instance[tested], units.label[tested], pooled.argmax(axis=1), pooled)


def summarise(
    predictions: Predictions, class_names: Sequence[str], choices: tuple[Choice, ...], interval: Interval
) -> ProtocolResult:
    """The figures of `predictions`, with their intervals."""
    label, predicted, num_classes = predictions.label, predictions.predicted, len(class_names)
    once = np.ones((1, len(label)))
    f1, support = metrics.f1_by_class(label, predicted, num_classes, once)
    precision = metrics.average_precision(label, predictions.probabilities, once)[0]
    rng = np.random.default_rng([interval.seed, 4])
    drawn = resampling_weights(predictions.instance, label, interval.resamples, rng)
    f1_bounds = percentile_interval(metrics.weighted_f1(label, predicted, num_classes, drawn), interval.confidence)
    map_values = metrics.mean_average_precision(label, predictions.probabilities, drawn)
    map_bounds = percentile_interval(map_values, interval.confidence)
    per_class = {
        name: ClassResult(float(f1[0, k]), float(precision[k]) if support[0, k] else None, int(support[0, k]))
        for k, name in enumerate(class_names)
    }
    return ProtocolResult(
        f1_weighted=float(metrics.weighted_f1(label, predicted, num_classes, once)[0]),
        f1_weighted_low=f1_bounds[0],
        f1_weighted_high=f1_bounds[1],
        map=float(np.nanmean(precision)),
        map_low=map_bounds[0],
        map_high=map_bounds[1],
        n_test=len(label),
        n_units=len(np.unique(predictions.instance)),
        choices=choices,
        per_class=per_class,
        confusion=metrics.confusion_matrix(label, predicted, num_classes),
        absent_classes=tuple(name for name, one in per_class.items() if one.support == 0),
        predictions=predictions,
    )
