"""Contrast of two views of one modality (SimCLR, Chen et al. 2020, Eq. 1: NT-Xent)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from detach_core.losses.unit_rows import unit_rows


def two_view_contrast(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean over all 2N views of the cross-entropy that picks the other view of the same window. Range [0, inf).

    Unlike `info_nce`, a view's negatives are the other windows' views on both sides, 2N - 2 of them. A batch of one
    window gives 0. Computed in float32 at least, whatever autocast says.

    Args:
        first: (N, D), of any length; row i is the same window as row i of `second`.
        second: (N, D), of any length.
        temperature: above 0.

    Raises:
        ValueError: on shapes that do not fit or a temperature not above 0.
    """
    if first.ndim != 2 or first.shape != second.shape or len(first) == 0:
        raise ValueError(f"views must both be (N, D) with N >= 1, got {tuple(first.shape)} and {tuple(second.shape)}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    with torch.autocast(device_type=first.device.type, enabled=False):
        dtype = torch.promote_types(torch.promote_types(first.dtype, second.dtype), torch.float32)
        views = unit_rows(torch.cat([first, second]).to(dtype))
        itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
        logits = (views @ views.T / temperature).masked_fill(itself, -torch.inf)
        place = torch.arange(len(first), device=views.device)
        return cross_entropy(logits, torch.cat([place + len(first), place]))
