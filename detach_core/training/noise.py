"""Gaussian noise from a pool drawn once: fresh numbers for every pixel would double a step's time."""

from __future__ import annotations

from collections.abc import Mapping

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
        self._drawn_at: Tensor | None = None

    def draw(self, shape: torch.Size) -> Tensor:
        """Noise of `shape`, float32: a view of the pool, not to be written to."""
        size = shape.numel()
        if len(self._pool) < size + NUM_STARTS:
            self._drawn_at = self.generator.get_state()
            self._pool = torch.randn(size + NUM_STARTS, generator=self.generator).to(self.device)
        start = int(torch.randint(NUM_STARTS, (1,), generator=self.generator))
        return self._pool[start : start + size].view(shape)

    def state(self) -> dict[str, Tensor]:
        """Where the generator stood when it drew the pool, and the pool's length; {} before the first draw."""
        return {} if self._drawn_at is None else {"drawn_at": self._drawn_at, "length": torch.tensor(len(self._pool))}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Draw the pool that `state` is of once more; the pool's own generator stays where it is."""
        self._pool, self._drawn_at = torch.empty(0), None
        if state:
            self._drawn_at = state["drawn_at"]
            generator = torch.Generator().set_state(self._drawn_at)
            self._pool = torch.randn(int(state["length"]), generator=generator).to(self.device)
