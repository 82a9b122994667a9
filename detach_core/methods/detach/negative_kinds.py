"""Kinds of negative pairs by their true labels, and means over them: for analysis and monitoring alone.

False: same place and same action. Hard: same place, another action. Easy: another place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from detach_core.methods.batch import Truth

NO_PAIR, EASY, HARD, FALSE = -1, 0, 1, 2
KINDS = {"easy": EASY, "hard": HARD, "false": FALSE}


def negative_kinds(place: Tensor, action: Tensor, *, strict_easy: bool = False) -> Tensor:
    """Kind of each pair, (N, N) int8; NO_PAIR on the diagonal and where a place or action is unknown (-1).

    Args:
        place: (N,) whole numbers.
        action: (N,) whole numbers.
        strict_easy: count as easy only pairs of equal action, as the authors' figures do.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if place.ndim != 1 or place.shape != action.shape:
        raise ValueError(f"place and action must both be (N,), got {tuple(place.shape)} and {tuple(action.shape)}")
    same_place, same_action = place[:, None] == place, action[:, None] == action
    kind = torch.full(same_place.shape, EASY, dtype=torch.int8, device=place.device)
    kind[same_place & ~same_action] = HARD
    kind[same_place & same_action] = FALSE
    if strict_easy:
        kind[~same_place & ~same_action] = NO_PAIR
    known = (place >= 0) & (action >= 0)
    kind[~(known[:, None] & known)] = NO_PAIR
    return kind.fill_diagonal_(NO_PAIR)


def mean_by_kind(value: Tensor, kind: Tensor) -> dict[str, float]:
    """Mean of `value` (N, N) over the pairs of each kind; NaN for a kind without pairs.

    Raises:
        ValueError: if the shapes differ.
    """
    if value.shape != kind.shape:
        raise ValueError(f"value and kind must have one shape, got {tuple(value.shape)} and {tuple(kind.shape)}")
    return {name: float(value[kind == code].double().mean()) for name, code in KINDS.items()}


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
