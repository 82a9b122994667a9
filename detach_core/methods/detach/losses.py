"""Losses of DETACH: against pseudo-labels (Sec. 3.1, Eqs. 1-4), and the weighted contrast (Sec. 3.2, Eqs. 12-13).

Logits are (N, K), pseudo-labels (N,) int64 in [0, K), masks (N,) bool. A mean over no window is 0, attached to the
graph. In the contrast row `i` indexes videos, column `j` sensors; window `i`'s video and sensor are the positive pair.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from detach_core.losses import check_pairs, cosine_logits

Reweight = Literal["sum_k", "literal", "none"]


def class_weights(counts: Tensor, reweight: Reweight) -> Tensor:
    """Weight of each cluster, (K,) float64: size ** -0.5 where it has members, 0 where it has none.

    Note (differs from paper): `sum_k` scales the weights to sum to K; as printed
    (`literal`) they are near 0.05 for clusters of some hundred windows and all but switch the cluster loss off.

    Args:
        counts: (K,) members of each cluster.
        reweight: `sum_k`, `literal`, or `none` for weights of 1.

    Raises:
        ValueError: for an unknown `reweight`.
    """
    occupied = counts > 0
    if reweight == "none":
        return occupied.double()
    size = torch.where(occupied, counts, torch.ones_like(counts)).double()
    weight = torch.where(occupied, size.rsqrt(), torch.zeros_like(size))
    if reweight == "literal":
        return weight
    if reweight == "sum_k":
        return weight * (len(counts) / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny))
    raise ValueError(f"reweight must be 'sum_k', 'literal' or 'none', got {reweight!r}")


def cluster_loss(logits: Tensor, pseudo_label: Tensor, class_weight: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Eq. 1: class-balanced cross-entropy, divided by the number of windows and not by their weights. Range [0, inf).

    Args:
        logits: (N, K) of the sensor.
        pseudo_label: (N,) the clusters of the memory.
        class_weight: (K,), of `class_weights`.
        mask: the windows that take part; None for all, as the paper has it.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if class_weight.shape != logits.shape[1:]:
        raise ValueError(f"class_weight must be ({logits.shape[-1]},), got {tuple(class_weight.shape)}")
    everyone = torch.ones_like(pseudo_label, dtype=torch.bool) if mask is None else mask
    loss = _negative_log_likelihood(logits, pseudo_label, everyone)
    return _mean_where(loss * class_weight.to(loss.dtype)[pseudo_label], everyone)


def video_spatial_loss(video_logits: Tensor, pseudo_label: Tensor, confident: Tensor) -> Tensor:
    """Eq. 2: cross-entropy of the video's prediction with the sensor's cluster over confident windows. Range [0, inf).

    Args:
        video_logits: (N, K) of the video's classifier.
        pseudo_label: (N,) the clusters of the memory.
        confident: (N,) windows near their centroid.

    Raises:
        ValueError: on shapes that do not fit.
    """
    return _mean_where(_negative_log_likelihood(video_logits, pseudo_label, confident), confident)


def refinement_loss(sensor_logits: Tensor, video_logits: Tensor, ambiguous: Tensor, *, gate: float = 0.0) -> Tensor:
    """Eq. 3: cross-entropy of the sensor with the video's hard label over ambiguous windows. Range [0, inf).

    No gradient reaches `video_logits`.

    Args:
        sensor_logits: (N, K) of the sensor.
        video_logits: (N, K) of the frozen video classifier.
        ambiguous: (N,) windows far from their centroid.
        gate: the video's largest probability must reach this for its label to count; 0 (the paper) keeps all.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if video_logits.shape != sensor_logits.shape:
        raise ValueError(
            f"both logits must be (N, K), got {tuple(sensor_logits.shape)} and {tuple(video_logits.shape)}"
        )
    probability, video_label = video_logits.detach().softmax(dim=1).max(dim=1)
    loss = _negative_log_likelihood(sensor_logits, video_label, ambiguous)
    return _mean_where(loss, ambiguous & (probability >= gate))


def sensor_loss_terms(cluster: Tensor, refinement: Tensor | None, alpha: float, beta: float) -> dict[str, Tensor]:
    """Eq. 4 as its terms, whose sum it is: `alpha` times the cluster loss, `beta` times the refinement loss.

    They stay apart so that the history shows both; training minimises the sum of all terms.

    Args:
        cluster: Eq. 1, a scalar.
        refinement: Eq. 3, a scalar; None before the refinement phase.
        alpha: weight of the cluster loss.
        beta: weight of the refinement loss.
    """
    terms = {"cluster": alpha * cluster}
    return terms if refinement is None else {**terms, "refinement": beta * refinement}


def _negative_log_likelihood(logits: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """(N,) -log p of each window's label."""
    if logits.ndim != 2 or label.shape != logits.shape[:1] or mask.shape != label.shape or mask.dtype != torch.bool:
        raise ValueError(
            "expected logits (N, K), labels (N,) and a boolean mask (N,), got "
            f"{tuple(logits.shape)}, {tuple(label.shape)} and {tuple(mask.shape)} {mask.dtype}"
        )
    return cross_entropy(logits, label, reduction="none")


def _mean_where(loss: Tensor, mask: Tensor) -> Tensor:
    """Mean of `loss` where `mask` holds; 0 when it holds nowhere."""
    return torch.where(mask, loss, torch.zeros_like(loss)).sum() / mask.sum().clamp(min=1)


def weighted_info_nce_at_chance(weight: Tensor) -> Tensor:
    """The weighted contrast where all cosines are equal: both directions' mean of log(1 + a row's weights).

    Args:
        weight: (N, N) as of `weighted_info_nce`; its diagonal plays no part.
    """
    negatives = weight.detach().clone().fill_diagonal_(0.0)
    return (negatives.sum(dim=1).log1p().mean() + negatives.sum(dim=0).log1p().mean()) / 2.0


def weighted_info_nce(video: Tensor, sensor: Tensor, weight: Tensor, temperature: float | Tensor) -> Tensor:
    """Eqs. 12-13: mean over both directions of -log(positive / (positive + weighted negatives)). Range [0, inf).

    The sensor-to-video direction takes `weight` transposed, so a pair keeps its weight whichever side asks. No gradient
    reaches `weight`, and its diagonal plays no part. Computed in float32 at least, whatever autocast says.

    Note (differs from paper): Eq. 12 prints a dot product; whole rows are L2-normalised first, as the authors' code
    does.

    Args:
        video: (N, D), of any length.
        sensor: (N, D), of any length.
        weight: (N, N), at least 0; row: video, column: sensor. 0 removes a negative, 1 gives plain InfoNCE.
        temperature: tau_contrast, above 0.

    Raises:
        ValueError: on shapes that do not fit, a temperature not above 0, a weight that is negative or not a number.
    """
    check_pairs(video, sensor, temperature)
    if weight.shape != (len(video), len(video)):
        raise ValueError(f"weight must be ({len(video)}, {len(video)}), one for each pair, got {tuple(weight.shape)}")
    if not bool((weight >= 0).all()):
        raise ValueError("every weight must be a number of at least 0")
    with torch.autocast(device_type=video.device.type, enabled=False):
        similarity = cosine_logits(video, sensor, temperature)
        # exp(s) w = exp(s + log w), so the weighted loss is a cross-entropy of shifted logits; log 0 = -inf drops the
        # pair before the logarithm of the sum, which keeps its gradient finite. The positive has no weight: log 1.
        logits = similarity + weight.detach().to(similarity.dtype).log().fill_diagonal_(0.0)
        target = torch.arange(len(video), device=video.device)
        return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2.0
