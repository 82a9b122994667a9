"""Plain symmetric InfoNCE: all negatives count alike (Table 3's first row; CLIP's loss), and as a sum."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from detach_core.losses.unit_rows import unit_rows


def info_nce(video: Tensor, sensor: Tensor, temperature: float | Tensor) -> Tensor:
    """The mean of the two cross-entropies of cosine / `temperature`. Range [0, inf).

    Args:
        video: (N, D), of any length; row i belongs to row i of `sensor`.
        sensor: (N, D), of any length.
        temperature: above 0; a tensor may be learned.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if video.ndim != 2 or video.shape != sensor.shape or len(video) == 0:
        raise ValueError(
            f"video and sensor must both be (N, D) with N >= 1, got {tuple(video.shape)} and {tuple(sensor.shape)}"
        )
    with torch.autocast(device_type=video.device.type, enabled=False):
        dtype = torch.promote_types(torch.promote_types(video.dtype, sensor.dtype), torch.float32)
        logits = unit_rows(video.to(dtype)) @ unit_rows(sensor.to(dtype)).T / temperature
        target = torch.arange(len(video), device=video.device)
        return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2.0


def summed_info_nce(first: Tensor, second: Tensor, temperature: float | Tensor) -> Tensor:
    """The sum of the two cross-entropies, as IMU2CLIP and PRIMUS have it: twice `info_nce`."""
    return 2.0 * info_nce(first, second, temperature)
