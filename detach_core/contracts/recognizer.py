"""`recognizer/`: a recogniser of activities that needs the sensors alone, a folder of three files.

`recognizer.json` says what it takes and gives, `recognizer.onnx` computes the probabilities of a window, and
`recognizer.safetensors` holds the same weights for PyTorch: those of the sensor encoder and of the probe, none of the
video. A window (1, C, L) f32 holds native units without NaN; its normalisation and the temperature are in the graph.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.provenance import Provenance
from detach_core.foundation.errors import NO_SPACE, NoSpaceError
from detach_core.foundation.files import write_text

SCHEMA = "detach.recognizer/1"

RULE = "recognizer"

DESCRIPTION, WEIGHTS, GRAPH = "recognizer.json", "recognizer.safetensors", "recognizer.onnx"

Probabilities = NDArray[np.float64]

Resampling = Literal["nearest", "previous"]

MODES = ("window", "smoothed")


@dataclass(frozen=True)
class Channel:
    """A sensor channel; `unit` is what the weights expect."""

    name: str
    unit: str


@dataclass(frozen=True)
class Activity:
    """A class; `place` and `action` are "" for a class without."""

    name: str
    place: str
    action: str


@dataclass(frozen=True)
class Calibration:
    """Temperature of the logits, and the mean log loss of the windows that it was fitted on, before and after."""

    temperature: float
    windows: int
    log_loss_before: float
    log_loss_after: float


@dataclass(frozen=True)
class Threshold:
    """A window is known where its probability lies above `probability`.

    Attributes:
        probability: the threshold; 1 knows nothing.
        coverage: guaranteed share: a window of a new group is named rightly, or called unknown, with at least this
            probability. Windows of other activities than the classes are not covered.
        wanted: the coverage that was asked for; more than `coverage` where there are too few groups for it.
        group: what is new and exchangeable: `recording`, or `gesture` of recordings like those that calibrated.
        groups: how many of them calibrated.
        windows: their windows.
        exact: whether the promise stands as it is. Not where the probe had seen the groups, and each was named by one
            fitted without it; nor for smoothed labels where the packed windows leave out what lies between activities.
        measured: share of covered windows, each group's by a threshold from the other groups.
        known: share of the calibrating windows that are known.
    """

    probability: float
    coverage: float
    wanted: float
    group: str
    groups: int
    windows: int
    exact: bool
    measured: float
    known: float


@dataclass(frozen=True)
class Measures:
    """Measures of labels over held-out windows in the order of time; `segment_f1_50` counts segments that half meet."""

    f1_weighted: float
    accuracy: float
    segment_f1_10: float
    segment_f1_25: float
    segment_f1_50: float
    edit_score: float


@dataclass(frozen=True)
class Smoothing:
    """A hidden Markov model of K activities: `start` (K,), `transition` (K, K) from row to column, `prior` (K,)."""

    start: Probabilities
    transition: Probabilities
    prior: Probabilities


@dataclass(frozen=True)
class Description:
    """Content of `recognizer.json`; `thresholds` and `measures` are for `window` and for `smoothed` labels.

    Attributes:
        dataset: what it was trained on.
        variant: the table's row.
        split: name of the split.
        feature: feature of the sensor encoder that the probe reads.
        target: what it tells: `class`, `place` or `action`.
        rate_hz: rate of the samples of a window.
        window_s: length of a window.
        stride_s: from one window's start to the next.
        length: samples L of a window.
        max_nan_share: share of NaN of a channel in a window above which it is 0 there; below, NaN are interpolated.
        resampling: sample taken at each moment of the rate, `nearest` or `previous`.
        channels: C, in the order of the graph's input.
        classes: K, in the order of the graph's output.
        weights: names of the sensor encoder's tensors.
        calibration: of the probabilities.
        thresholds: mode -> from where on a window is known.
        smoothing: the hidden Markov model.
        measures: mode -> how well held-out windows are named.
        provenance: who made it.
    """

    dataset: str
    variant: str
    split: str
    feature: str
    target: str
    rate_hz: float
    window_s: float
    stride_s: float
    length: int
    max_nan_share: float
    resampling: Resampling
    channels: tuple[Channel, ...]
    classes: tuple[Activity, ...]
    weights: tuple[str, ...]
    calibration: Calibration
    thresholds: dict[str, Threshold]
    smoothing: Smoothing
    measures: dict[str, Measures]
    provenance: Provenance


_TEXTS = ("dataset", "variant", "split", "feature", "target")

_NUMBERS = ("rate_hz", "window_s", "stride_s", "max_nan_share")


@contextmanager
def whole_folder(path: Path | str) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block succeeds, in place of any earlier one, and else is deleted.

    Raises:
        NoSpaceError: the disk was full before it was whole.
    """
    path = Path(path)
    partial, old = (path.with_name(f".{path.name}.{os.getpid()}.{word}") for word in ("partial", "old"))
    try:
        partial.mkdir(parents=True)
        yield partial
        if path.exists():
            path.rename(old)
        partial.rename(path)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise NoSpaceError(path, error.errno) from error
        raise
    finally:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def write_description(folder: Path | str, description: Description) -> None:
    """Write `recognizer.json` into `folder`."""
    document = {"schema": SCHEMA, "version": description.provenance.version, **asdict(description)}
    document["smoothing"] = {name: values.tolist() for name, values in vars(description.smoothing).items()}
    write_text(Path(folder) / DESCRIPTION, json.dumps(document, allow_nan=False, indent=1) + "\n")


def read_description(folder: Path | str) -> Description:
    """The description in the folder of a recogniser.

    Raises:
        ContractError: there is none, or it is not what this module says.
    """
    document = JsonDocument.load(Path(folder) / DESCRIPTION, schema=SCHEMA, rule=RULE)
    channels = _records(document, "channels", Channel)
    classes = _records(document, "classes", Activity)
    if not channels or not classes:
        raise document.error("channels", expected="channels and classes", found=f"{len(channels)} and {len(classes)}")
    resampling = document.get("resampling", str)
    if resampling not in ("nearest", "previous"):
        raise document.error("resampling", expected="nearest or previous", found=repr(resampling))
    texts: dict[str, Any] = {name: document.label(name) for name in _TEXTS}
    numbers: dict[str, Any] = {name: document.get(name, float) for name in _NUMBERS}
    length = document.get("length", int)
    for name, value in {**numbers, "length": length}.items():
        if not value > 0 and name != "max_nan_share":
            raise document.error(name, expected="a number above 0", found=str(value))
    return Description(
        **texts,
        **numbers,
        length=length,
        resampling="nearest" if resampling == "nearest" else "previous",
        channels=channels,
        classes=classes,
        weights=document.labels("weights"),
        calibration=_record(document, "calibration", Calibration),
        thresholds={mode: _threshold(document, f"thresholds/{mode}") for mode in MODES},
        smoothing=_smoothing(document, len(classes)),
        measures={mode: _record(document, f"measures/{mode}", Measures) for mode in MODES},
        provenance=document.provenance(),
    )


_KINDS: dict[str, type] = {"str": str, "float": float, "int": int, "bool": bool}


def _record(document: JsonDocument, place: str, kind: Any) -> Any:
    """The dataclass of plain values at `place`."""
    values = {}
    for name, field in kind.__dataclass_fields__.items():
        at = f"{place}/{name}"
        values[name] = document.label(at) if field.type == "str" else document.get(at, _KINDS[field.type])
    return kind(**values)


def _records(document: JsonDocument, place: str, kind: Any) -> tuple[Any, ...]:
    """The list of such dataclasses at `place`, each of its own name."""
    found = tuple(_record(document, f"{place}/{k}", kind) for k in range(len(document.get(place, list))))
    names = [one.name for one in found]
    if "" in names or len(set(names)) < len(names):
        raise document.error(place, expected="names, each once", found=repr(names))
    return found


def _threshold(document: JsonDocument, place: str) -> Threshold:
    found: Threshold = _record(document, place, Threshold)
    for name in ("probability", "coverage"):
        if not 0.0 <= getattr(found, name) <= 1.0:
            raise document.error(f"{place}/{name}", expected="a number within 0..1", found=str(getattr(found, name)))
    return found


def _smoothing(document: JsonDocument, count: int) -> Smoothing:
    """The model of `count` classes, whose rows are probabilities."""
    rows = len(document.get("smoothing/transition", list))
    transition = [document.numbers(f"smoothing/transition/{row}", count) for row in range(rows)]
    start, prior = (document.numbers(f"smoothing/{name}", count) for name in ("start", "prior"))
    for name, values in {"start": start, "prior": prior, "transition": np.array(transition)}.items():
        if np.size(values) == 0 or (values < 0).any() or not np.allclose(values.sum(axis=-1), 1.0):
            raise document.error(f"smoothing/{name}", expected="probabilities of sum 1", found="other numbers")
    if rows != count or (prior <= 0).any():
        raise document.error("smoothing", expected=f"{count} rows and priors above 0", found=f"{rows} rows")
    return Smoothing(start, np.array(transition), prior)
