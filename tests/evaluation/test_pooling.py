import numpy as np
import pytest

from detach_core.evaluation.evaluate import mean_by_unit


def test_a_sequence_gets_the_mean_of_its_windows_whatever_their_order():
    rng = np.random.default_rng(0)
    features, unit = rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 5, 30) * 3
    pooled, units = mean_by_unit(features, unit)
    assert units.tolist() == sorted(set(unit.tolist()))
    for row, one in zip(pooled, units, strict=True):
        np.testing.assert_allclose(row, features[unit == one].astype(float).mean(0), atol=1e-12)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="expected"):
        mean_by_unit(np.zeros((3, 2)), np.zeros(2, int))
    with pytest.raises(ValueError, match="expected"):
        mean_by_unit(np.zeros((0, 2)), np.zeros(0, int))
