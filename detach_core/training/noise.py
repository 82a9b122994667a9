"""Gaussian noise from a pool drawn once: fresh numbers for every pixel would double a step's time."""

from __future__ import annotations

import torch
from torch import Tensor

# Enough starts that two batches of a run hardly ever share one, in 4 MB beside the batch itself.
NUM_STARTS = 1 << 20


class NoisePool:
    """Standard normal noise, cut from one pool at a random start for each batch."""

    def __init__(self, *, generator: torch.Generator, device: torch.device) -> None:
        self.generator = generator
        self.device = device
        self._pool = torch.empty(0)

    def draw(self, shape: torch.Size) -> Tensor:
        """Noise of `shape`, float32: a view of the pool, not to be written to."""
        size = shape.numel()
        if len(self._pool) < size + NUM_STARTS:
            self._pool = torch.randn(size + NUM_STARTS, generator=self.generator).to(self.device)
        start = int(torch.randint(NUM_STARTS, (1,), generator=self.generator))
        return self._pool[start : start + size].view(shape)
