"""Agreement of clusters with places for many weightings of the windows, and the claims about Stage 1's clusters.

Places come from the simulation's truth, from labels or from the switch that is active, as `windows.h5` says; windows
of unknown place are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detach_core.clustering import spherical_kmeans
from detach_core.contracts.embeddings import Assignments, Embeddings
from detach_core.contracts.rows import SelectedRows, blocks
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.encoders.sensor_networks import ActivationVector
from detach_core.evaluation.claim_evidence import Artifacts, Line
from detach_core.evaluation.intervals import MetricOfWeights, SplitMetrics, Values, estimate, instances_of
from detach_core.evaluation.settings import (
    ActivationSettings,
    Claim,
    ClusterSettings,
    ConfidentPuritySettings,
    OverKmeansSettings,
    RefinementSettings,
)
from detach_core.foundation.errors import UserError
from detach_core.methods.detach.stage1 import KMEANS_SEED, KMEANS_STARTS, REFINEMENT
from detach_core.signals.normalization import apply_form

Labels = NDArray[np.integer]


def contingency(cluster: Labels, place: Labels, weight: Values) -> Values:
    """Weight of the windows of each (cluster, place) pair, (B, K, P).

    Args:
        cluster: (N,) from 0.
        place: (N,) from 0; none unknown.
        weight: (B, N) how often each window is in each resample.

    Raises:
        ValueError: the shapes do not fit, or a place is unknown.
    """
    if cluster.shape != place.shape or cluster.ndim != 1 or weight.shape[1:] != cluster.shape or (place < 0).any():
        raise ValueError(f"expected (N,), (N,) and (B, N), got {cluster.shape}, {place.shape} and {weight.shape}")
    num_clusters, num_places = int(cluster.max()) + 1, int(place.max()) + 1
    pair = cluster * num_places + place
    member = np.zeros((len(pair), num_clusters * num_places))
    member[np.arange(len(pair)), pair] = 1.0
    return (weight @ member).reshape(-1, num_clusters, num_places)


def hungarian_accuracies(counts: Values) -> Values:
    """(B,) share of windows that are right under the best one-to-one naming of clusters; counts (B, K, P)."""
    best = np.empty(len(counts))
    for row, table in enumerate(counts):
        cluster, place = linear_sum_assignment(table, maximize=True)
        best[row] = table[cluster, place].sum() / table.sum()
    return best


def normalised_mutual_information(counts: Values) -> Values:
    """(B,) mutual information over the mean of both entropies; 0 where both are constant; counts (B, K, P)."""
    share = counts / counts.sum(axis=(1, 2), keepdims=True)
    by_cluster, by_place = share.sum(axis=2), share.sum(axis=1)
    mean = (_entropy(by_cluster) + _entropy(by_place)) / 2.0
    joint = _entropy(share.reshape(len(share), -1))
    information = 2.0 * mean - joint
    return np.divide(information, mean, out=np.zeros_like(mean), where=mean > 0.0)


def right_by_majority(cluster: Labels, place: Labels) -> NDArray[np.bool_]:
    """(N,) whether a window's place is the commonest of its cluster, over all windows given; the first of equals."""
    counts = contingency(cluster, place, np.ones((1, len(cluster))))[0]
    return np.asarray(counts.argmax(axis=1)[cluster] == place)


def _entropy(share: Values) -> Values:
    logarithm = np.log(share, out=np.zeros_like(share), where=share > 0.0)
    return np.asarray(-(share * logarithm).sum(axis=-1))


AGREEMENTS = {"hungarian": hungarian_accuracies, "nmi": normalised_mutual_information}

ON_INPUT = "k-means on Stage 1's input"


def over_kmeans(claim: Claim[OverKmeansSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Agreement of the last clusters with places, minus that of k-means with as many clusters, a line for each k-means.

    One clusters hand-made features. The other clusters what Stage 1 itself is fed, by the function that starts Stage 1:
    without a lead over that one, training has added nothing.
    """
    windows, metric = artifacts.windows[dataset], AGREEMENTS[claim.settings.figure]
    activation = claim.activation
    if activation is None:
        raise UserError(
            "claims: clusters_over_kmeans: found no activation settings of Stage 1, expected those of its input"
        )

    def on_features(split: str) -> list[tuple[Assignments, Labels]]:
        stage_ones = artifacts.of("assignments", dataset, split, claim.settings.spatial)
        features: list[Embeddings] = artifacts.of("embeddings", dataset, split, claim.settings.variant)
        seed = artifacts.interval.seed
        return [
            (one, kmeans_clusters(other.sensor[one.window], one.num_clusters, seed))
            for one, other in zip(stage_ones, features, strict=True)
        ]

    def on_input(split: str) -> list[tuple[Assignments, Labels]]:
        stage_ones = artifacts.of("assignments", dataset, split, claim.settings.spatial)
        # The input does not depend on the training seed.
        theirs = input_clusters(windows, artifacts.split(dataset, split), stage_ones[0], activation)
        return [(one, theirs) for one in stage_ones]

    def lead(one: Assignments, clusters: Labels) -> MetricOfWeights:
        known, place = _known(windows, one)
        ours, theirs = one.cluster[-1][known], clusters[known]
        return lambda weight: metric(contingency(ours, place, weight)) - metric(contingency(theirs, place, weight))

    for compared, labels_of in ((f"k-means on {claim.settings.variant}", on_features), (ON_INPUT, on_input)):
        splits = {
            split: [
                (one, lead(one, theirs) if _has_places(one, artifacts, dataset) else None)
                for one, theirs in labels_of(split)
            ]
            for split in claim.splits_of(dataset)
        }
        yield _cluster_line(splits, dataset, artifacts, compared=compared)


def confident_purer(claim: Claim[ConfidentPuritySettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Share of right windows among the confident minus that among the ambiguous, before the refinement."""

    def of_seed(one: Assignments, windows: Windows) -> MetricOfWeights:
        known, place = _known(windows, one)
        row = _before_refinement(one)
        right = right_by_majority(one.cluster[row][known], place)
        confident = one.confident[row][known]
        return lambda weight: _share(weight, right, confident) - _share(weight, right, ~confident)

    yield _cluster_line(_each(claim, dataset, artifacts, of_seed), dataset, artifacts)


def refinement_raises(claim: Claim[ConfidentPuritySettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Share of right windows at the end minus that before the refinement, among those that were ambiguous then."""

    def of_seed(one: Assignments, windows: Windows) -> MetricOfWeights:
        known, place = _known(windows, one)
        row = _before_refinement(one)
        ambiguous = ~one.confident[row][known]
        before, after = (right_by_majority(one.cluster[k][known], place) for k in (row, -1))
        return lambda weight: _share(weight, after, ambiguous) - _share(weight, before, ambiguous)

    yield _cluster_line(_each(claim, dataset, artifacts, of_seed), dataset, artifacts)


def refinement_over_control(claim: Claim[RefinementSettings], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    """Share of right windows at the end minus the control's, among those that were ambiguous before the refinement."""

    def of_seed(one: Assignments, control: Assignments, windows: Windows) -> MetricOfWeights:
        known, place = _known(windows, one)
        ambiguous = ~one.confident[_before_refinement(one)][known]
        refined, unrefined = (right_by_majority(which.cluster[-1][known], place) for which in (one, control))
        return lambda weight: _share(weight, refined, ambiguous) - _share(weight, unrefined, ambiguous)

    splits = {}
    for split in claim.splits_of(dataset):
        names = (claim.settings.spatial, claim.settings.control)
        both = (artifacts.of("assignments", dataset, split, name) for name in names)
        splits[split] = [
            (one, of_seed(one, other, artifacts.windows[dataset]) if _has_places(one, artifacts, dataset) else None)
            for one, other in zip(*both, strict=True)
        ]
    yield _cluster_line(splits, dataset, artifacts, compared=claim.settings.control)


def kmeans_clusters(features: NDArray[np.float32], num_clusters: int, seed: int) -> NDArray[np.int64]:
    """(N,) clusters of k-means on features (N, D) standardised per column."""
    from sklearn.cluster import KMeans  # late: it imports pandas where there is one
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    found = KMeans(num_clusters, n_init=KMEANS_STARTS, random_state=seed).fit(scaled).labels_
    return np.asarray(found, dtype=np.int64)


def input_clusters(
    windows: Windows, split: Split, stage_one: Assignments, settings: ActivationSettings
) -> NDArray[np.int64]:
    """(N,) clusters of spherical k-means on the activation vectors of the windows that a Stage 1 clusters.

    Args:
        windows: of the dataset.
        split: whose pretraining windows Stage 1 has clustered.
        stage_one: says how many clusters.
        settings: those of Stage 1.

    Raises:
        UserError: Stage 1 has clustered other windows than the split's.
    """
    if not np.array_equal(stage_one.window, split.pretrain):
        raise UserError(
            f"claims: assignments of {split.dataset}, split {split.name}: found {len(stage_one.window)} windows that"
            f" are not the {len(split.pretrain)} that split.json pretrains on; rerun the rule pretrain_spatial"
        )
    activation = torch.from_numpy(activations(windows, split, settings))
    return spherical_kmeans(activation, stage_one.num_clusters, num_starts=KMEANS_STARTS, seed=KMEANS_SEED)[0].numpy()


def activations(windows: Windows, split: Split, settings: ActivationSettings) -> NDArray[np.float32]:
    """(N, C) activation vectors of the pretraining windows, as Stage 1 makes them of its sensor windows."""
    form, mode = settings.form, settings.activation
    vector = ActivationVector(len(windows.channel_names), form=form, mode=mode, quantile=settings.activation_quantile)
    statistics = split.normalisation.activation[form]
    vector.set_statistics({"mean": statistics.mean.tolist(), "std": statistics.std.tolist()})
    sensors = [
        torch.from_numpy(apply_form(piece, split.normalisation, form).astype(np.float32))
        for _, piece in blocks(SelectedRows(windows.sensor, split.pretrain))
    ]
    sensor = torch.cat(sensors)
    if form == "centred" and mode != "abs":
        vector.fit_statistics(sensor)
    return np.asarray(vector(sensor).numpy())


def _each(claim: Claim[ClusterSettings], dataset: str, artifacts: Artifacts, of_seed: Any) -> dict[str, list[Any]]:
    """Split -> for each seed its Stage 1 and the metric, None where no window's place is known."""
    windows = artifacts.windows[dataset]
    return {
        split: [
            (one, of_seed(one, windows) if _has_places(one, artifacts, dataset) else None)
            for one in artifacts.of("assignments", dataset, split, claim.settings.spatial)
        ]
        for split in claim.splits_of(dataset)
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


def _cluster_line(splits: Mapping[str, list[Any]], dataset: str, artifacts: Artifacts, compared: str = "") -> Line:
    windows = artifacts.windows[dataset]
    metrics, units = [], 0
    for seeds in splits.values():
        if any(metric is None for _, metric in seeds):
            return Line(None, compared=compared, note="no window's place is known")
        clustered = seeds[0][0].window[_known(windows, seeds[0][0])[0]]
        instance, label = windows.instance[clustered].astype(np.int64), windows.label[clustered].astype(np.int64)
        units += len(instances_of(instance)[0])
        metrics.append(SplitMetrics(instance, label, tuple(metric for _, metric in seeds)))
    found = estimate(metrics, artifacts.interval)
    if np.isnan([found.value, found.low]).any():
        return Line(None, compared=compared, note="a group of windows is empty, here or in a resample")
    return Line(found, "", compared, units, tuple(splits), note=f"places from {windows.location_source}")
