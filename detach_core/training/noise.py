"""Gaussian noise by the window from a pool drawn once: fresh numbers for every pixel would double a step's time."""

from __future__ import annotations

import torch
from torch import Tensor

# Enough starts that two windows of a run hardly ever share one, in 4 MB.
NUM_STARTS = 1 << 20


class NoisePool:
    """Standard normal noise of `size` values per window, cut from one pool at random starts."""

    def __init__(self, size: int, *, generator: torch.Generator, device: torch.device) -> None:
        self.generator = generator
        self.device = device
        pool = torch.randn(size + NUM_STARTS, generator=generator).to(device)
        self._windows = pool.unfold(0, size, 1)

    def draw(self, count: int) -> Tensor:
        """(count, size) float32."""
        starts = torch.randint(len(self._windows), (count,), generator=self.generator)
        return self._windows[starts.to(self.device)]
