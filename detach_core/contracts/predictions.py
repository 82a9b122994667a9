"""Predictions inside `metrics.json`: one row a tested unit, so that any figure and interval can be computed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.json_document import JsonDocument

PROBABILITY_DIGITS = 6
_COLUMNS = ("unit", "instance", "label", "predicted")


@dataclass(frozen=True)
class Predictions:
    """What a probe says of each tested unit, in rows.

    `unit` is a window id or a recording's index; `instance` the gesture instance or sequence that intervals resample;
    `probabilities` is (N, K), rounded to 6 digits in the file.
    """

    unit: NDArray[np.int64]
    instance: NDArray[np.int64]
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def predictions_node(predictions: Predictions) -> list[dict[str, Any]]:
    """`predictions` as a list of JSON objects."""
    columns = [getattr(predictions, name).tolist() for name in _COLUMNS]
    probabilities = np.round(predictions.probabilities, PROBABILITY_DIGITS).tolist()
    return [
        {**dict(zip(_COLUMNS, row[:-1], strict=True)), "probabilities": row[-1]}
        for row in zip(*columns, probabilities, strict=True)
    ]


def read_predictions(document: JsonDocument, place: str, num_classes: int) -> Predictions:
    """The predictions at `place` of `document`.

    Raises:
        ContractError: a missing field, a wrong type, a class that is not one of `num_classes`.
    """
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
