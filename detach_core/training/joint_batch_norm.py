"""BatchNorm over a batch whose rows several processes share: statistics and gradients are the whole batch's.

Torch's own SyncBatchNorm does this for GPUs alone; this one runs wherever the processes do, so that tests see it.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from detach_core.training.gathering import gather_from_all


class Shares(Protocol):
    """Who knows how a batch is shared."""

    rank: int
    sizes: list[int]


class JointBatchNorm(_BatchNorm):
    """A BatchNorm layer that, in training and while rows are shared, counts those of all processes."""

    def __init__(self, layer: _BatchNorm, shares: Shares) -> None:
        """Args: layer: whose weights and statistics this one takes over; shares: rows of each process, or none."""
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        self.train(layer.training)
        self._shares = shares

    def _check_input_dim(self, input: Tensor) -> None:
        """Any (B, C, ...)."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalised features (B, C, ...) of this process's rows."""
        if not (self.training and self._shares.sizes):
            return super().forward(input)
        dims = [0, *range(2, input.ndim)]
        # A network may have made several pictures of a row.
        own_number = input[:, 0].numel()
        per_row = own_number // self._shares.sizes[self._shares.rank]
        # In half precision the sums would lose what they are made of.
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        own_variance, own_mean = torch.var_mean(values, dim=dims, correction=0)
        own = torch.stack([own_mean, own_variance * own_number])
        mean, squares = joint_statistics(gather_from_all(own), self._shares.sizes, per_row)
        number = sum(self._shares.sizes) * per_row
        self._track(mean.detach(), squares.detach() / max(number - 1, 1))
        shape = (1, -1) + (1,) * (input.ndim - 2)
        normed = (values - mean.view(shape)) * torch.rsqrt(squares / number + self.eps).view(shape)
        if self.affine:
            normed = normed * self.weight.view(shape) + self.bias.view(shape)
        return normed.to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """One step of the running statistics; without a momentum every batch counts alike, as torch has it."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        factor = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.mul_(1.0 - factor).add_(mean, alpha=factor)
        self.running_var.mul_(1.0 - factor).add_(variance, alpha=factor)


def joint_statistics(shares: Tensor, sizes: list[int], per_row: int) -> tuple[Tensor, Tensor]:
    """Mean (C,) of all, and sum of squared deviations from it (C,), of those of each share (Chan et al., 1979).

    Args:
        shares: (R, 2, C): mean, and sum of squared deviations from it.
        sizes: rows of each share.
        per_row: how many values of a channel come of a row.
    """
    number = torch.tensor(sizes, dtype=shares.dtype, device=shares.device)[:, None] * per_row
    mean = (number * shares[:, 0]).sum(dim=0) / number.sum()
    squares = (shares[:, 1] + number * (shares[:, 0] - mean).square()).sum(dim=0)
    return mean, squares


def join_batch_norm(network: nn.Module, shares: Shares) -> None:
    """Put a `JointBatchNorm` in the place of every BatchNorm within `network`; names and weights stay."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm):
            setattr(network, name, JointBatchNorm(child, shares))
        else:
            join_batch_norm(child, shares)
