"""`classifier.safetensors`: the linear classifier of a row's probe, on the frozen sensor features of one checkpoint.

A feature x (D,) is standardised, (x - mean) / std and 0 where std is 0; the probabilities are
softmax(x coefficients + intercept). It is the probe of the held-out protocol (`by_recording` or `by_subject`): it is
fitted on all labelled downstream units and has not seen those held out. Where nothing is held out, `protocol` is
`paper`, and it is fitted on all units that the folds of `paper` test, none of which can then test it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from detach_core.contracts.checkpoint import header_provenance, header_value, read_tensors, write_tensors
from detach_core.contracts.provenance import Provenance
from detach_core.foundation.errors import LABEL, ContractError, UserError, label_fault

SCHEMA = "detach.classifier/1"

RULE = "probe"


@dataclass(frozen=True)
class Classifier:
    """A linear classifier of K classes on D features, float64.

    Attributes:
        dataset: name of the dataset.
        variant: the table's row.
        run: the run whose checkpoint gives the features: the row's own, or the candidate that its search chose.
        split: name of the split.
        protocol: of the split; its training units fitted the classifier.
        label_unit: what was classified: `window`, or `recording` by the mean feature of its windows.
        feature: name of the feature in `embeddings.h5`: `sensor`, or one of its parts.
        target: what it tells: `class`, `place` or `action`.
        kind: `logistic` or `authors`.
        c: the chosen inverse penalty, None for the authors' probe.
        class_names: the K classes.
        class_places: where each class happens, "" for a class without a place.
        class_actions: what is done in each class, "" for a class without an action.
        tensors: `mean` (D,), `std` (D,), `coefficients` (D, K), `intercept` (K,).
        provenance: who made it; `inputs` has the id of the checkpoint.
    """

    dataset: str
    variant: str
    run: str
    split: str
    protocol: str
    label_unit: str
    feature: str
    target: str
    kind: str
    c: float | None
    class_names: list[str]
    class_places: list[str]
    class_actions: list[str]
    tensors: dict[str, Tensor]
    provenance: Provenance


_TEXTS = ("dataset", "variant", "run", "split", "protocol", "label_unit", "feature", "target", "kind")

_NAMES = ("class_names", "class_places", "class_actions")


def write_classifier(path: Path | str, classifier: Classifier) -> None:
    """Write `classifier` to `path`, atomically."""
    header = {name: getattr(classifier, name) for name in (*_TEXTS, "c", *_NAMES)}
    provenance = classifier.provenance.to_json()
    write_tensors(path, classifier.tensors, {"schema": SCHEMA, **header, "provenance": provenance})


def read_classifier(path: Path | str) -> Classifier:
    """The classifier that `write_classifier` wrote.

    Raises:
        ContractError: the file is not such a classifier, or its names and tensors do not fit each other.
    """
    fields = (*_TEXTS, "c", *_NAMES)
    tensors, header = read_tensors(path, schema=SCHEMA, fields=(*fields, "provenance"), rule=RULE)
    for name in _TEXTS:
        _check_label(path, name, header_value(path, header, name, str, rule=RULE))
    names = {name: header_value(path, header, name, list, rule=RULE) for name in _NAMES}
    _check_class_names(path, names)
    if header["c"] is not None:
        header_value(path, header, "c", float, rule=RULE)
    _check_tensors(path, tensors, num_classes=len(names["class_names"]))
    provenance = header_provenance(path, header, rule=RULE)
    return Classifier(**{name: header[name] for name in fields}, tensors=tensors, provenance=provenance)


def find_classifier(path: Path, *, checkpoint_id: str) -> Classifier | UserError:
    """The classifier at `path` on features of a checkpoint, or the error that says why there is none.

    Raises:
        ContractError: as `read_classifier`.
    """
    if not path.exists():
        return UserError(f"{path}: found nothing, expected the classifier of a probe; run the rule `probe`")
    classifier = read_classifier(path)
    found = classifier.provenance.inputs.get("checkpoint", "nothing")
    if checkpoint_id == found:
        return classifier
    return UserError(
        f"{path}: found a classifier on features of the run {classifier.run}, checkpoint {found}, expected one of"
        f" checkpoint {checkpoint_id}; load that run with `classifier` set to this file, or run the rule `probe` again"
    )


def _refusal(path: Path | str, place: str, *, expected: str, found: str) -> ContractError:
    return ContractError(path, place, expected=expected, found=found[:80], remedy=f"rerun the rule `{RULE}`")


def _check_label(path: Path | str, place: str, text: Any) -> None:
    fault = label_fault(text) if isinstance(text, str) else type(text).__name__
    if fault is not None:
        raise _refusal(path, place, expected=LABEL, found=fault)


def _check_class_names(path: Path | str, names: Mapping[str, list[Any]]) -> None:
    """Each class has a name, and a place and an action or "" for none."""
    count = len(names["class_names"])
    for place, values in names.items():
        if len(values) != count or not count:
            raise _refusal(path, place, expected=f"one for each of {max(count, 1)} classes", found=f"{len(values)}")
        for value in values:
            if value != "" or place == "class_names":
                _check_label(path, place, value)


def _check_tensors(path: Path | str, tensors: Mapping[str, Tensor], *, num_classes: int) -> None:
    width = len(tensors["mean"]) if "mean" in tensors and tensors["mean"].ndim == 1 else 0
    shapes = {"mean": (width,), "std": (width,), "coefficients": (width, num_classes), "intercept": (num_classes,)}
    expected = f"float64 {', '.join(shapes)} of one width, for {num_classes} classes"
    for name in sorted(shapes.keys() | tensors.keys()):
        tensor = tensors.get(name)
        found = "nothing" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"
        if tensor is None or tensor.dtype != torch.float64 or not width or tuple(tensor.shape) != shapes.get(name):
            raise _refusal(path, name, expected=expected, found=found)
    if bool((tensors["std"] < 0).any()):
        raise _refusal(path, "std", expected="numbers of at least 0", found=f"{float(tensors['std'].min())}")
