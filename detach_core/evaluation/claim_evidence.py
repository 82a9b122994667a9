"""Artifacts that decide the claims, and one line of `claims.csv` with its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detach_core.contracts.analysis import NegativePairs
from detach_core.contracts.embeddings import Assignments, Embeddings
from detach_core.contracts.metrics import Interval, Metrics
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.intervals import Estimate
from detach_core.evaluation.settings import ArtifactKey, ArtifactKind, Claim
from detach_core.foundation.errors import UserError

Found = Metrics | Embeddings | Assignments | NegativePairs


@dataclass(frozen=True)
class Artifacts:
    """All artifacts that were read.

    Attributes:
        found: by kind, dataset, split, name and seed.
        windows: by dataset.
        splits: by dataset and split, for the claims that look at what Stage 1 is fed.
        seeds: in their order.
        interval: how intervals are made.
    """

    found: Mapping[ArtifactKey, Found]
    windows: Mapping[str, Windows]
    splits: Mapping[tuple[str, str], Split]
    seeds: Sequence[int]
    interval: Interval

    def of(self, kind: ArtifactKind, dataset: str, split: str, name: str) -> list[Any]:
        """One artifact for each seed.

        Raises:
            UserError: one is not there.
        """
        keys = [ArtifactKey(kind, dataset, split, name, seed) for seed in self.seeds]
        for key in keys:
            if key not in self.found:
                raise UserError(f"claims: {kind} of {name} on {dataset}, split {split}, seed {key.seed} was not given")
        return [self.found[key] for key in keys]

    def split(self, dataset: str, name: str) -> Split:
        """The split `name` of a dataset.

        Raises:
            UserError: it is not there.
        """
        if (dataset, name) not in self.splits:
            raise UserError(f"claims: split.json of {dataset}, split {name}, was not given")
        return self.splits[dataset, name]

    def metrics(self, claim: Claim[Any], dataset: str, name: str) -> dict[str, list[Metrics]]:
        """Split -> metrics of the variant or half `name` for each seed, in the parts of the claim's table."""
        return {split: self.of("metrics", dataset, split, name) for split in claim.splits_of(dataset)}


HOLDS, DOES_NOT_HOLD, UNDECIDED = "holds", "does not hold", "undecided"


@dataclass(frozen=True)
class Line:
    """A claim's value for one dataset and, if it has them, one protocol and one compared variant.

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
    """Verdict from the interval: a claim holds if it lies wholly on the claimed side of the threshold.

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
