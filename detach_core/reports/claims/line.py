"""One line of `claims.csv`."""

from __future__ import annotations

from dataclasses import dataclass

from detach_core.evaluation.hierarchy import Estimate

HOLDS, DOES_NOT_HOLD, UNDECIDED = "holds", "does not hold", "undecided"


@dataclass(frozen=True)
class Line:
    """A claim's value for one dataset and, where it has them, one protocol and one variant that it is held against.

    Attributes:
        estimate: value and interval; None where the data say nothing about the claim, `note` says why.
        n_units: gesture instances or sequences that are resampled, over all splits.
        compared: what the value is the difference to, if anything.
    """

    estimate: Estimate | None
    protocol: str = ""
    compared: str = ""
    n_units: int = 0
    splits: tuple[str, ...] = ()
    note: str = ""


def verdict(estimate: Estimate, threshold: float, *, below: bool) -> str:
    """The interval decides: a claim holds where it lies wholly on the claimed side of the threshold.

    Args:
        estimate: value and interval.
        threshold: what the claim's config says.
        below: whether the claimed side is the lower one.
    """
    low, high = (estimate.low - threshold, estimate.high - threshold)
    if below:
        low, high = -high, -low
    if low > 0.0:
        return HOLDS
    return DOES_NOT_HOLD if high < 0.0 else UNDECIDED
