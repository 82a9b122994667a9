from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from detach_core.datasets.clock_text import ClockText
from detach_core.foundation.errors import BadInputError

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
    with pytest.raises(BadInputError, match=r"line 3, column timestamp: found 'soon'"):
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


START = datetime(2020, 1, 31, 23, 59, 58)


def written(form, count=200, step_ms=20):
    return [(START + timedelta(milliseconds=step_ms * k)).strftime(form) for k in range(count)]


@pytest.mark.parametrize(
    "form",
    [
        "%Y%m%dT%H%M%S.%f",
        "%Y%m%d %H%M%S,%f",
        "%Y%m%dT%H%M%S.%fZ",
        "%Y%m%dT%H%M%S.%f+0100",
        "%Y%m%d%H%M%S.%f",
        "%Y%m%d%H%M%S,%f",
        "%Y%m%d%H%M%S%f",
        "%Y-%m-%dT%H:%M:%S.%fZ",
        "%Y-%m-%d %H:%M:%S,%f",
        "%Y-%m-%dT%H:%M:%S.%f-05:30",
    ],
)
def test_dates_long_and_compact_are_read_over_the_ends_of_minute_day_and_month(form):
    for pieces in (1, 7):
        np.testing.assert_allclose(read(written(form), pieces), np.arange(200) / 50, atol=1e-9)


def test_compact_dates_without_fractions_are_whole_seconds():
    np.testing.assert_array_equal(read(written("%Y%m%d%H%M%S")), np.arange(200) // 50)
    np.testing.assert_array_equal(read(written("%Y%m%d%H%M%S", step_ms=30_000)), np.arange(200) * 30)


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("%Y%m%d", "a date without a time of day"),
        ("%Y%m%d%H%M", "a date and time without seconds"),
        ("%y%m%d%H%M%S", "a date with a year of two digits"),
        ("%d%m%Y%H%M%S", "a date that begins with its day"),
        ("%m%d%Y%H%M%S.%f", "a date that begins with its month"),
    ],
)
def test_digits_that_may_be_a_date_of_another_order_are_refused(form, kind):
    with pytest.raises(
        BadInputError, match=f"line 2, column timestamp: found a number that reads as {kind}, expected seconds"
    ):
        read(written(form), pieces=3)


@pytest.mark.parametrize(
    ("first", "step"), [(20200131120000, 20_000_000), (20200131120000, 20_000), (202001311200, 20_000), (20200131, 20)]
)
def test_a_counter_that_passes_a_date_is_a_counter(first, step):
    np.testing.assert_allclose(read([str(first + step * k) for k in range(2000)], 9), np.arange(2000) / 50, atol=1e-5)


def test_a_damaged_date_among_dates_does_not_make_them_numbers():
    stamps = written("%Y%m%d%H%M%S")
    stamps[120] = "20200131236100"
    with pytest.raises(BadInputError, match="line 122, column timestamp: found a number that is no date"):
        read(stamps, pieces=3)


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M:%S.%f", "%m-%d-%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d"])
def test_dates_that_are_not_iso_or_lack_their_time_are_refused(form):
    with pytest.raises(BadInputError, match=r"line 2, .* expected an ISO date and time, year first"):
        read(written(form))


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("20200131T235958", "2020-01-31T23:59:59"),
        ("2020-01-31T23:59:58", "20200131T235959"),
        ("20200131235958", "2020-01-31T23:59:59"),
        ("2020-01-31 23:59:58", "23:59:59"),
        ("23:59:58", "86399.0"),
        ("12.5", "12,52"),
        ("2020-01-31 23:59:58Z", "2020-01-31 23:59:59"),
    ],
)
def test_one_file_has_one_notation(first, other):
    with pytest.raises(BadInputError, match=r"line 3, column timestamp: found '.*', expected .*, as in line 2"):
        read([first, other])


def test_an_offset_that_changes_leaves_the_moments_right():
    stamps = ["2020-03-29T01:59:59.98+01:00", "2020-03-29T03:00:00+02:00", "2020-03-29T01:00:00.02Z"]
    np.testing.assert_allclose(read(stamps), [0.0, 0.02, 0.04], atol=1e-9)


def test_a_time_of_day_is_read_until_midnight_and_refused_behind_it():
    stamps = written("%H:%M:%S.%f")
    np.testing.assert_allclose(read(stamps[:100], 3), np.arange(100) / 50, atol=1e-9)
    with pytest.raises(BadInputError, match=r"line 102, .* found '00:00:00.000000', a time of day after midnight"):
        read(stamps, 3)


@pytest.mark.parametrize("stamp", ["1_000", "٣", "nan", "inf", "0x10", "1,5", "", "12:61:00", "2020-02-30 12:00:00"])
def test_what_python_alone_takes_for_a_number_or_nobody_for_a_time_is_refused(stamp):
    with pytest.raises(BadInputError, match="line 2, column timestamp: found"):
        read([stamp, stamp])


@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("group", [2, 5, 50])
def test_the_unit_is_found_when_samples_share_stamps(unit, group):
    second = np.arange(400) // group * group / 50
    np.testing.assert_allclose(read([repr(float(s) * unit) for s in second]), second, atol=1e-9)
    trembling = second + np.arange(400) % group * 1e-4
    np.testing.assert_allclose(read([repr(float(s) * unit) for s in trembling]), trembling, atol=1e-9)


def test_time_that_runs_backwards_is_left_for_the_caller_to_refuse():
    assert read(["0.00", "0.02", "0.01"]).tolist() == [0.0, 0.02, 0.01]


def test_a_single_stamp_is_time_zero():
    assert read(["17.5"]).tolist() == [0.0]
