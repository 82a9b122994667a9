"""How Stage 1 is doing, in figures that no loss sees: clusters against true places, and the video's votes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from detach_core.clustering import agreement
from detach_core.clustering.kmeans import spherical_kmeans
from detach_core.methods.batch import Truth, WindowBatch

# A classifier that gives nearly all windows one cluster would merge the clusters in the refinement.
COLLAPSED_SHARE = 0.8


def cluster_agreement(label: Tensor, location: Tensor, among: Tensor | None = None) -> dict[str, float]:
    """Purity, Hungarian accuracy and mutual information of clusters with true places, `among` some windows or all."""
    if among is not None:
        label, location = label[among], location[among]
    if not len(label):
        return dict.fromkeys(("purity", "hungarian", "nmi"), float("nan"))
    cluster, reference = label.cpu().numpy(), location.cpu().numpy()
    return {
        "purity": agreement.purity(cluster, reference),
        "hungarian": agreement.hungarian_accuracy(cluster, reference),
        "nmi": agreement.mutual_information(cluster, reference),
    }


def agreement_row(label: Tensor, truth: Truth, confident: Tensor) -> dict[str, Any]:
    """The agreement over all windows and over the confident and the ambiguous ones."""
    return {
        "confident_share": float(confident.double().mean()),
        "clusters": cluster_agreement(label, truth.location),
        "clusters_confident": cluster_agreement(label, truth.location, confident),
        "clusters_ambiguous": cluster_agreement(label, truth.location, ~confident),
    }


def reference_agreement(activation: Tensor, label: Tensor, truth: Truth, *, starts: int, seed: int) -> dict[str, Any]:
    """What the clusters are to be compared with: k-means on the activation vector, and the same clusters shuffled."""
    kmeans, _ = spherical_kmeans(activation, int(label.max()) + 1, num_starts=starts, seed=seed)
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed)).to(label.device)
    return {
        "activation_kmeans": cluster_agreement(kmeans, truth.location),
        "shuffled_clusters": cluster_agreement(label[order], truth.location),
        "location_source": truth.source,
    }


def vote_row(vote: Tensor, label: Tensor, confident: Tensor, truth: Truth) -> dict[str, Any]:
    """How often the video's vote is the sensor's cluster, how good it is, and whether the votes have collapsed.

    Args:
        vote: (N,) cluster that the video names, -1 where it was not asked.
        label: (N,) clusters of the memory.
        confident: (N,) bool.
        truth: true places.
    """
    asked = vote >= 0
    if not bool(asked.any()):
        return {}
    same = (vote == label).double()
    votes = vote[asked].cpu().numpy()
    share = agreement.largest_share(votes)
    row: dict[str, Any] = {
        "vote_agreement_confident": float(same[asked & confident].mean()),
        "vote_agreement_ambiguous": float(same[asked & ~confident].mean()),
        "votes_ambiguous": cluster_agreement(vote, truth.location, asked & ~confident),
        "vote_entropy": agreement.entropy(votes),
        "vote_largest_share": share,
    }
    if share > COLLAPSED_SHARE:
        row["warning"] = f"the video names one cluster for {share:.0%} of the windows; refinement would merge clusters"
    return row


def unseen_accuracy(
    classify: Callable[[WindowBatch], Tensor], clusters: Iterable[tuple[WindowBatch, Tensor, Tensor]]
) -> dict[str, Any]:
    """How often the video names the sensor's cluster of confident windows that training has not seen.

    Args:
        classify: the video's cluster logits (B, K) of a batch.
        clusters: batches with the sensor's clusters (B,) and which of them are confident (B,).
    """
    right, count = 0, 0
    for batch, cluster, confident in clusters:
        right += int((classify(batch).argmax(dim=1) == cluster)[confident].sum())
        count += int(confident.sum())
    return {"video_accuracy_unseen": right / count if count else None, "num_confident_unseen": count}
