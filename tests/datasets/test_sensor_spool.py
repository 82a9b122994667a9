from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detach_core.datasets.adapter import SensorSpool
from detach_core.foundation.errors import BadInputError


@pytest.fixture
def spool(tmp_path):
    return SensorSpool(Path("S1-Drill.dat"), tmp_path, channels=("a", "b"), first_line=2)


def test_values_come_back_as_float32(spool):
    values = np.random.default_rng(0).normal(size=(9, 2))
    values[3, 1] = np.nan
    for first in range(0, 9, 4):
        spool.append(values[first : first + 4])
    rows = spool.rows()
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[:], values.astype(np.float32))


def test_the_first_value_that_is_too_large_is_told_when_the_rows_are_asked_for(spool):
    for value in (0.0, 1e39, -1e300):
        spool.append(np.array([[0.0, 0.0], [0.0, value]]))
    with pytest.raises(BadInputError, match=r"S1-Drill.dat: line 5, channel b: found 1e\+39, expected at most"):
        spool.rows()
