"""What Stage 2's weights do to easy, hard and false negatives, in figures that no loss sees."""

from __future__ import annotations

import torch
from torch import Tensor

from detach_core.methods.batch import Truth
from detach_core.negatives.kinds import KINDS, negative_kinds


class PairMonitor:
    """Means of pair values (spatial and temporal similarity, weight) by the true kind of the pair, over an epoch."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._sums: dict[str, Tensor] = {}
        self._counts: Tensor | None = None

    def add(self, position: Tensor, **values: Tensor) -> None:
        """Count the pairs of one batch: `position` (B,) in the part, each of `values` (B, B)."""
        kind = negative_kinds(self._truth.location[position], self._truth.action[position])
        # Sums stay on the device: a step must not wait for a figure that is read once an epoch.
        masks = torch.stack([kind == code for code in KINDS.values()]).double()
        counts = masks.sum(dim=(1, 2))
        self._counts = counts if self._counts is None else self._counts + counts
        for name, value in values.items():
            total = (masks * value.detach().double()).sum(dim=(1, 2))
            self._sums[name] = self._sums[name] + total if name in self._sums else total

    def report(self) -> dict[str, dict[str, float]]:
        """Value -> kind -> mean since the last report; NaN for a kind without pairs."""
        if self._counts is None:
            return {}
        means = {
            name: dict(zip(KINDS, (total / self._counts).tolist(), strict=True)) for name, total in self._sums.items()
        }
        self._sums, self._counts = {}, None
        return means
