"""Contrastive loss with a weight for each negative pair (paper, Sec. 3.2, Eqs. 12-13).

Row ``i`` indexes videos, column ``j`` sensors; window ``i``'s video and sensor are the positive pair.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from detach_core.losses.contrastive import check_pairs, cosine_logits


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
