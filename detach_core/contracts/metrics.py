"""`metrics.json`: figures of each protocol with their intervals, and the probe's selections and predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.provenance import Provenance
from detach_core.foundation.files import write_text


@dataclass(frozen=True)
class Choice:
    """Selection by cross-validation inside one fold's training part: the candidate's place and C, the inverse penalty.

    `inner_loss` is the mean log loss on the inner folds left out: a row a candidate, a column a value of the metrics'
    `strengths`; empty where there was nothing to choose by.
    """

    candidate: int
    c: float
    inner_loss: tuple[tuple[float, ...], ...]


def choice_node(choice: Choice) -> dict[str, Any]:
    """`choice` as a JSON object."""
    return asdict(choice)


def read_choice(document: JsonDocument, place: str, *, num_candidates: int, num_strengths: int) -> Choice:
    """The choice at `place` of `document`.

    Raises:
        ContractError: a missing field, a wrong type, a candidate that there is not, a row too few or too short.
    """
    candidate = document.get(f"{place}/candidate", int)
    if not 0 <= candidate < num_candidates:
        raise document.error(f"{place}/candidate", expected=f"a place among {num_candidates}", found=str(candidate))
    rows = len(document.get(f"{place}/inner_loss", list))
    if rows not in (0, num_candidates):
        raise document.error(f"{place}/inner_loss", expected=f"{num_candidates} rows or none", found=f"{rows}")
    losses = [document.numbers(f"{place}/inner_loss/{row}", num_strengths).tolist() for row in range(rows)]
    return Choice(candidate, document.get(f"{place}/c", float), tuple(tuple(row) for row in losses))


PROBABILITY_DIGITS = 6

_OF_UNITS = ("unit", "instance", "label")

_COLUMNS = (*_OF_UNITS, "predicted")


@dataclass(frozen=True)
class Predictions:
    """Predictions for each tested unit by the probes of one draw of folds, in rows.

    `unit` is a window id or a recording's index; `instance` the gesture instance or sequence that intervals resample;
    `probabilities` is (N, K), rounded to 6 digits in the file.
    """

    unit: NDArray[np.int64]
    instance: NDArray[np.int64]
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def predictions_node(draws: Sequence[Predictions]) -> list[list[dict[str, Any]]]:
    """The predictions of each draw as JSON objects."""
    return [_rows(one) for one in draws]


def _rows(predictions: Predictions) -> list[dict[str, Any]]:
    columns = [getattr(predictions, name).tolist() for name in _COLUMNS]
    probabilities = np.round(predictions.probabilities, PROBABILITY_DIGITS).tolist()
    return [
        {**dict(zip(_COLUMNS, row[:-1], strict=True)), "probabilities": row[-1]}
        for row in zip(*columns, probabilities, strict=True)
    ]


def read_predictions(document: JsonDocument, place: str, num_classes: int) -> tuple[Predictions, ...]:
    """The predictions at `place` of `document`, one of each draw of folds.

    Raises:
        ContractError: a missing field, a wrong type, no draw, a class that is not one of `num_classes`, or draws that
            test different units.
    """
    draws = tuple(
        _read_draw(document, f"{place}/{draw}", num_classes) for draw in range(len(document.get(place, list)))
    )
    if not draws:
        raise document.error(place, expected="the predictions of at least one draw of folds", found="none")
    for number, one in enumerate(draws):
        if not _of_same_units(one, draws[0]):
            expected = "the units, instances and labels of the first draw"
            raise document.error(f"{place}/{number}", expected=expected, found="others")
    return draws


def _of_same_units(one: Predictions, other: Predictions) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in _OF_UNITS)


def _read_draw(document: JsonDocument, place: str, num_classes: int) -> Predictions:
    rows = range(len(document.get(place, list)))
    columns = {
        name: np.array([document.get(f"{place}/{row}/{name}", int) for row in rows], dtype=np.int64)
        for name in _COLUMNS
    }
    for name in ("label", "predicted"):
        if ((columns[name] < 0) | (columns[name] >= num_classes)).any():
            raise document.error(place, expected=f"{name} below {num_classes}", found="another class")
    probabilities = [document.numbers(f"{place}/{row}/probabilities", num_classes) for row in rows]
    return Predictions(**columns, probabilities=np.array(probabilities).reshape(-1, num_classes))


# End of the name of a protocol whose probe has all labels of its training part, beside those with few.
ALL_LABELS = "all labels"

SCHEMA = "detach.metrics/5"

_TEXTS = (
    "dataset",
    "variant",
    "method",
    "split",
    "source",
    "probed",
    "video_init",
    "label_unit",
    "null_windows",
    "probe",
)

_FIGURES = ("f1_weighted", "map")

_FRACTIONS = tuple(
    f"{before}{name}{after}"
    for name in _FIGURES
    for before, after in (("", ""), ("", "_low"), ("", "_high"), ("chance_", ""))
)


@dataclass(frozen=True)
class ClassResult:
    """Figures of one class; the average precision of a class without a tested unit is None."""

    f1: float
    average_precision: float | None
    support: int


@dataclass(frozen=True)
class StartResult:
    """Figures of the method's own start, its networks untrained, on the same units, folds and draws."""

    f1_weighted: float
    map: float
    predictions: tuple[Predictions, ...]


@dataclass(frozen=True)
class ProtocolResult:
    """Figures of one protocol: means over draws of folds of the figure of a draw, whose folds' predictions are pooled.

    The interval's bounds are `_low` and `_high`; `chance_` is what guessing would score on these units. `n_test` counts
    tested units, `n_units` the instances or sequences that were resampled; `choices` has one for each fold of each
    draw, none for a probe that chooses nothing; `confusion` adds up the draws; `predictions` has one for each draw;
    `start` is None for what is not trained; `collapse` says how features have collapsed that only this protocol uses.
    """

    f1_weighted: float
    f1_weighted_low: float
    f1_weighted_high: float
    map: float
    map_low: float
    map_high: float
    chance_f1_weighted: float
    chance_map: float
    n_test: int
    n_units: int
    choices: tuple[Choice, ...]
    per_class: dict[str, ClassResult]
    confusion: NDArray[np.int64]
    absent_classes: tuple[str, ...]
    predictions: tuple[Predictions, ...]
    start: StartResult | None = None
    collapse: str = ""


@dataclass(frozen=True)
class Interval:
    """Parameters of the intervals: bootstrap resamples, confidence and seed."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Metrics:
    """The evaluation of a variant on a dataset's split with one seed.

    `candidates` says what each setting of the search changes, first nothing; `collapse` in words how the training of
    each collapsed, with an empty text where it did not; `strengths` the values of C in rising order.
    """

    dataset: str
    variant: str
    method: str
    split: str
    seed: int
    source: str
    probed: str
    video_init: str
    label_unit: str
    null_windows: str
    probe: str
    candidates: tuple[Mapping[str, Any], ...]
    collapse: tuple[str, ...]
    strengths: tuple[float, ...]
    class_names: tuple[str, ...]
    interval: Interval
    protocols: dict[str, ProtocolResult]
    provenance: Provenance


def write_metrics(path: Path | str, metrics: Metrics) -> None:
    """Write `metrics` to `path`, atomically."""
    document = {
        "schema": SCHEMA,
        **{name: getattr(metrics, name) for name in _TEXTS},
        "seed": metrics.seed,
        "candidates": list(metrics.candidates),
        "collapse": list(metrics.collapse),
        "strengths": list(metrics.strengths),
        "class_names": list(metrics.class_names),
        "interval": asdict(metrics.interval),
        "protocols": {name: _protocol_node(result) for name, result in metrics.protocols.items()},
        "provenance": asdict(metrics.provenance),
    }
    write_text(path, json.dumps(document, allow_nan=False) + "\n")


def _protocol_node(result: ProtocolResult) -> dict[str, Any]:
    return {
        **{name: getattr(result, name) for name in (*_FRACTIONS, "n_test", "n_units")},
        "choices": [choice_node(one) for one in result.choices],
        "per_class": {
            name: {"f1": one.f1, "ap": one.average_precision, "support": one.support}
            for name, one in result.per_class.items()
        },
        "confusion": result.confusion.tolist(),
        "absent_classes": list(result.absent_classes),
        "predictions": predictions_node(result.predictions),
        "start": None if result.start is None else _start_node(result.start),
        "collapse": result.collapse,
    }


def _start_node(start: StartResult) -> dict[str, Any]:
    figures = {name: getattr(start, name) for name in _FIGURES}
    return {**figures, "predictions": predictions_node(start.predictions)}


def read_metrics(path: Path | str, *, rule: str = "probe") -> Metrics:
    """The metrics at `path`, which `rule` writes.

    Raises:
        ContractError: another schema, a missing field, a wrong type, a value that is not finite or out of its range,
            a figure outside of its own interval.
    """
    document = JsonDocument.load(path, schema=SCHEMA, rule=rule)
    class_names = document.labels("class_names")
    if not class_names:
        raise document.error("class_names", expected="the names of the classes", found="none")
    return Metrics(
        **{name: document.label(name) for name in _TEXTS},
        seed=document.get("seed", int),
        candidates=tuple(document.get(f"candidates/{k}", dict) for k in range(len(document.get("candidates", list)))),
        collapse=_read_collapse(document),
        strengths=tuple(document.numbers("strengths").tolist()),
        class_names=class_names,
        interval=Interval(
            resamples=document.get("interval/resamples", int),
            confidence=document.get("interval/confidence", float),
            seed=document.get("interval/seed", int),
        ),
        protocols={name: _read_protocol(document, name, class_names) for name in document.get("protocols", dict)},
        provenance=document.provenance(),
    )


def read_label_curve(path: Path | str) -> Metrics:
    """The metrics at `path`, a `label_curve.json`, whose protocols are points; errors as `read_metrics`."""
    return read_metrics(path, rule="label_curve")


def _read_protocol(document: JsonDocument, protocol: str, class_names: tuple[str, ...]) -> ProtocolResult:
    place = f"protocols/{document.key('protocols', protocol)}"
    fractions = {name: document.get(f"{place}/{name}", float) for name in _FRACTIONS}
    for name, value in fractions.items():
        if not 0.0 <= value <= 1.0:
            raise document.error(f"{place}/{name}", expected="a fraction in [0, 1]", found=repr(value))
    for name in _FIGURES:
        low, value, high = (fractions[f"{name}{end}"] for end in ("_low", "", "_high"))
        if not low <= value <= high:
            expected = f"a figure inside its interval, {low!r} to {high!r}"
            raise document.error(f"{place}/{name}", expected=expected, found=repr(value))
    num_classes = len(class_names)
    confusion = [document.ids(f"{place}/confusion/{row}") for row in range(num_classes)]
    if any(len(row) != num_classes for row in confusion):
        raise document.error(
            f"{place}/confusion", expected=f"{num_classes} x {num_classes} counts", found="another shape"
        )
    return ProtocolResult(
        **fractions,
        n_test=document.get(f"{place}/n_test", int),
        n_units=document.get(f"{place}/n_units", int),
        choices=tuple(
            read_choice(document, f"{place}/choices/{k}", **_counts(document))
            for k in range(len(document.get(f"{place}/choices", list)))
        ),
        per_class={name: _read_class(document, f"{place}/per_class", name) for name in class_names},
        confusion=np.stack(confusion),
        absent_classes=document.labels(f"{place}/absent_classes"),
        predictions=read_predictions(document, f"{place}/predictions", num_classes),
        start=_read_start(document, place, num_classes),
        collapse=document.label(f"{place}/collapse") if document.get(f"{place}/collapse", str) else "",
    )


def _read_collapse(document: JsonDocument) -> tuple[str, ...]:
    """A text for each candidate; an empty one is no label."""
    number, found = len(document.get("candidates", list)), len(document.get("collapse", list))
    if found != number:
        raise document.error("collapse", expected=f"a text for each of {number} candidates", found=f"{found}")
    places = [f"collapse/{k}" for k in range(number)]
    return tuple(document.label(place) if document.get(place, str) else "" for place in places)


def _read_start(document: JsonDocument, protocol: str, num_classes: int) -> StartResult | None:
    """The start's figures, of the units that the protocol tests."""
    place = f"{protocol}/start"
    if "start" not in document.get(protocol, dict):
        raise document.error(place, expected="an object, or null", found="nothing")
    if document.get(protocol, dict)["start"] is None:
        return None
    figures = {name: document.get(f"{place}/{name}", float) for name in _FIGURES}
    for name, value in figures.items():
        if not 0.0 <= value <= 1.0:
            raise document.error(f"{place}/{name}", expected="a fraction in [0, 1]", found=repr(value))
    predictions = read_predictions(document, f"{place}/predictions", num_classes)
    own = read_predictions(document, f"{protocol}/predictions", num_classes)
    if len(predictions) != len(own) or not _of_same_units(predictions[0], own[0]):
        expected = "the units, instances, labels and draws of the protocol"
        raise document.error(f"{place}/predictions", expected=expected, found="others")
    return StartResult(**figures, predictions=predictions)


def _counts(document: JsonDocument) -> dict[str, int]:
    return {f"num_{name}": len(document.get(name, list)) for name in ("candidates", "strengths")}


def _read_class(document: JsonDocument, place: str, class_name: str) -> ClassResult:
    # Not by place: a class may have a slash in its name.
    node = document.get(place, dict).get(class_name)
    figures = [node.get(name) for name in ("f1", "ap", "support")] if isinstance(node, dict) else []
    fits = [type(value) in (int, float) or (value is None and place == 1) for place, value in enumerate(figures)]
    if not isinstance(node, dict) or not all(fits):
        expected = f"f1, ap and support of class {class_name}"
        raise document.error(place, expected=expected, found=repr(node))
    precision = None if node["ap"] is None else float(node["ap"])
    return ClassResult(float(node["f1"]), precision, int(node["support"]))
