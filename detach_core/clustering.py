"""Clustering of features on the unit sphere by k-means, and agreement of clusters with a reference.

k-means is deterministic for a seed. Figures of agreement are for monitoring alone, within [0, 1] and unchanged by
renaming the clusters; a reference of -1 is unknown and left out.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize, one_hot

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

MAX_ITERATIONS = 100


def kmeans(rows: NDArray[np.float64], num_clusters: int, *, num_starts: int, seed: int) -> KMeans:
    """k-means on `rows` (N, d), by scikit-learn: the best of `num_starts` seeded starts."""
    # Imported late: scikit-learn takes seconds, and every training job imports this module.
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    found = KMeans(n_clusters=num_clusters, n_init=num_starts, random_state=seed)
    # One thread: sums of several threads differ in their last bits. Too few distinct windows are no error here.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return found.fit(rows)


@torch.no_grad()
def spherical_kmeans(feature: Tensor, num_clusters: int, *, num_starts: int, seed: int) -> tuple[Tensor, Tensor]:
    """Cluster of each row (N,) int64 and the centres (K, d), unit rows.

    scikit-learn finds the best of `num_starts` seeded starts on the unit rows; then centres on the sphere are settled.

    Args:
        feature: (N, d), of any length.
        num_clusters: K, at most N.
        num_starts: k-means++ starts to choose from.
        seed: of the starts.

    Raises:
        ValueError: if there are fewer windows than clusters, or a feature is not finite.
    """
    if feature.ndim != 2 or len(feature) < num_clusters:
        raise ValueError(
            f"{num_clusters} clusters need (N, d) with at least as many windows, got {tuple(feature.shape)}"
        )
    if not bool(torch.isfinite(feature).all()):
        raise ValueError("features must be finite")
    unit = normalize(feature, dim=1)
    found = kmeans(unit.double().cpu().numpy(), num_clusters, num_starts=num_starts, seed=seed)
    centre = torch.from_numpy(found.cluster_centers_).to(unit)
    return settle_centres(unit, centre)


@torch.no_grad()
def settle_centres(unit: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and centres after alternating nearest-centre and normalised-mean steps until no label changes.

    Args:
        unit: (N, d), unit rows.
        centre: (K, d) to start from. A centre without members stays.
    """
    centre = normalize(centre, dim=1)
    label = (unit @ centre.T).argmax(dim=1)
    for _ in range(MAX_ITERATIONS):
        member = one_hot(label, len(centre)).to(unit)
        total = member.T @ unit
        centre = torch.where(
            torch.linalg.vector_norm(total, dim=1, keepdim=True) > 1e-12, normalize(total, dim=1), centre
        )
        previous, label = label, (unit @ centre.T).argmax(dim=1)
        if torch.equal(label, previous):
            break
    return label, centre


@torch.no_grad()
def split_in_two(unit: Tensor, *, min_members: int) -> Tensor:
    """Half of two to which each row belongs, (N,) bool.

    2-means from the two sides of the main axis. If that leaves a side with fewer than `min_members`, the rows are
    halved in their order along the axis between the two centres; rows that are all equal are thereby halved by index.

    Args:
        unit: (N, d), unit rows, N >= 2.
        min_members: the smallest side that is accepted.

    Raises:
        ValueError: if there are fewer than two rows.
    """
    if len(unit) < 2:
        raise ValueError(f"at least two rows are needed for a split, got {len(unit)}")
    offset = (unit - unit.mean(dim=0)).double()
    axis = torch.linalg.eigh(offset.T @ offset).eigenvectors[:, -1]
    side: Tensor = offset @ axis > 0
    if bool(side.any()) and not bool(side.all()):
        label, centre = settle_centres(unit, torch.stack([unit[~side].mean(dim=0), unit[side].mean(dim=0)]))
        side, axis = label == 1, (centre[1] - centre[0]).double()
    if min(int(side.sum()), int((~side).sum())) >= max(min_members, 1):
        return side
    # Rounded, so that rows which are equal but for their last bits keep the order of their index.
    position = (offset @ axis * 1e5).round()
    order = position.argsort(stable=True)
    half = torch.zeros_like(side)
    half[order[len(unit) // 2 :]] = True
    return half


Labels = NDArray[Any]


def purity(cluster: Labels, reference: Labels) -> float:
    """Share of windows that belong to the commonest reference of their cluster; NaN if no reference is known."""
    counts = _counts(cluster, reference)
    return float(counts.max(axis=1).sum() / counts.sum()) if counts.sum() else float("nan")


def hungarian_accuracy(cluster: Labels, reference: Labels) -> float:
    """Share of windows that are right under the best one-to-one naming of clusters; NaN if no reference is known.

    With unequal numbers of clusters and references, what has no partner counts as wrong.
    """
    counts = _counts(cluster, reference)
    if not counts.sum():
        return float("nan")
    from scipy.optimize import linear_sum_assignment  # late, as scikit-learn above

    row, column = linear_sum_assignment(counts, maximize=True)
    return float(counts[row, column].sum() / counts.sum())


def mutual_information(cluster: Labels, reference: Labels) -> float:
    """Normalised mutual information (arithmetic mean of the entropies); NaN if no reference is known."""
    known = np.asarray(reference) >= 0
    if not known.any():
        return float("nan")
    from sklearn.metrics import normalized_mutual_info_score  # late, as scikit-learn above

    return float(normalized_mutual_info_score(np.asarray(reference)[known], np.asarray(cluster)[known]))


def largest_share(label: Labels) -> float:
    """Share of the commonest label: near 1 when a classifier has collapsed to one class."""
    return float(_shares(label).max())


def entropy(label: Labels) -> float:
    """Entropy of the labels in nats: 0 when all are equal."""
    share = _shares(label)
    return float(-(share * np.log(share)).sum())


def _shares(label: Labels) -> NDArray[np.float64]:
    if np.size(label) == 0:
        raise ValueError("there is no label")
    counts = np.unique(np.asarray(label), return_counts=True)[1]
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _counts(cluster: Labels, reference: Labels) -> NDArray[np.int64]:
    """Windows of each (cluster, reference) pair."""
    cluster, reference = np.asarray(cluster), np.asarray(reference)
    if cluster.ndim != 1 or cluster.shape != reference.shape:
        raise ValueError(f"expected two (N,) arrays, got {cluster.shape} and {reference.shape}")
    known = reference >= 0
    if not known.any():
        return np.zeros((1, 1), dtype=np.int64)
    rows, row = np.unique(cluster[known], return_inverse=True)
    columns, column = np.unique(reference[known], return_inverse=True)
    counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    return counts
