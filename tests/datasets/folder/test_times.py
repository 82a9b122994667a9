from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detach_core.datasets.folder.times import StampColumn, StampError, read_moment, read_stamp
from detach_core.foundation.errors import BadInputError

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = "2024-10-27T0"  # summer time ends at 3 o'clock, which becomes 2


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def column(*texts):
    found = StampColumn(Path("log.csv"), "time", BERLIN)
    found.append(texts, np.arange(2, 2 + len(texts)))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T08:00:00", "2024-05-01T06:00:00"),
        ("2024-01-01 08:00:00.250", "2024-01-01T07:00:00.250"),
        ("2024-05-01T08:00:00Z", "2024-05-01T08:00:00"),
        ("2024-05-01T08:00:00+05:30", "2024-05-01T02:30:00"),
        (" 1714543200.5 ", "2024-05-01T06:00:00.5"),
        ("2024-10-27T02:30:00+02:00", "2024-10-27T00:30:00"),
        ("2024-10-27T02:30:00+01:00", "2024-10-27T01:30:00"),
    ],
)
def test_a_time_is_read_with_its_offset_or_in_the_homes_zone(text, expected):
    assert read_moment(text, BERLIN) == utc(expected)


@pytest.mark.parametrize(
    "text", ["", "x", "nan", "inf", "-5", "2024-05-01", "1714543200000", "08:00:00", "2024-13-01T08:00:00", "1_714_543"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(StampError):
        read_stamp(text, BERLIN)


def test_a_time_in_the_missing_hour_is_refused():
    with pytest.raises(BadInputError, match=r"line 3, column time: found '2024-03-31T02:30:00', which no clock"):
        column("2024-03-31T01:30:00", "2024-03-31T02:30:00")


def test_a_time_in_the_repeated_hour_is_refused_alone():
    with pytest.raises(StampError, match="showed twice"):
        read_moment(f"{NIGHT}2:30:00", BERLIN)


def test_the_order_settles_the_repeated_hour_where_the_clock_goes_back_in_it():
    hours = ("1:50", "2:10", "2:50", "2:05", "2:55", "3:10")
    found = column(*(f"{NIGHT}{hour}:00" for hour in hours)).seconds()
    expected = ["2024-10-26T23:50", "2024-10-27T00:10", "2024-10-27T00:50", "2024-10-27T01:05", "2024-10-27T01:55"]
    assert found.tolist() == [*map(utc, expected), utc("2024-10-27T02:10")]


def test_a_time_before_that_the_hour_is_known_to_be_over_settles_it():
    found = column("2024-10-27T01:05:00Z", f"{NIGHT}2:10:00").seconds()
    assert found.tolist() == [utc("2024-10-27T01:05"), utc("2024-10-27T01:10")]


@pytest.mark.parametrize("hours", [("2:10",), ("1:50", "2:10", "2:50", "3:10"), ("2:10", "2:50")])
def test_a_repeated_hour_that_the_order_does_not_settle_is_refused_with_its_line(hours):
    times = column(*(f"{NIGHT}{hour}:00" for hour in hours))
    line = 2 + [hour[0] for hour in hours].index("2")
    with pytest.raises(BadInputError, match=rf"line {line}, column time: found .*02:10:00', which the clocks .* twice"):
        times.seconds()


def test_intervals_that_need_not_be_in_order_settle_nothing():
    with pytest.raises(BadInputError, match="twice"):
        column(f"{NIGHT}2:50:00", f"{NIGHT}2:10:00").seconds(in_order=False)


@pytest.mark.parametrize("hours", [("2:50", "2:10", "2:40", "2:30"), ("8:00", "7:59"), ("1:00", "0:30")])
def test_times_that_run_back_are_refused_with_their_line(hours):
    times = column(*(f"{NIGHT}{hour}:00" for hour in hours))
    with pytest.raises(BadInputError, match=rf"line {1 + len(hours)}, column time: found .* do not run back; sort"):
        times.seconds()


def test_equal_times_are_in_order():
    assert np.diff(column("5", "5", "6").seconds()).tolist() == [0, 1]


def test_each_night_of_several_is_settled_by_itself():
    hours = ["2023-10-29T02:40:00", "2023-10-29T02:20:00", "2024-10-27T02:40:00", "2024-10-27T02:20:00"]
    expected = ["2023-10-29T00:40", "2023-10-29T01:20", "2024-10-27T00:40", "2024-10-27T01:20"]
    assert column(*hours).seconds().tolist() == [utc(text) for text in expected]
