"""Memory of every pretraining window's spatial feature and pseudo-label (paper, Sec. 3.1, after ODC)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from detach_core.clustering.kmeans import spherical_kmeans
from detach_core.methods.detach.clusters import (
    cluster_thresholds,
    memory_means,
    nearest_centroid,
    repair_small_clusters,
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
        """An empty memory of so many windows, with features and clusters as here, on the same device."""
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
        """Blend new features into the memory, relabel those windows; the share of them that changed cluster (scalar).

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
            raise ValueError("features must be finite: one that is not would stay in the memory for ever")
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
        """Centroids become the means of their members' features."""
        self.centroid.copy_(memory_means(self.feature, self.label, self.centroid))

    @torch.no_grad()
    def repair(self, *, min_members: int) -> int:
        """The number of small clusters repaired; see `repair_small_clusters`."""
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
