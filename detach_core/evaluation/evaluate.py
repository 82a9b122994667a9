"""Metrics of frozen features under each protocol of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.contracts.metrics import (
    Choice,
    ClassResult,
    Interval,
    Predictions,
    ProtocolResult,
    StartResult,
)
from detach_core.contracts.split import Fold, Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation import metrics
from detach_core.evaluation.intervals import FRACTION, estimate, f1_of, instances_of, map_of, split_metrics
from detach_core.evaluation.metrics import chance_level
from detach_core.evaluation.probes import ClassWeights, Probe, fit_authors_probes, fit_logistic_probes
from detach_core.foundation.errors import ContractError
from detach_core.windows.splitting import stratified_folds

Features = NDArray[np.float32] | NDArray[np.float64]


def mean_by_unit(features: Features, unit: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The mean feature (U, D) of each unit, and the units (U,) in ascending order.

    Args:
        features: (N, D), one row a window.
        unit: (N,), the unit that each window belongs to.

    Raises:
        ValueError: the shapes do not fit, or there is no window.
    """
    if features.ndim != 2 or unit.shape != features.shape[:1] or not len(unit):
        raise ValueError(f"expected (N, D) features and (N,) units, got {features.shape} and {unit.shape}")
    order = np.argsort(unit, kind="stable")
    units, first, count = np.unique(unit[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(features[order].astype(np.float64), first, axis=0)
    return sums / count[:, None], units.astype(np.int64)


def relabelled(windows: Windows, target: str) -> Windows:
    """The windows labelled by `target`, `place` or `action`, as the dataset declares them for its classes.

    Raises:
        ContractError: a class without one.
    """
    aspect = windows.places if target == "place" else windows.actions
    for name, number in zip(windows.class_names, aspect.of_class, strict=True):
        if number < 0:
            raise ContractError(
                windows.path,
                f"class_{target}s",
                expected=f"a {target} for every class",
                found=f"none for {name}",
                remedy=f"leave rows of `halves` with target {target} out of this dataset's tables and claims",
            )
    label = np.array([*aspect.of_class, -1], dtype=np.int32)[windows.label]
    blank = ("",) * len(aspect.names)
    return replace(windows, label=label, class_names=aspect.names, class_places=blank, class_actions=blank)


Ids = NDArray[np.int64]


class Units:
    """Classified units: windows, or recordings with the mean feature of their windows."""

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


@dataclass(frozen=True)
class Evaluation:
    """Metrics of every protocol, and the probe that may classify new units: the one of `protocol`."""

    results: dict[str, ProtocolResult]
    protocol: str
    probe: Probe


def evaluate_protocols(
    windows: Windows,
    split: Split,
    features: Sequence[NDArray[np.float32]],
    *,
    kind: str,
    strengths: Sequence[float],
    class_weights: ClassWeights,
    num_inner_folds: int,
    interval: Interval,
    device: torch.device,
    start: NDArray[np.float32] | None = None,
) -> Evaluation:
    """The metrics of every protocol of `split`: means over draws of folds, the folds of a draw pooled.

    The probe for new units is that of the held-out protocol, fitted on all labelled downstream units; of its draws the
    first with the commonest choice. Where nothing is held out, one is fitted on all units that `paper` tests.

    Args:
        windows: labels, recordings and instances.
        split: the folds. Its seed draws the inner folds, so that every method gets the same.
        features: (N, D) of each candidate of the search, one row a window; the unchanged settings first. Which one a
            fold's probe takes is chosen as C is.
        kind: `logistic` or `authors`.
        strengths: values of C to try.
        class_weights: whether the classes count alike in the logistic fit, and in that choice too.
        num_inner_folds: folds of that choice; windows of one gesture stay together under `by_*` protocols.
        interval: how to make intervals.
        device: where to solve.
        start: (N, D) features of the same networks untrained, probed alike; None for what is not trained.

    Raises:
        ValueError: not one feature for each window, another kind, or candidates for the authors' probe.
    """
    fit = _Fit(
        kind=kind,
        strengths=strengths,
        class_weights=class_weights,
        num_inner_folds=num_inner_folds,
        num_classes=len(windows.class_names),
        seed=split.seed,
        device=device,
    )
    measured, chosen, probe = _probed(windows, split, features, fit)
    results = {
        protocol: summarise(one.draws, windows.class_names, one.choices, interval) for protocol, one in measured.items()
    }
    if start is not None:
        for protocol, one in _probed(windows, split, [start], fit)[0].items():
            results[protocol] = replace(results[protocol], start=start_result(one.draws, len(windows.class_names)))
    return Evaluation(results, chosen, probe)


@dataclass(frozen=True)
class Probed:
    """Predictions under a protocol, for each draw of folds, and the probes' choices."""

    draws: list[Predictions]
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class _Fit:
    """Settings of the fit of probes: arguments of `evaluate_protocols`, and the seed that draws inner folds."""

    kind: str
    strengths: Sequence[float]
    class_weights: ClassWeights
    num_inner_folds: int
    num_classes: int
    seed: int
    device: torch.device

    def probes(
        self, candidates: Sequence[Units], rows: Sequence[Ids], grouped: Sequence[bool], first: int
    ) -> list[Probe]:
        """A probe for each set of training rows; its place, from `first` on, draws its inner folds."""
        units = candidates[0]
        if self.kind == "authors":
            return fit_authors_probes(
                units.features, units.label, rows, num_classes=self.num_classes, seed=self.seed, device=self.device
            )
        inner = [
            _inner_folds(units, one, self.num_inner_folds, together, np.random.default_rng([self.seed, 3, k]))
            for k, (one, together) in enumerate(zip(rows, grouped, strict=True), first)
        ]
        return fit_logistic_probes(
            [one.features for one in candidates],
            units.label,
            rows,
            inner,
            strengths=self.strengths,
            num_classes=self.num_classes,
            class_weights=self.class_weights,
            device=self.device,
        )


def _probed(
    windows: Windows, split: Split, features: Sequence[NDArray[np.float32]], fit: _Fit
) -> tuple[dict[str, Probed], str, Probe]:
    """Predictions under every protocol, and the protocol and probe for new units; as of `evaluate_protocols`."""
    lengths = [len(one) for one in features]
    if not lengths or set(lengths) != {windows.num_windows} or fit.kind not in ("logistic", "authors"):
        raise ValueError(f"expected {windows.num_windows} features and a known kind, got {lengths} and {fit.kind!r}")
    if fit.kind == "authors" and len(features) > 1:
        raise ValueError(f"the authors' probe chooses nothing, got {len(features)} candidates")
    candidates = [Units(windows, one) for one in features]
    # The authors' probe has no inner folds, so nothing of it changes from draw to draw where the folds stay.
    repeats = split.fold_draws if fit.kind == "logistic" else 1
    places = [place for protocol, folds in split.protocols.items() for place in _places(protocol, folds, repeats)]
    rows = [candidates[0].rows(place.fold.train) for place in places]
    probes = fit.probes(candidates, rows, [_is_held_out(place.protocol) for place in places], 0)
    by_protocol: dict[str, list[tuple[_Place, Probe]]] = {protocol: [] for protocol in split.protocols}
    for place, probe in zip(places, probes, strict=True):
        by_protocol[place.protocol].append((place, probe))
    results = {protocol: _of_protocol(candidates, pairs) for protocol, pairs in by_protocol.items()}
    for protocol in filter(_is_held_out, split.protocols):
        return results, protocol, _commonest([probe for _, probe in by_protocol[protocol]])
    # A fit of its own: solved together with the others, it would change their last bits.
    first = next(iter(split.protocols))
    tested = np.concatenate([fold.test for fold in split.protocols[first]])
    (whole,) = fit.probes(candidates, [candidates[0].rows(tested)], [False], len(places))
    return results, first, whole


def _of_protocol(candidates: Sequence[Units], pairs: Sequence[tuple[_Place, Probe]]) -> Probed:
    """Predictions of a protocol's probes, those of a draw's folds pooled, and their choices."""
    draws: dict[int, list[tuple[Fold, Probe]]] = {}
    for place, probe in pairs:
        draws.setdefault(place.draw, []).append((place.fold, probe))
    chosen = [probe for folds in draws.values() for _, probe in folds]
    choices = tuple(Choice(one.candidate, one.c, one.inner_loss) for one in chosen if one.c is not None)
    return Probed([_predict(candidates, folds) for folds in draws.values()], choices)


def _is_held_out(protocol: str) -> bool:
    return protocol.startswith("by_")


def _commonest(probes: Sequence[Probe]) -> Probe:
    """The first probe of those whose candidate and C most have; of equally common ones the first."""
    counts = Counter((probe.candidate, probe.c) for probe in probes)
    return max(probes, key=lambda probe: counts[probe.candidate, probe.c])


@dataclass(frozen=True)
class _Place:
    """Position of a probe: its draw and fold; `draw` also counts the inner folds of a fixed fold."""

    protocol: str
    fold: Fold
    draw: int


def _places(protocol: str, folds: Sequence[Fold], repeats: int) -> list[_Place]:
    if max(fold.draw for fold in folds):
        return [_Place(protocol, fold, fold.draw) for fold in folds]
    return [_Place(protocol, fold, draw) for draw in range(repeats) for fold in folds]


def _inner_folds(units: Units, rows: Ids, num_folds: int, grouped: bool, rng: np.random.Generator) -> Ids:
    groups = units.instance[rows] if grouped else np.arange(len(rows))
    # A unit outside any gesture is a group of its own.
    groups = np.where(groups >= 0, groups, groups.max() + 1 + np.arange(len(rows)))
    num_folds = min(num_folds, len(np.unique(groups)))
    if num_folds < 2:
        return np.zeros(len(rows), dtype=np.int64)
    return stratified_folds(units.label[rows], num_folds, rng, groups)


def _predict(candidates: Sequence[Units], pairs: Sequence[tuple[Fold, Probe]]) -> Predictions:
    rows = [candidates[0].rows(fold.test) for fold, _ in pairs]
    probabilities = [
        probe.probabilities(candidates[probe.candidate].features[one])
        for one, (_, probe) in zip(rows, pairs, strict=True)
    ]
    return pooled(candidates[0], rows, probabilities)


def pooled(units: Units, rows: Sequence[Ids], probabilities: Sequence[NDArray[np.float64]]) -> Predictions:
    """The predictions of one draw: the tested rows of `units` and their (N, K) probabilities, fold by fold."""
    order = np.argsort(np.concatenate(rows), kind="stable")
    tested, found = np.concatenate(rows)[order], np.concatenate(probabilities)[order]
    return Predictions(units.ids[tested], units.instance[tested], units.label[tested], found.argmax(axis=1), found)


def summarise(
    draws: Sequence[Predictions], class_names: Sequence[str], choices: tuple[Choice, ...], interval: Interval
) -> ProtocolResult:
    """The metrics of the predictions of all draws, with their intervals and chance levels."""
    num_classes, first = len(class_names), draws[0]
    f1 = estimate([split_metrics([draws], f1_of(num_classes))], interval, FRACTION)
    precision = estimate([split_metrics([draws], map_of)], interval, FRACTION)
    chance = chance_level(first.label, num_classes, np.random.default_rng([interval.seed, 10]))
    per_class = _per_class(draws, class_names)
    return ProtocolResult(
        f1_weighted=f1.value,
        f1_weighted_low=f1.low,
        f1_weighted_high=f1.high,
        map=precision.value,
        map_low=precision.low,
        map_high=precision.high,
        chance_f1_weighted=chance.f1_weighted,
        chance_map=chance.map,
        n_test=len(first.label),
        n_units=len(instances_of(first.instance)[0]),
        choices=choices,
        per_class=per_class,
        confusion=np.sum([metrics.confusion_matrix(one.label, one.predicted, num_classes) for one in draws], axis=0),
        absent_classes=tuple(name for name, one in per_class.items() if one.support == 0),
        predictions=tuple(draws),
    )


def start_result(draws: Sequence[Predictions], num_classes: int) -> StartResult:
    """The start's figures, means over the draws; only its difference from the trained features has an interval."""
    once = np.ones((1, len(draws[0].label)))
    f1, precision = (float(np.mean([metric(one, once)[0] for one in draws])) for metric in (f1_of(num_classes), map_of))
    return StartResult(f1, precision, tuple(draws))


def _per_class(draws: Sequence[Predictions], class_names: Sequence[str]) -> dict[str, ClassResult]:
    """Each class's metrics, means over the draws."""
    once, num_classes = np.ones((1, len(draws[0].label))), len(class_names)
    f1s = [metrics.f1_by_class(one.label, one.predicted, num_classes, once) for one in draws]
    f1, support = np.mean([one[0] for one, _ in f1s], axis=0), f1s[0][1][0]
    found = [metrics.average_precision(one.label, one.probabilities, once)[0] for one in draws]
    precision = np.mean(found, axis=0)
    return {
        name: ClassResult(float(f1[k]), float(precision[k]) if support[k] else None, int(support[k]))
        for k, name in enumerate(class_names)
    }
