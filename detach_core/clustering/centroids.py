"""Centroids of the clusters: nearest one, memory means, repair of small clusters (after ODC).

`feature` is (N, d) with unit rows, `label` (N,) int64, `centroid` (K, d) of any length; cosines decide.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from detach_core.clustering.kmeans import split_in_two


def nearest_centroid(feature: Tensor, centroid: Tensor) -> Tensor:
    """Index (N,) of the centroid with the largest cosine; the first of equals.

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
