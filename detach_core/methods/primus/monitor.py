"""What PRIMUS's nearest neighbours have in common with their windows, in figures that no loss sees."""

from __future__ import annotations

import torch
from torch import Tensor

from detach_core.methods.batch import Truth

UNKNOWN = -1


class NeighbourMonitor:
    """Shares of windows that have a neighbour, and of neighbours at the same place or in the same action."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._sums: Tensor | None = None

    def add(self, position: Tensor, neighbour: Tensor, found: Tensor) -> None:
        """Count a batch: `position` (B,) in the part, of its windows and of their neighbours; `found` (B,) bool."""
        sums = [found.sum(), torch.full_like(found.sum(), len(found))]
        for kind in (self._truth.location, self._truth.action):
            own, other = kind[position], kind[neighbour]
            known = found & (own != UNKNOWN) & (other != UNKNOWN)
            sums += [(known & (own == other)).sum(), known.sum()]
        # Sums stay on the device: a step must not wait for a figure that is read once an epoch.
        total = torch.stack(sums)
        self._sums = total if self._sums is None else self._sums + total

    def report(self) -> dict[str, float | None]:
        """The shares since the last report, None for a share of nothing; {} before the first batch."""
        if self._sums is None:
            return {}
        counts = self._sums.tolist()
        self._sums = None
        pairs = zip(("found", "same_place", "same_action"), counts[::2], counts[1::2], strict=True)
        return {name: part / whole if whole else None for name, part, whole in pairs}
