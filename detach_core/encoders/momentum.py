"""A slow copy of an encoder, for temporal similarities that do not jump (paper, Sec. 3.2; as in MoCo)."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn


class MomentumEncoder(nn.Module):
    """An exponential moving average of an encoder's parameters, never trained itself.

    It starts as an exact copy. BatchNorm statistics are not averaged: in training mode the copy's BatchNorm works on
    its own batches; dropout never drops in it.
    """

    def __init__(self, online: nn.Module) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(online).requires_grad_(False)
        self.train(online.training)

    @torch.no_grad()
    def update(self, online: nn.Module, momentum: float) -> None:
        """One step of the average: theta' <- momentum theta' + (1 - momentum) theta, over parameters only.

        Raises:
            ValueError: if `momentum` is outside [0, 1] or `online` has other parameters.
        """
        if not 0.0 <= momentum <= 1.0:
            raise ValueError(f"momentum must be within [0, 1], got {momentum}")
        for slow, fast in zip(self.encoder.parameters(), online.parameters(), strict=True):
            slow.mul_(momentum).add_(fast, alpha=1.0 - momentum)

    def train(self, mode: bool = True) -> Self:
        """Training mode reaches BatchNorm alone."""
        super().train(False)
        self.training = mode
        for module in self.encoder.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train(mode)
        return self

    @torch.no_grad()
    def forward(self, *inputs: Tensor) -> Tensor:
        """The slow encoder's feature, without gradient."""
        feature: Tensor = self.encoder(*inputs)
        return feature


def share_of_start_left(momentum: float, steps: int) -> float:
    """How much of the starting weights a momentum encoder still holds after `steps`: momentum ** steps."""
    return float(momentum**steps)


def momentum_for(momentum: float, steps: int, left_at_most: float | None) -> float:
    """`momentum`, lowered where `steps` would leave more than `left_at_most` of the start; None: as it is.

    Raises:
        ValueError: if `left_at_most` is outside (0, 1).
    """
    if left_at_most is None or steps <= 0:
        return momentum
    if not 0.0 < left_at_most < 1.0:
        raise ValueError(f"left_at_most must be within (0, 1), got {left_at_most}")
    return float(min(momentum, left_at_most ** (1.0 / steps)))
