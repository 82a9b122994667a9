from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from detach_core.contracts.errors import BadInputError
from detach_core.datasets.clock_text import ClockText

PATH = Path("tea_s01.csv")
EXPECTED = np.arange(20) / 50


def read(stamps, pieces=1):
    clock = ClockText(PATH, None, first_line=2, column="timestamp")
    for piece in np.array_split(np.array(stamps, dtype=object), pieces):
        clock.append(piece.tolist())
    return np.asarray(clock.seconds(expected_hz=50))


@pytest.mark.parametrize("origin", [0.0, 1.5e9])
@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
def test_the_unit_of_numbers_is_found(unit, origin):
    stamps = [repr(round((origin + float(second)) * unit, 6)) for second in EXPECTED]
    tolerance = 1e-9 if origin == 0 else 1e-6
    np.testing.assert_allclose(read(stamps), EXPECTED, atol=tolerance)


@pytest.mark.parametrize("unit", [1, 1e3])
def test_stamps_that_come_in_pieces_are_read_as_at_once(unit):
    stamps = [repr(float(second) * unit) for second in EXPECTED]
    np.testing.assert_array_equal(read(stamps, pieces=7), read(stamps))


def test_the_first_bad_stamp_is_told_whatever_comes_after_it():
    with pytest.raises(BadInputError, match="line 3, column timestamp: found 'soon'"):
        read(["0.0", "soon", "later", "0.06"], pieces=4)


@pytest.mark.parametrize("separator", ["T", " "])
def test_dates_are_read_to_the_microsecond(separator):
    start = datetime(2020, 1, 31, 23, 59, 59, 900000)
    stamps = [(start + timedelta(seconds=float(second))).isoformat(sep=separator) for second in EXPECTED]
    np.testing.assert_allclose(read(stamps), EXPECTED, atol=1e-9)


@pytest.mark.parametrize(
    ("stamps", "line", "expected"),
    [
        (["0.0", "0.02", "soon"], "line 4", "a number"),
        (["0.0", "nan"], "line 3", "a number"),
        (["2020-01-31 12:00:00", "0.02"], "line 3", "an ISO date"),
        (["noon", "later"], "line 2", "an ISO date"),
        (["2020-01-31 12:00:00", "2020-01-31 12:00:01+00:00"], "line 3", "an ISO date"),
    ],
)
def test_a_stamp_unlike_the_first_is_named_by_its_line(stamps, line, expected):
    for pieces in (1, len(stamps)):
        with pytest.raises(BadInputError, match=f"{line}, column timestamp: found .* expected {expected}"):
            read(stamps, pieces)


def test_time_that_runs_backwards_is_left_for_the_caller_to_refuse():
    assert read(["0.00", "0.02", "0.01"]).tolist() == [0.0, 0.02, 0.01]


def test_a_single_stamp_is_time_zero():
    assert read(["17.5"]).tolist() == [0.0]
