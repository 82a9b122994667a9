"""Encoders that nothing changes any more: no gradient, and BatchNorm neither counts nor uses the batch."""

from __future__ import annotations

from typing import Self

import torch
from torch import nn


class FrozenEncoder(nn.Module):
    """`encoder` in evaluation mode for good: `train()` of a parent does not reach it.

    Note (differs from paper): the authors freeze the parameters but leave BatchNorm in training mode.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Nothing: a frozen encoder stays in evaluation mode."""
        del mode
        return self

    @torch.no_grad()
    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The encoder's feature, without gradient."""
        feature: torch.Tensor = self.encoder(*inputs)
        return feature
