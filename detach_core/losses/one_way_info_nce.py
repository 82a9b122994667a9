"""InfoNCE in one direction: each video seeks its sensor window among all of the batch (CAV-MAE's L_c)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from detach_core.losses.unit_rows import unit_rows


def one_way_info_nce(video: Tensor, sensor: Tensor, temperature: float) -> Tensor:
    """Mean over videos of the cross-entropy of cosine / `temperature` over sensors. Range [0, inf).

    Source: CAV-MAE (src/models/cav_mae.py:353-418), whose other direction is off by default: the softmax runs over
    sounds for each picture, here over sensor windows for each video.

    Args:
        video: (N, D), of any length; row i belongs to row i of `sensor`.
        sensor: (N, D), of any length.
        temperature: above 0.

    Raises:
        ValueError: on shapes that do not fit or a temperature not above 0.
    """
    if video.ndim != 2 or video.shape != sensor.shape or len(video) == 0:
        raise ValueError(
            f"video and sensor must both be (N, D) with N >= 1, got {tuple(video.shape)} and {tuple(sensor.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    with torch.autocast(device_type=video.device.type, enabled=False):
        dtype = torch.promote_types(torch.promote_types(video.dtype, sensor.dtype), torch.float32)
        logits = unit_rows(video.to(dtype)) @ unit_rows(sensor.to(dtype)).T / temperature
        return cross_entropy(logits, torch.arange(len(video), device=video.device))
