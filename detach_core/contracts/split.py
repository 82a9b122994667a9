"""`split.json`: windows for pretraining, for the probe and held out; the normalisation; the overlap of the parts.

Ids are rows of `windows.h5`, in folds too: where the recording is the unit, a fold lists all windows of its recordings.
Rotating folds are drawn `fold_draws` times, each draw testing the same windows; folds that do not rotate are listed
once, and the probe draws its own inner folds anew for each draw.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.provenance import Provenance
from detach_core.foundation.files import write_text

SCHEMA = "detach.split/2"
PARTS = ("pretrain", "downstream", "held_out")
FORMS = ("centred", "z")
Ids = NDArray[np.int64]
ChannelValues = NDArray[np.float64]


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and standard deviation per channel, each (C,); the deviation is 0 where a channel is constant."""

    mean: ChannelValues
    std: ChannelValues


@dataclass(frozen=True)
class Normalisation:
    """Statistics of the pretraining windows in native units, and those of the activation vector for each input form."""

    mean: ChannelValues
    std: ChannelValues
    activation: dict[str, ChannelStatistics]


@dataclass(frozen=True)
class Fold:
    """Window ids that train, select and test one probe; `val` may be empty. `draw` counts the draws of folds from 0."""

    train: Ids
    val: Ids
    test: Ids
    draw: int = 0


@dataclass(frozen=True)
class Overlap:
    """Overlap of two parts: seconds of recording, and gesture instances (or sequences)."""

    a: str
    b: str
    shared_s: float
    shared_instances: int


@dataclass(frozen=True)
class Split:
    """One split of a dataset's windows."""

    dataset: str
    name: str
    seed: int
    parts: dict[str, Ids]
    normalisation: Normalisation
    protocols: dict[str, tuple[Fold, ...]]
    overlap: tuple[Overlap, ...]
    provenance: Provenance
    fold_draws: int = 1

    @property
    def pretrain(self) -> Ids:
        """Windows that pretraining may see."""
        return self.parts["pretrain"]

    @property
    def downstream(self) -> Ids:
        """Windows of the units that are neither pretrained on nor held out."""
        return self.parts["downstream"]

    @property
    def held_out(self) -> Ids:
        """Windows of whole recordings or subjects that are used in the test alone."""
        return self.parts["held_out"]


def write_split(path: Path | str, split: Split) -> None:
    """Write `split` to `path`, atomically."""
    norm = split.normalisation
    document = {
        "schema": SCHEMA,
        "dataset": split.dataset,
        "split": split.name,
        "seed": split.seed,
        "fold_draws": split.fold_draws,
        "parts": {part: split.parts[part].tolist() for part in PARTS},
        "normalisation": {
            "mean": norm.mean.tolist(),
            "std": norm.std.tolist(),
            "activation": {
                form: {"mean": values.mean.tolist(), "std": values.std.tolist()}
                for form, values in norm.activation.items()
            },
        },
        "protocols": {
            protocol: {
                "folds": [
                    {"draw": fold.draw, **{role: getattr(fold, role).tolist() for role in ("train", "val", "test")}}
                    for fold in folds
                ]
            }
            for protocol, folds in split.protocols.items()
        },
        "overlap": [asdict(pair) for pair in split.overlap],
        "provenance": asdict(split.provenance),
    }
    write_text(path, json.dumps(document, allow_nan=False) + "\n")


def read_split(path: Path | str) -> Split:
    """The split at `path`.

    Raises:
        ContractError: another schema, a missing field, a wrong type, a value that is not finite, parts that share a
            window, a fold that trains and tests on the same window, or draws of folds that test different windows.
    """
    document = JsonDocument.load(path, schema=SCHEMA, rule="split")
    parts = {part: document.ids(f"parts/{part}") for part in PARTS}
    for first, second in (("pretrain", "downstream"), ("pretrain", "held_out"), ("downstream", "held_out")):
        shared = np.intersect1d(parts[first], parts[second])
        if shared.size:
            found = f"window {shared[0]} in {second} as well"
            raise document.error(f"parts/{first}", expected="no window in two parts", found=found)
    protocols = {}
    for name in document.get("protocols", dict):
        document.key("protocols", name)
        places = [f"protocols/{name}/folds/{k}" for k in range(len(document.get(f"protocols/{name}/folds", list)))]
        protocols[name] = tuple(_read_fold(document, place) for place in places)
        _check_draws(document, name, protocols[name])
    return Split(
        dataset=document.label("dataset"),
        name=document.label("split"),
        seed=document.get("seed", int),
        parts=parts,
        normalisation=_read_normalisation(document),
        protocols=protocols,
        overlap=tuple(_read_overlap(document, k) for k in range(len(document.get("overlap", list)))),
        provenance=document.provenance(),
        fold_draws=_read_fold_draws(document),
    )


def _read_fold_draws(document: JsonDocument) -> int:
    count = document.get("fold_draws", int)
    if count < 1:
        raise document.error("fold_draws", expected="at least 1", found=str(count))
    return count


def _check_draws(document: JsonDocument, protocol: str, folds: tuple[Fold, ...]) -> None:
    """Refuse a protocol with another number of draws than one or all, or whose draws test different windows."""
    place, count = f"protocols/{protocol}/folds", _read_fold_draws(document)
    draws = sorted({fold.draw for fold in folds})
    if draws not in ([0], list(range(count))):
        raise document.error(place, expected=f"draw 0 alone or 0 to {count - 1}", found=f"draws {draws}")
    tested = [np.sort(np.concatenate([fold.test for fold in folds if fold.draw == draw])) for draw in draws]
    if (np.diff(tested[0]) == 0).any() or any(not np.array_equal(one, tested[0]) for one in tested):
        expected = "the same windows tested in every draw, each once"
        raise document.error(place, expected=expected, found="a draw that tests others, or one twice")


def _read_fold(document: JsonDocument, place: str) -> Fold:
    train, val, test = (document.ids(f"{place}/{role}") for role in ("train", "val", "test"))
    if np.intersect1d(np.concatenate([train, val]), test).size:
        raise document.error(place, expected="train and test without a common window", found="common windows")
    return Fold(train, val, test, document.get(f"{place}/draw", int))


def _read_overlap(document: JsonDocument, index: int) -> Overlap:
    place = f"overlap/{index}"
    return Overlap(
        a=document.label(f"{place}/a"),
        b=document.label(f"{place}/b"),
        shared_s=document.get(f"{place}/shared_s", float),
        shared_instances=document.get(f"{place}/shared_instances", int),
    )


def _read_statistics(document: JsonDocument, place: str, length: int | None) -> ChannelStatistics:
    mean = document.numbers(f"{place}/mean", length)
    std = document.numbers(f"{place}/std", len(mean))
    if (std < 0).any():
        raise document.error(f"{place}/std", expected="numbers of at least 0", found=repr(std.min()))
    return ChannelStatistics(mean, std)


def _read_normalisation(document: JsonDocument) -> Normalisation:
    sensor = _read_statistics(document, "normalisation", None)
    place = "normalisation/activation"
    activation = {form: _read_statistics(document, f"{place}/{form}", len(sensor.mean)) for form in FORMS}
    return Normalisation(sensor.mean, sensor.std, activation)
