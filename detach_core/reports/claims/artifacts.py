"""What claims are decided by, found by kind, dataset, split, name and seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detach_core.contracts.analysis import NegativePairs
from detach_core.contracts.embeddings import Assignments, Embeddings
from detach_core.contracts.metrics import Interval, Metrics
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import UserError

Key = tuple[str, str, str, str, int]
Found = Metrics | Embeddings | Assignments | NegativePairs


@dataclass(frozen=True)
class Artifacts:
    """Everything that was read.

    Attributes:
        found: by kind, dataset, split, name and seed.
        windows: by dataset.
        splits: by dataset and split, for the claims that look at what Stage 1 is fed.
        seeds: in their order.
        interval: how intervals are made.
    """

    found: Mapping[Key, Found]
    windows: Mapping[str, Windows]
    splits: Mapping[tuple[str, str], Split]
    seeds: Sequence[int]
    interval: Interval

    def of(self, kind: str, dataset: str, split: str, name: str) -> list[Any]:
        """One artifact for each seed.

        Raises:
            UserError: one is not there.
        """
        keys = [(kind, dataset, split, name, seed) for seed in self.seeds]
        for key in keys:
            if key not in self.found:
                raise UserError(f"claims: {kind} of {name} on {dataset}, split {split}, seed {key[4]} was not given")
        return [self.found[key] for key in keys]

    def split(self, dataset: str, name: str) -> Split:
        """The split `name` of a dataset.

        Raises:
            UserError: it is not there.
        """
        if (dataset, name) not in self.splits:
            raise UserError(f"claims: split.json of {dataset}, split {name}, was not given")
        return self.splits[dataset, name]

    def metrics(self, claim: Mapping[str, Any], dataset: str, name: str) -> dict[str, list[Metrics]]:
        """Split -> metrics of the variant or half `name` for each seed, in the parts of the claim's table."""
        return {split: self.of("metrics", dataset, split, name) for split in splits_of(claim, dataset)}


def splits_of(claim: Mapping[str, Any], dataset: str) -> Iterator[str]:
    """The splits of the claim's table that have the dataset."""
    yield from (split for part, split in claim["parts"] if part == dataset)
