"""PRIMUS's loss (Das et al., 2024): a window against its video, a changed view of itself, and its nearest neighbour.

Official code: `lib/train_modules.py`, 328-410 (the terms) and 12-96, 142-179 (the neighbours). Text terms are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from detach_core.losses.contrastive import summed_info_nce, unit_rows


class Views(NamedTuple):
    """What is contrasted, each (B, D): one row per window.

    Attributes:
        mmcl: the unchanged sensor window, by the head that meets the video.
        video: its video.
        ssl: the unchanged sensor window, by the head that meets the changed view.
        changed_ssl: the changed view, by the same head.
    """

    mmcl: Tensor
    video: Tensor
    ssl: Tensor
    changed_ssl: Tensor


class Neighbours(NamedTuple):
    """Features (B, D) of each window's nearest neighbour, and whether it has one, (B,) bool."""

    video: Tensor
    ssl: Tensor
    found: Tensor


def nearest_neighbours(query: Tensor, queue: Tensor, excluded: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of `query` the row of `queue` of the highest cosine that is not excluded; the first of equal ones.

    Note (differs from the official code): there the queue starts as zeros, which win when all real cosines are
    negative, and nothing is excluded, so that in a small data set a window finds itself in an earlier epoch.

    Args:
        query: (B, D), of any length.
        queue: (Q, D), of any length, Q >= 1.
        excluded: (B, Q) bool.

    Returns:
        The index (B,) into `queue`, 0 where all is excluded, and whether something was left, (B,) bool.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if query.ndim != 2 or queue.ndim != 2 or query.shape[1] != queue.shape[1] or len(queue) == 0:
        raise ValueError(
            f"query and queue must be (B, D) and (Q, D), Q >= 1, got {tuple(query.shape)} and {tuple(queue.shape)}"
        )
    if excluded.shape != (len(query), len(queue)) or excluded.dtype != torch.bool:
        raise ValueError(
            f"excluded must be ({len(query)}, {len(queue)}) bool, got {tuple(excluded.shape)} {excluded.dtype}"
        )
    cosine = unit_rows(query.detach()) @ unit_rows(queue.detach()).T
    return cosine.masked_fill(excluded, -torch.inf).argmax(dim=1), ~excluded.all(dim=1)


def neighbour_info_nce(feature: Tensor, neighbour: Tensor, found: Tensor, temperature: float | Tensor) -> Tensor:
    """Summed InfoNCE of each row and its neighbour among the rows that have one; 0 where none has. Range [0, inf).

    Args:
        feature: (B, D), of any length.
        neighbour: (B, D), of any length; what stands in rows without a neighbour does not matter.
        found: (B,) bool.
        temperature: above 0; a tensor may be learned.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if feature.ndim != 2 or feature.shape != neighbour.shape or found.shape != (len(feature),):
        raise ValueError(
            "feature and neighbour must both be (B, D) and found (B,), got"
            f" {tuple(feature.shape)}, {tuple(neighbour.shape)} and {tuple(found.shape)}"
        )
    if not bool(found.any()):
        return feature.new_zeros(())
    return summed_info_nce(feature[found], neighbour[found].detach(), temperature)


def primus_terms(
    views: Views,
    neighbours: Neighbours,
    *,
    self_supervised_weight: float,
    video_temperature: float | Tensor,
    self_supervised_temperature: float | Tensor,
) -> dict[str, Tensor]:
    """The four weighted terms, whose sum is the loss.

    With a = `self_supervised_weight` and I the summed InfoNCE: (1-a) I(mmcl, video) + a I(ssl, changed ssl)
    + (1-a) I(mmcl, neighbour's video) + a I(ssl, neighbour's ssl). Neighbours get no gradient.

    Note (differs from the paper): (1-a) weighs the text terms too there; without them it stays as it is.

    Raises:
        ValueError: on shapes that do not fit, or a weight outside [0, 1].
    """
    if not 0.0 <= self_supervised_weight <= 1.0:
        raise ValueError(f"self_supervised_weight must lie within [0, 1], got {self_supervised_weight}")
    own, other = self_supervised_weight, 1.0 - self_supervised_weight
    found = neighbours.found
    return {
        "video": other * summed_info_nce(views.mmcl, views.video, video_temperature),
        "self_supervised": own * summed_info_nce(views.ssl, views.changed_ssl, self_supervised_temperature),
        "neighbour_video": other * neighbour_info_nce(views.mmcl, neighbours.video, found, video_temperature),
        "neighbour_sensor": own * neighbour_info_nce(views.ssl, neighbours.ssl, found, self_supervised_temperature),
    }
