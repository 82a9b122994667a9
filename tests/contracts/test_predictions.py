import dataclasses
import json

import numpy as np
import pytest

from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.metrics import Predictions, predictions_node, read_predictions
from detach_core.foundation.errors import ContractError


def load(tmp_path, rows):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"schema": "x", "draws": rows}))
    return read_predictions(JsonDocument.load(path, schema="x", rule="probe"), "draws", 2)


def make():
    column = np.array([4, 7])
    return Predictions(column, column, np.array([0, 1]), np.array([1, 1]), np.array([[0.25, 0.75], [0.5, 0.5]]))


def test_rows_are_written_and_read(tmp_path):
    (read,) = load(tmp_path, predictions_node([make()]))
    assert read.unit.tolist() == [4, 7]
    assert read.predicted.tolist() == [1, 1]
    assert read.probabilities.tolist() == [[0.25, 0.75], [0.5, 0.5]]


def test_no_rows_keep_their_shape(tmp_path):
    assert load(tmp_path, [[]])[0].probabilities.shape == (0, 2)


def test_draws_of_folds_keep_their_order(tmp_path):
    other = dataclasses.replace(make(), predicted=np.array([0, 1]))
    draws = load(tmp_path, predictions_node([make(), other, make()]))
    assert [one.predicted.tolist() for one in draws] == [[1, 1], [0, 1], [1, 1]]


@pytest.mark.parametrize("field", ["unit", "instance", "label"])
def test_draws_that_test_other_units_are_refused(tmp_path, field):
    other = dataclasses.replace(make(), **{field: np.array([1, 0])})
    with pytest.raises(ContractError, match="draws/1: found others, expected the units, instances and labels"):
        load(tmp_path, predictions_node([make(), other]))


def test_draws_of_another_length_and_no_draw_are_refused(tmp_path):
    rows = predictions_node([make(), make()])
    del rows[1][0]
    with pytest.raises(ContractError, match="draws/1: found others"):
        load(tmp_path, rows)
    with pytest.raises(ContractError, match="draws: found none"):
        load(tmp_path, [])


@pytest.mark.parametrize("field", ["unit", "instance", "label", "predicted", "probabilities"])
def test_a_missing_field_is_refused(tmp_path, field):
    rows = predictions_node([make()])
    del rows[0][1][field]
    with pytest.raises(ContractError, match=f"draws/0/1/{field}"):
        load(tmp_path, rows)


def test_a_class_out_of_range_is_refused(tmp_path):
    rows = predictions_node([make()])
    rows[0][0]["predicted"] = 2
    with pytest.raises(ContractError, match="predicted below 2"):
        load(tmp_path, rows)
