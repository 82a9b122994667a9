"""When Stage 1's refinement has settled (paper, Fig. 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor


def change_rate(label: Tensor, previous: Tensor) -> float:
    """Share of windows whose pseudo-label differs between two epochs' ends. Range [0, 1].

    Raises:
        ValueError: if the shapes differ or there is no window.
    """
    if label.shape != previous.shape or label.numel() == 0:
        raise ValueError(f"expected two equal, non-empty shapes, got {tuple(label.shape)} and {tuple(previous.shape)}")
    return float((label != previous).double().mean())


def has_reached_plateau(rates: Sequence[float], *, rate: float, epochs: int, min_epochs: int) -> bool:
    """Whether `min_epochs` have passed and each of the last `epochs` changed less than `rate` of the windows."""
    return len(rates) >= max(min_epochs, epochs) and all(value < rate for value in rates[-epochs:])


def refinement_is_over(
    rates: Sequence[float],
    *,
    stop: Literal["adaptive", "fixed"],
    refinement_epochs: int,
    min_refinement_epochs: int,
    plateau_rate: float,
    plateau_epochs: int,
) -> bool:
    """Whether the refinement phase, whose change rates so far are `rates`, ends here.

    `fixed` ends after `refinement_epochs`; `adaptive` at a plateau, and after `refinement_epochs` at the latest.

    Raises:
        ValueError: for an unknown `stop`.
    """
    if stop not in ("adaptive", "fixed"):
        raise ValueError(f"stop must be 'adaptive' or 'fixed', got {stop!r}")
    if len(rates) >= refinement_epochs:
        return True
    return stop == "adaptive" and has_reached_plateau(
        rates, rate=plateau_rate, epochs=plateau_epochs, min_epochs=min_refinement_epochs
    )
