"""Predictions inside `metrics.json`, so that any figure and interval can be computed again.

For each draw of folds there is one row a tested unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.json_document import JsonDocument

PROBABILITY_DIGITS = 6
_OF_UNITS = ("unit", "instance", "label")
_COLUMNS = (*_OF_UNITS, "predicted")


@dataclass(frozen=True)
class Predictions:
    """What the probes of one draw of folds say of each tested unit, in rows.

    `unit` is a window id or a recording's index; `instance` the gesture instance or sequence that intervals resample;
    `probabilities` is (N, K), rounded to 6 digits in the file.
    """

    unit: NDArray[np.int64]
    instance: NDArray[np.int64]
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def predictions_node(draws: Sequence[Predictions]) -> list[list[dict[str, Any]]]:
    """For each draw its predictions as JSON objects."""
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
        if any(not np.array_equal(getattr(one, name), getattr(draws[0], name)) for name in _OF_UNITS):
            expected = "the units, instances and labels of the first draw"
            raise document.error(f"{place}/{number}", expected=expected, found="others")
    return draws


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
