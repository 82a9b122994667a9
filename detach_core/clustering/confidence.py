"""Which windows are close enough to their centroid to be trusted (paper, Sec. 3.1).

Confident windows teach the video; the others, ambiguous, are refined by it. A window is one or the other.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

# A quantile of fewer distances is one or two of them, and says nothing.
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
