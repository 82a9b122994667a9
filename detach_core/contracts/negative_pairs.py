"""`negative_pairs.h5`: what a training thought of every pair of one fixed batch of windows, at a few of its epochs.

Row i is a video, column j a sensor window. A pair has its kind above the diagonal alone, so that it counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import ArtifactReader, create_artifact, open_artifact, write_json
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.negative_pairs/1"
RULE = "negative_pairs"
NO_PAIR = -1
_TEXTS = ("dataset", "source", "split", "method", "variant", "kinds_from")
_NAMES = ("class_names", "place_names", "action_names", "kind_names")
# Name -> smallest and largest possible value; rounding to float32 may cross the edge by a hair.
_RANGES = {"spatial_similarity": (0.0, 1.0), "temporal_similarity": (-1.0, 1.0), "weight": (0.0, np.inf)}
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class PairValues:
    """The pairs of the batch at one epoch, each (B, B) float32.

    Attributes:
        epoch: of Stage 2; 0 is the state before any step.
        spatial_similarity: the paper's A, within [0, 1].
        temporal_similarity: T, the mean of both modalities whatever the variant weighs with, within [-1, 1].
        weight: W as the variant uses it; 0 on the diagonal.
    """

    epoch: int
    spatial_similarity: NDArray[np.float32]
    temporal_similarity: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NegativePairs:
    """All pairs of a batch of B windows at the epochs of `snapshots`, in their order.

    Attributes:
        window: (B,) int64, ids in windows.h5.
        label: (B,) int32, index into `class_names`, -1 for none.
        place: (B,) int32, index into `place_names`, -1 where the class names none.
        action: (B,) int32, index into `action_names`, -1 where the class names none.
        kind: (B, B) int8, index into `kind_names`; `NO_PAIR` on and below the diagonal and where a place is unknown.
        kinds_from: what the kinds were derived from, in words.
        num_epochs: of the whole training.
    """

    window: NDArray[np.int64]
    label: NDArray[np.int32]
    place: NDArray[np.int32]
    action: NDArray[np.int32]
    kind: NDArray[np.int8]
    snapshots: tuple[PairValues, ...]
    class_names: tuple[str, ...]
    place_names: tuple[str, ...]
    action_names: tuple[str, ...]
    kind_names: tuple[str, ...]
    dataset: str
    source: str
    split: str
    method: str
    variant: str
    seed: int
    num_epochs: int
    kinds_from: str
    provenance: Provenance


def write_negative_pairs(path: Path | str, pairs: NegativePairs) -> None:
    """Write `pairs` to `path`, atomically."""
    with create_artifact(path, schema=SCHEMA, provenance=pairs.provenance) as file:
        for name in _TEXTS:
            file.attrs[name] = getattr(pairs, name)
        file.attrs["seed"], file.attrs["num_epochs"] = pairs.seed, pairs.num_epochs
        write_json(file, epochs=[one.epoch for one in pairs.snapshots])
        write_json(file, **{name: list(getattr(pairs, name)) for name in _NAMES})
        file["window"] = pairs.window.astype(np.int64, copy=False)
        for name in ("label", "place", "action"):
            file[name] = getattr(pairs, name).astype(np.int32, copy=False)
        file["kind"] = pairs.kind.astype(np.int8, copy=False)
        for one in pairs.snapshots:
            for name in _RANGES:
                file[f"epoch{one.epoch}_{name}"] = getattr(one, name).astype(np.float32, copy=False)


def read_negative_pairs(path: Path | str) -> NegativePairs:
    """The pairs that `write_negative_pairs` wrote.

    Raises:
        ContractError: another schema, a missing field, another type or shape, or a value out of its range.
    """
    with open_artifact(path, schema=SCHEMA, rule=RULE) as reader:
        names = {name: reader.names(name) for name in _NAMES}
        window = reader.dataset("window", dtype="int64", shape=(None,))[()]
        count = len(window)
        fields: dict[str, Any] = {**names, **{name: reader.label(name) for name in _TEXTS}}
        fields |= {name: reader.attribute(name, int) for name in ("seed", "num_epochs")}
        for name, listed in (("label", "class_names"), ("place", "place_names"), ("action", "action_names")):
            fields[name] = reader.dataset(name, dtype="int32", shape=(count,))[()]
            _check_range(reader, name, fields[name], -1, len(names[listed]) - 1)
        kind = reader.dataset("kind", dtype="int8", shape=(count, count))[()]
        _check_range(reader, "kind", kind, NO_PAIR, len(names["kind_names"]) - 1)
        if (kind[np.tril_indices(count)] != NO_PAIR).any():
            raise reader.error("kind", expected="pairs above the diagonal alone", found="pairs on or below it")
        return NegativePairs(
            window=window,
            kind=kind,
            snapshots=_read_snapshots(reader, count),
            **fields,
            provenance=reader.provenance(),
        )


def _read_snapshots(reader: ArtifactReader, count: int) -> tuple[PairValues, ...]:
    epochs = reader.json("epochs", list)
    if not epochs or not all(isinstance(epoch, int) for epoch in epochs) or epochs != sorted(set(epochs)):
        raise reader.error("/@epochs", expected="one or more whole numbers that rise", found=str(epochs)[:80])
    snapshots = []
    for epoch in epochs:
        values = {}
        for name, (low, high) in _RANGES.items():
            place = f"epoch{epoch}_{name}"
            values[name] = reader.dataset(place, dtype="float32", shape=(count, count), finite=True)[()]
            _check_range(reader, place, values[name], low - _ROUNDING, high + _ROUNDING)
        snapshots.append(PairValues(epoch, **values))
    return tuple(snapshots)


def _check_range(reader: ArtifactReader, name: str, values: NDArray[Any], low: float, high: float) -> None:
    if values.size and (values.min() < low or values.max() > high):
        found = f"{values.min():g}..{values.max():g}"
        raise reader.error(name, expected=f"values {low:.3g}..{high:.3g}", found=found)
