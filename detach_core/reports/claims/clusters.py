"""Claims about Stage 1's clusters, held against the places where windows truly happen.

Places come from the simulation's truth, from labels or from the switch that is active, as `windows.h5` says; windows
of unknown place are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.assignments import Assignments
from detach_core.contracts.embeddings import Embeddings
from detach_core.contracts.windows import Windows
from detach_core.evaluation.cluster_figures import (
    contingency,
    hungarian_accuracies,
    normalised_mutual_information,
    right_by_majority,
)
from detach_core.evaluation.hierarchy import FigureOfWeights, SplitFigures, Values, estimate
from detach_core.evaluation.intervals import instances_of
from detach_core.methods.spatial_phases import REFINEMENT
from detach_core.reports.claims.artifacts import Artifacts, splits_of
from detach_core.reports.claims.line import Line

Labels = NDArray[np.integer]
FIGURES = {"hungarian": hungarian_accuracies, "nmi": normalised_mutual_information}
KMEANS_STARTS = 10


def over_kmeans(claim: Mapping[str, Any], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Agreement of the last clusters with places, minus that of k-means with as many clusters on hand-made features."""
    figure = FIGURES[claim["figure"]]

    def of_seed(stage_one: Assignments, features: Embeddings, windows: Windows) -> FigureOfWeights:
        known, place = _known(windows, stage_one)
        ours = stage_one.cluster[-1][known]
        theirs = kmeans_clusters(features.sensor[stage_one.window], stage_one.num_clusters, artifacts.interval.seed)
        theirs = theirs[known]
        return lambda weight: figure(contingency(ours, place, weight)) - figure(contingency(theirs, place, weight))

    splits = {}
    for split in splits_of(claim, dataset):
        stage_ones = artifacts.of("assignments", dataset, split, claim["spatial"])
        features = artifacts.of("embeddings", dataset, split, claim["variant"])
        splits[split] = [
            (one, of_seed(one, other, artifacts.windows[dataset]))
            if _has_places(one, artifacts, dataset)
            else (one, None)
            for one, other in zip(stage_ones, features, strict=True)
        ]
    yield _line(splits, dataset, artifacts, compared=f"k-means on {claim['variant']}")


def confident_purer(claim: Mapping[str, Any], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Share of right windows among the confident minus that among the ambiguous, before the refinement."""

    def of_seed(one: Assignments, windows: Windows) -> FigureOfWeights:
        known, place = _known(windows, one)
        row = _before_refinement(one)
        right = right_by_majority(one.cluster[row][known], place)
        confident = one.confident[row][known]
        return lambda weight: _share(weight, right, confident) - _share(weight, right, ~confident)

    yield _line(_each(claim, dataset, artifacts, of_seed), dataset, artifacts)


def refinement_raises(claim: Mapping[str, Any], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Share of right windows at the end minus that before the refinement, among those that were ambiguous then."""

    def of_seed(one: Assignments, windows: Windows) -> FigureOfWeights:
        known, place = _known(windows, one)
        row = _before_refinement(one)
        ambiguous = ~one.confident[row][known]
        before, after = (right_by_majority(one.cluster[k][known], place) for k in (row, -1))
        return lambda weight: _share(weight, after, ambiguous) - _share(weight, before, ambiguous)

    yield _line(_each(claim, dataset, artifacts, of_seed), dataset, artifacts)


def refinement_over_control(claim: Mapping[str, Any], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Share of right windows at the end minus the control's, among those that were ambiguous before the refinement."""

    def of_seed(one: Assignments, control: Assignments, windows: Windows) -> FigureOfWeights:
        known, place = _known(windows, one)
        ambiguous = ~one.confident[_before_refinement(one)][known]
        refined, unrefined = (right_by_majority(which.cluster[-1][known], place) for which in (one, control))
        return lambda weight: _share(weight, refined, ambiguous) - _share(weight, unrefined, ambiguous)

    splits = {}
    for split in splits_of(claim, dataset):
        both = (artifacts.of("assignments", dataset, split, claim[key]) for key in ("spatial", "control"))
        splits[split] = [
            (one, of_seed(one, other, artifacts.windows[dataset]) if _has_places(one, artifacts, dataset) else None)
            for one, other in zip(*both, strict=True)
        ]
    yield _line(splits, dataset, artifacts, compared=claim["control"])


def kmeans_clusters(features: NDArray[np.float32], num_clusters: int, seed: int) -> NDArray[np.int64]:
    """(N,) clusters of k-means on features (N, D) standardised per column."""
    from sklearn.cluster import KMeans  # late: it imports pandas where there is one
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    found = KMeans(num_clusters, n_init=KMEANS_STARTS, random_state=seed).fit(scaled).labels_
    return np.asarray(found, dtype=np.int64)


def _each(claim: Mapping[str, Any], dataset: str, artifacts: Artifacts, of_seed: Any) -> dict[str, list[Any]]:
    """Split -> for each seed its Stage 1 and the figure, None where no window's place is known."""
    windows = artifacts.windows[dataset]
    return {
        split: [
            (one, of_seed(one, windows) if _has_places(one, artifacts, dataset) else None)
            for one in artifacts.of("assignments", dataset, split, claim["spatial"])
        ]
        for split in splits_of(claim, dataset)
    }


def _has_places(one: Assignments, artifacts: Artifacts, dataset: str) -> bool:
    return bool((artifacts.windows[dataset].location[one.window] >= 0).any())


def _known(windows: Windows, one: Assignments) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(N,) which of the clustered windows have a known place, and the places of those."""
    location = windows.location[one.window].astype(np.int64)
    return location >= 0, location[location >= 0]


def _before_refinement(one: Assignments) -> int:
    row = one.before(REFINEMENT)
    return len(one.phases) - 1 if row is None else row


def _share(weight: Values, right: NDArray[np.bool_], among: NDArray[np.bool_]) -> Values:
    """(B,) weighted share of `right` among some windows; NaN where none is drawn."""
    total = weight @ among.astype(np.float64)
    hits = weight @ (among & right).astype(np.float64)
    return np.divide(hits, total, out=np.full_like(total, np.nan), where=total > 0.0)


def _line(splits: Mapping[str, list[Any]], dataset: str, artifacts: Artifacts, compared: str = "") -> Line:
    windows = artifacts.windows[dataset]
    figures, units = [], 0
    for seeds in splits.values():
        if any(figure is None for _, figure in seeds):
            return Line(None, compared=compared, note="no window's place is known")
        clustered = seeds[0][0].window[_known(windows, seeds[0][0])[0]]
        instance, label = windows.instance[clustered].astype(np.int64), windows.label[clustered].astype(np.int64)
        units += len(instances_of(instance)[0])
        figures.append(SplitFigures(instance, label, tuple(figure for _, figure in seeds)))
    found = estimate(figures, artifacts.interval)
    if np.isnan([found.value, found.low]).any():
        return Line(None, compared=compared, note="a group of windows is empty, here or in a resample")
    return Line(found, "", compared, units, tuple(splits), note=f"places from {windows.location_source}")
