"""Clusters of Stage 1: centroids, confident windows, label stability (paper, Sec. 3.1; repair after ODC).

`feature` is (N, d) with unit rows, `label` (N,) int64, `centroid` (K, d) of any length; cosines decide. Confident
windows teach the video; the others, ambiguous, are refined by it. A window is one or the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from detach_core.clustering import spherical_kmeans, split_in_two


def nearest_centroid(feature: Tensor, centroid: Tensor) -> Tensor:
    """Index (N,) of the centroid with the largest cosine; the first of equal ones.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if feature.ndim != 2 or centroid.ndim != 2 or feature.shape[1] != centroid.shape[1]:
        raise ValueError(f"expected (N, d) and (K, d), got {tuple(feature.shape)} and {tuple(centroid.shape)}")
    return (feature @ normalize(centroid, dim=1).T).argmax(dim=1)


def memory_means(feature: Tensor, label: Tensor, centroid: Tensor) -> Tensor:
    """The mean of each cluster's features (K, d); a cluster without members keeps its `centroid`."""
    member = one_hot(label, len(centroid)).to(feature)
    mean = (member.T @ feature) / member.sum(dim=0).clamp(min=1.0)[:, None]
    # The mean of opposite features has no direction, so no cosine: as good as no members.
    return torch.where(torch.linalg.vector_norm(mean, dim=1, keepdim=True) > 1e-6, mean, centroid)


def minimum_members(share: float, num_windows: int, num_clusters: int) -> int:
    """Members below which a cluster is repaired: `share` of the average cluster, rounded up; 0: no repair."""
    return math.ceil(share * num_windows / num_clusters)


def repair_small_clusters(
    feature: Tensor, label: Tensor, centroid: Tensor, *, min_members: int
) -> tuple[Tensor, Tensor, int]:
    """Labels, centroids and the number of clusters repaired.

    Each cluster with fewer than `min_members`, smallest first, gives its members to the nearest cluster that is not
    small and takes one half of the largest cluster instead. Nothing is done when all clusters are small, and the
    repair ends when the largest cluster has fewer than two times `min_members`, so that a repair never makes a small
    cluster.
    """
    label, centroid = label.clone(), centroid.clone()
    num_clusters = len(centroid)
    counts = torch.bincount(label, minlength=num_clusters)
    small = [k for k in counts.argsort(stable=True).tolist() if counts[k] < min_members]
    if len(small) == num_clusters:
        return label, centroid, 0
    for repaired, cluster in enumerate(small):
        sound = [k for k in range(num_clusters) if k not in small[repaired:]]
        largest = max(sound, key=lambda k: (int(counts[k]), -k))
        if counts[largest] < 2 * min_members:
            return label, centroid, repaired
        orphan = label == cluster
        label[orphan] = torch.tensor(sound, device=label.device)[nearest_centroid(feature[orphan], centroid[sound])]
        member = (label == largest).nonzero()[:, 0]
        label[member[split_in_two(feature[member], min_members=min_members)]] = cluster
        centroid = memory_means(feature, label, centroid)
        counts = torch.bincount(label, minlength=num_clusters)
    return label, centroid, len(small)


# A quantile of fewer distances is only one or two of them.
FEWEST_MEMBERS = 4


@torch.no_grad()
def cluster_thresholds(feature: Tensor, label: Tensor, centroid: Tensor, quantile: float) -> Tensor:
    """Distance (K,) at `quantile` of each cluster's members, linearly interpolated.

    -inf for a cluster with fewer than FEWEST_MEMBERS: none of its windows is confident. +inf for all when `quantile`
    is 1: live features lie beyond the memory's farthest one, yet nothing is to be ambiguous then.

    Args:
        feature: (N, d) of the memory, unit rows.
        label: (N,) clusters of the memory.
        centroid: (K, d).
        quantile: within (0, 1]; the paper's 75 % is 0.75.

    Raises:
        ValueError: if `quantile` is outside (0, 1].
    """
    if not 0 < quantile <= 1:
        raise ValueError(f"quantile must be above 0 and at most 1, got {quantile}")
    if quantile == 1:
        return feature.new_full((len(centroid),), math.inf)
    distance = torch.linalg.vector_norm(feature - centroid[label], dim=1)
    thresholds = feature.new_full((len(centroid),), -math.inf)
    for cluster in range(len(centroid)):
        members = distance[label == cluster]
        if len(members) >= FEWEST_MEMBERS:
            thresholds[cluster] = torch.quantile(members, quantile)
    return thresholds


@torch.no_grad()
def is_confident(
    feature: Tensor, label: Tensor, centroid: Tensor, thresholds: Tensor, *, strict: bool = False
) -> Tensor:
    """(B,) bool: the distance of each feature's direction from its cluster's centroid is within the threshold.

    Note (differs from paper): the paper and the authors' code say "below"; where many windows are alike (switches at
    rest) the quantile is their common distance, and "below" would never trust any of them. `strict=True` is that form.

    Args:
        feature: (B, d), of any length.
        label: (B,) clusters.
        centroid: (K, d).
        thresholds: (K,), of `cluster_thresholds`.
        strict: below the threshold, not at it.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if feature.ndim != 2 or label.shape != feature.shape[:1] or thresholds.shape != centroid.shape[:1]:
        raise ValueError(
            "expected features (B, d), labels (B,), centroids (K, d) and thresholds (K,), got "
            f"{tuple(feature.shape)}, {tuple(label.shape)}, {tuple(centroid.shape)} and {tuple(thresholds.shape)}"
        )
    distance = torch.linalg.vector_norm(normalize(feature, dim=1) - centroid[label], dim=1)
    limit = thresholds[label]
    # Equal windows give distances that are equal but for rounding.
    tolerance = 16 * torch.finfo(distance.dtype).eps
    confident: Tensor = distance < limit if strict else distance <= limit + tolerance
    return confident


def change_rate(label: Tensor, previous: Tensor) -> float:
    """Share of windows whose pseudo-label differs between two epochs' ends. Range [0, 1].

    Raises:
        ValueError: if the shapes differ or there is no window.
    """
    if label.shape != previous.shape or label.numel() == 0:
        raise ValueError(f"expected two equal, non-empty shapes, got {tuple(label.shape)} and {tuple(previous.shape)}")
    return float((label != previous).double().mean())


def has_reached_plateau(rates: Sequence[float], *, rate: float, epochs: int, min_epochs: int) -> bool:
    """Whether `min_epochs` have passed and each of the last `epochs` changed less than `rate` of the windows."""
    return len(rates) >= max(min_epochs, epochs) and all(value < rate for value in rates[-epochs:])


def refinement_is_over(
    rates: Sequence[float],
    *,
    stop: Literal["adaptive", "fixed"],
    refinement_epochs: int,
    min_refinement_epochs: int,
    plateau_rate: float,
    plateau_epochs: int,
) -> bool:
    """Whether the refinement phase with the change rates `rates` so far ends here.

    `fixed` ends after `refinement_epochs`; `adaptive` at a plateau, and after `refinement_epochs` at the latest.

    Raises:
        ValueError: for an unknown `stop`.
    """
    if stop not in ("adaptive", "fixed"):
        raise ValueError(f"stop must be 'adaptive' or 'fixed', got {stop!r}")
    if len(rates) >= refinement_epochs:
        return True
    return stop == "adaptive" and has_reached_plateau(
        rates, rate=plateau_rate, epochs=plateau_epochs, min_epochs=min_refinement_epochs
    )


class MemoryBank(nn.Module):
    """Features (N, d) with unit rows, pseudo-labels (N,) int64 and centroids (K, d) of the pretraining windows.

    Row i belongs to the i-th pretraining window whatever order batches come in. All three are buffers, so a checkpoint
    holds them. Nothing here has a gradient.
    """

    feature: Tensor
    label: Tensor
    centroid: Tensor

    def __init__(self, *, num_windows: int, dim: int, num_clusters: int) -> None:
        super().__init__()
        self.register_buffer("feature", torch.zeros(num_windows, dim))
        self.register_buffer("label", torch.zeros(num_windows, dtype=torch.int64))
        self.register_buffer("centroid", torch.zeros(num_clusters, dim))

    def sized(self, num_windows: int) -> MemoryBank:
        """An empty memory for another number of windows, with the same feature width, clusters and device."""
        num_clusters, dim = self.centroid.shape
        return MemoryBank(num_windows=num_windows, dim=dim, num_clusters=num_clusters).to(self.centroid.device)

    @torch.no_grad()
    def start(self, feature: Tensor, *, num_starts: int, seed: int) -> None:
        """Fill the memory with `feature` (N, d), of any length, and its clusters by spherical k-means.

        Raises:
            ValueError: on shapes that do not fit, a feature that is not finite, fewer windows than clusters.
        """
        if feature.shape != self.feature.shape:
            raise ValueError(f"expected features {tuple(self.feature.shape)}, got {tuple(feature.shape)}")
        label, centre = spherical_kmeans(feature, len(self.centroid), num_starts=num_starts, seed=seed)
        self.feature.copy_(normalize(feature, dim=1))
        self.label.copy_(label)
        self.centroid.copy_(centre)

    @torch.no_grad()
    def update(self, index: Tensor, feature: Tensor, *, momentum: float) -> Tensor:
        """Blend new features into the memory and relabel those windows; the share of changed labels (scalar).

        M <- normalise((1 - momentum) M + momentum feature / |feature|): `momentum` multiplies the new feature.

        Args:
            index: (B,) int64 rows of the memory, none twice.
            feature: (B, d), of any length.
            momentum: mu, within (0, 1].

        Raises:
            ValueError: on shapes that do not fit, or a feature that is not finite.
        """
        if index.ndim != 1 or feature.shape != (len(index), self.feature.shape[1]):
            raise ValueError(f"expected (B,) and (B, d), got {tuple(index.shape)} and {tuple(feature.shape)}")
        if not bool(torch.isfinite(feature).all()):
            raise ValueError("features must be finite: a non-finite one would never leave the memory")
        old = self.feature[index]
        blend = (1.0 - momentum) * old + momentum * normalize(feature.to(old.dtype), dim=1)
        # Opposite features cancel, and what is left has no direction: the memory keeps what it has.
        new = torch.where(torch.linalg.vector_norm(blend, dim=1, keepdim=True) > 1e-6, normalize(blend, dim=1), old)
        label = nearest_centroid(new, self.centroid)
        changed = (label != self.label[index]).to(new.dtype).mean()
        self.feature[index] = new
        self.label[index] = label
        return changed

    @torch.no_grad()
    def recompute_centroids(self) -> None:
        """Update of the centroids to the means of their members' features."""
        self.centroid.copy_(memory_means(self.feature, self.label, self.centroid))

    @torch.no_grad()
    def repair(self, *, min_members: int) -> int:
        """Repair of small clusters and their number; see `repair_small_clusters`."""
        label, centroid, repaired = repair_small_clusters(
            self.feature, self.label, self.centroid, min_members=min_members
        )
        self.label.copy_(label)
        self.centroid.copy_(centroid)
        return repaired

    def counts(self) -> Tensor:
        """Members of each cluster, (K,) int64."""
        return torch.bincount(self.label, minlength=len(self.centroid))

    def thresholds(self, quantile: float) -> Tensor:
        """Largest distance (K,) at which a window of each cluster is confident; see `cluster_thresholds`."""
        return cluster_thresholds(self.feature, self.label, self.centroid, quantile)
