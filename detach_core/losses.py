"""Contrastive losses that methods share: InfoNCE in both directions or in one, and that of two views of one modality.

All compute cosines at least in float32, also under autocast, and range over [0, inf).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

# Shorter rows count as zero: they have no direction, so their cosine with anything is 0.
SHORTEST = 1e-12


def unit_rows(feature: Tensor) -> Tensor:
    """`feature` (..., d) with each row divided by its length; a zero row stays zero.

    Dividing by max(length, eps), the usual form, sends a gradient of 1 / eps into a zero row; here such a row is
    divided by 1.
    """
    length = torch.linalg.vector_norm(feature, dim=-1, keepdim=True)
    return feature / torch.where(length > SHORTEST, length, torch.ones_like(length))


# Features whose mean cosine lies above this point the same way: they have collapsed.
COLLAPSED_COSINE = 0.95


def mean_cosine(feature: Tensor) -> float:
    """Mean cosine of all pairs of different rows (N, D), in float64: near 1 where all look alike, 0 for one row.

    The square of the sum of unit rows holds each pair twice and each row with itself once.
    """
    rows = unit_rows(feature.detach().double())
    count, own = len(rows), rows.square().sum()
    return float((rows.sum(dim=0).square().sum() - own) / max(count * (count - 1), 1))


def check_pairs(first: Tensor, second: Tensor, temperature: float | Tensor, names: str = "video and sensor") -> None:
    """Check the shapes and temperature of a contrastive loss.

    Raises:
        ValueError: shapes that are not both (N, D) with N >= 1, or a temperature not above 0.
    """
    if first.ndim != 2 or first.shape != second.shape or len(first) == 0:
        found = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"{names} must both be (N, D) with N >= 1, got {found}")
    value = float(temperature.detach()) if isinstance(temperature, Tensor) else temperature
    if not value > 0:
        raise ValueError(f"temperature must be above 0, got {value}")


def cosine_logits(first: Tensor, second: Tensor, temperature: float | Tensor) -> Tensor:
    """Cosines (N, M) of rows (N, D) and (M, D) over `temperature`, in float32 or float64.

    With centroids as `second`, their softmax is p of DETACH's cluster loss (Eq. 1).

    Raises:
        ValueError: on shapes that do not fit.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"expected (N, D) and (M, D), got {tuple(first.shape)} and {tuple(second.shape)}")
    dtype = torch.promote_types(torch.promote_types(first.dtype, second.dtype), torch.float32)
    return unit_rows(first.to(dtype)) @ unit_rows(second.to(dtype)).T / temperature


def info_nce(video: Tensor, sensor: Tensor, temperature: float | Tensor) -> Tensor:
    """The mean of the two cross-entropies of cosine / `temperature`: all negatives count alike (Table 3; CLIP's loss).

    Args:
        video: (N, D), of any length; row i belongs to row i of `sensor`.
        sensor: (N, D), of any length.
        temperature: above 0; a tensor may be learned.

    Raises:
        ValueError: on shapes that do not fit or a temperature not above 0.
    """
    check_pairs(video, sensor, temperature)
    with torch.autocast(device_type=video.device.type, enabled=False):
        logits = cosine_logits(video, sensor, temperature)
        target = torch.arange(len(video), device=video.device)
        return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2.0


def summed_info_nce(first: Tensor, second: Tensor, temperature: float | Tensor) -> Tensor:
    """The sum of the two cross-entropies, as IMU2CLIP and PRIMUS have it: twice `info_nce`."""
    return 2.0 * info_nce(first, second, temperature)


def one_way_info_nce(video: Tensor, sensor: Tensor, temperature: float | Tensor) -> Tensor:
    """Mean over videos of the cross-entropy of cosine / `temperature` over sensors (CAV-MAE's L_c).

    Source: CAV-MAE (src/models/cav_mae.py:353-418), whose other direction is off by default: the softmax runs over
    sounds for each picture, here over sensor windows for each video.

    Args:
        video: (N, D), of any length; row i belongs to row i of `sensor`.
        sensor: (N, D), of any length.
        temperature: above 0.

    Raises:
        ValueError: on shapes that do not fit or a temperature not above 0.
    """
    check_pairs(video, sensor, temperature)
    with torch.autocast(device_type=video.device.type, enabled=False):
        logits = cosine_logits(video, sensor, temperature)
        return cross_entropy(logits, torch.arange(len(video), device=video.device))


def two_view_contrast(first: Tensor, second: Tensor, temperature: float | Tensor) -> Tensor:
    """Mean over all 2N views of the cross-entropy that picks the other view of the same window. Range [0, inf).

    Source: SimCLR (Chen et al. 2020), Eq. 1, NT-Xent. Unlike `info_nce`, a view's negatives are the views of the other
    windows on both sides, 2N - 2 of them. A batch of one window gives 0.

    Args:
        first: (N, D), of any length; row i is the same window as row i of `second`.
        second: (N, D), of any length.
        temperature: above 0.

    Raises:
        ValueError: on shapes that do not fit or a temperature not above 0.
    """
    check_pairs(first, second, temperature, names="views")
    with torch.autocast(device_type=first.device.type, enabled=False):
        dtype = torch.promote_types(torch.promote_types(first.dtype, second.dtype), torch.float32)
        views = unit_rows(torch.cat([first, second]).to(dtype))
        itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
        logits = (views @ views.T / temperature).masked_fill(itself, -torch.inf)
        place = torch.arange(len(first), device=views.device)
        return cross_entropy(logits, torch.cat([place + len(first), place]))
