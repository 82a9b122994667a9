"""The temperature of a contrastive loss as a weight that is learned."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class LearnedTemperature(nn.Module):
    """exp of a learned logarithm, kept within [`smallest`, 1].

    Note (differs from the official code): IMU2CLIP and PRIMUS learn the temperature itself, which may cross zero; its
    logarithm cannot.
    """

    def __init__(self, start: float, *, smallest: float = 0.01) -> None:
        """Args: start: the first value; smallest: as CLIP's, whose logits are scaled by at most 100.

        Raises:
            ValueError: `start` lies outside [smallest, 1].
        """
        super().__init__()
        if not smallest <= start <= 1.0:
            raise ValueError(f"the temperature must start within [{smallest}, 1], got {start}")
        self.smallest = smallest
        self.logarithm = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> Tensor:
        """The temperature, a scalar with a gradient (none beyond the bounds)."""
        return self.logarithm.clamp(math.log(self.smallest), 0.0).exp()

    @torch.no_grad()
    def keep_within_bounds(self) -> None:
        """Put the logarithm back where a step has left the bounds, so that its gradient does not vanish there."""
        self.logarithm.clamp_(math.log(self.smallest), 0.0)
