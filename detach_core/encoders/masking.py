"""Which patches of a window are hidden: a random choice of the same number in every window."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PatchMask:
    """Indices of each window's patches in random order: `visible` (B, V) and `hidden` (B, N - V), int64."""

    visible: Tensor
    hidden: Tensor


def num_visible(num_patches: int, masked: float) -> int:
    """How many of `num_patches` stay visible when the share `masked` is hidden: rounded down, at least one.

    Raises:
        ValueError: for no patches or a share outside [0, 1).
    """
    if num_patches < 1 or not 0.0 <= masked < 1.0:
        raise ValueError(f"masked must be within [0, 1) of at least one patch, got {masked} of {num_patches}")
    # 10 * (1 - 0.9) is a little less than 1 in floating point.
    return max(1, int(num_patches * (1.0 - masked) + 1e-6))


def draw_mask(
    batch: int, num_patches: int, masked: float, *, generator: torch.Generator, device: torch.device
) -> PatchMask:
    """A mask for each of `batch` windows, drawn from a CPU generator, on `device`.

    Raises:
        ValueError: as `num_visible`.
    """
    count = num_visible(num_patches, masked)
    order = torch.rand(batch, num_patches, generator=generator).argsort(dim=1).to(device)
    return PatchMask(order[:, :count], order[:, count:])


def take(tokens: Tensor, index: Tensor) -> Tensor:
    """Rows `index` (B, K) of each window's `tokens` (B, N, D): (B, K, D)."""
    return tokens.gather(1, index[:, :, None].expand(-1, -1, tokens.shape[2]))
