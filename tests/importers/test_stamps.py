from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detach_core.foundation.errors import BadInputError, UserError
from detach_core.importers.stamps import LocalTimes, chosen_moment, from_epoch, parse_stamp, time_zone

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LOG = Path("log.txt")


def resolved(texts, repeated=None, zone=AMSTERDAM):
    rows = [(number, parse_stamp(text), None) for number, text in enumerate(texts, 1)]
    return [moment for _, moment, _ in LocalTimes(LOG, zone, repeated).resolve(rows)]


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2012-07-20 10:38:54.512364", datetime(2012, 7, 20, 10, 38, 54, 512364)),
        ("2012-07-20 11:09:18.9523", datetime(2012, 7, 20, 11, 9, 18, 952300)),
        ("25-Feb-2008 00:20:14", datetime(2008, 2, 25, 0, 20, 14)),
        ("2026-04-24T10:00:00.000Z", datetime(2026, 4, 24, 10, tzinfo=UTC)),
        ("2022-12-27T16:55:44.923776Z+0100", datetime(2022, 12, 27, 15, 55, 44, 923776, tzinfo=UTC)),
        ("2020-05-06T21:48:13+0000", datetime(2020, 5, 6, 21, 48, 13, tzinfo=UTC)),
        ("1592250751.25", datetime(2020, 6, 15, 19, 52, 31, 250000, tzinfo=UTC)),
        ("1592250751250", datetime(2020, 6, 15, 19, 52, 31, 250000, tzinfo=UTC)),
    ],
)
def test_notations_of_logs_are_read(text, moment):
    read = parse_stamp(text)
    assert read == moment
    assert (read.tzinfo is None) == (moment.tzinfo is None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2012-13-20 10:38:54",
        "2012-07-20",
        "25-Foo-2008 00:20:14",
        "12.5",
        "0001-01-01 00:00",
        "9999-12-31 23:59",
    ],
)
def test_what_names_no_moment_is_none(text):
    assert parse_stamp(text) is None


def test_seconds_since_1970_keep_their_microseconds():
    assert from_epoch(1700000000.123457).isoformat() == "2023-11-14T22:13:20.123457+00:00"


@pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan"), -1e12])
def test_seconds_outside_the_years_of_recordings_are_refused(seconds):
    with pytest.raises(ValueError, match="no time of a recording"):
        from_epoch(seconds)


def test_local_times_take_the_offset_of_their_season():
    assert resolved(["2023-01-01 12:00", "2023-07-01 12:00"]) == [utc("2023-01-01 11:00"), utc("2023-07-01 10:00")]


@given(
    start=st.integers(0, 7200),
    steps_s=st.lists(st.integers(1, 3599), min_size=20, max_size=60),
    zone=st.sampled_from(["Europe/Amsterdam", "America/Los_Angeles", "Australia/Sydney", "UTC"]),
)
def test_local_times_of_a_log_give_its_moments_back_over_the_end_of_summer_time(start, steps_s, zone):
    ends = {"America/Los_Angeles": "2023-11-05 09:00", "Australia/Sydney": "2023-04-01 16:00"}
    change = utc(ends.get(zone, "2023-10-29 01:00"))
    begin = change - timedelta(hours=3) + timedelta(seconds=start)
    moments = list(accumulate(map(lambda s: timedelta(seconds=s), steps_s), initial=begin))
    stamps = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]
    rows = [(number, stamp, None) for number, stamp in enumerate(stamps)]
    goes_back = sum(later < earlier for earlier, later in pairwise(stamps))
    inside = [stamp for moment, stamp in zip(moments, stamps, strict=True) if abs(moment - change) < timedelta(hours=1)]
    try:
        found = [moment for _, moment, _ in LocalTimes(LOG, ZoneInfo(zone)).resolve(rows)]
    except BadInputError:
        # Only where the order does not tell: repeated stamps without a step back.
        assert goes_back == 0
        assert inside
    else:
        assert found == moments


def test_a_step_back_separates_the_passes_of_the_repeated_hour():
    texts = ["2023-10-29 01:59", "2023-10-29 02:10", "2023-10-29 02:50", "2023-10-29 02:05", "2023-10-29 03:00"]
    expected = ["2023-10-28 23:59", "2023-10-29 00:10", "2023-10-29 00:50", "2023-10-29 01:05", "2023-10-29 02:00"]
    assert resolved(texts) == [utc(text) for text in expected]


def test_repeated_stamps_without_a_step_back_are_refused_unless_the_pass_is_said():
    texts = ["2023-10-29 01:59", "2023-10-29 02:10", "2023-10-29 03:00"]
    with pytest.raises(BadInputError, match=r"log.txt: line 2: found 2023-10-29 02:10:00.*--repeated-hour"):
        resolved(texts)
    assert resolved(texts, "earlier")[1] == utc("2023-10-29 00:10")
    assert resolved(texts, "later")[1] == utc("2023-10-29 01:10")


def test_two_steps_back_in_the_repeated_hour_are_refused():
    with pytest.raises(BadInputError, match="line 3"):
        resolved(["2023-10-29 02:50", "2023-10-29 02:30", "2023-10-29 02:10"])


def test_repeated_hours_of_two_years_are_told_apart_each():
    texts = ["2022-10-30 02:50", "2022-10-30 02:05", "2023-10-29 02:50", "2023-10-29 02:05"]
    expected = ["2022-10-30 00:50", "2022-10-30 01:05", "2023-10-29 00:50", "2023-10-29 01:05"]
    assert resolved(texts) == [utc(text) for text in expected]


def test_a_stamp_of_the_skipped_hour_is_refused():
    with pytest.raises(BadInputError, match=r"line 2: found 2023-03-26 02:30:00, expected a time that clocks"):
        resolved(["2023-03-26 01:59", "2023-03-26 02:30"])


def test_an_end_in_the_repeated_hour_is_the_pass_that_is_not_before_its_start():
    times = LocalTimes(LOG, AMSTERDAM)
    end = parse_stamp("2023-10-29 02:10")
    assert times.moment(1, end, not_before=utc("2023-10-29 00:50")) == utc("2023-10-29 01:10")
    with pytest.raises(BadInputError, match="--repeated-hour"):
        times.moment(1, end, not_before=utc("2023-10-29 00:05"))


def test_local_times_without_a_zone_are_refused_and_others_are_not():
    assert resolved(["2023-07-01T12:00+02:00"], zone=None) == [utc("2023-07-01 10:00")]
    with pytest.raises(BadInputError, match="give the zone as --time-zone"):
        resolved(["2023-07-01 12:00"], zone=None)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "Europe", "../etc/passwd"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(UserError, match="expected a time zone such as UTC"):
        time_zone(name)


def test_options_name_moments_in_the_zone():
    assert chosen_moment(None, AMSTERDAM, "--from") is None
    assert chosen_moment("2023-07-01", AMSTERDAM, "--from") == utc("2023-06-30 22:00")
    assert chosen_moment("2023-07-01T12:00Z", AMSTERDAM, "--from") == utc("2023-07-01 12:00")
    with pytest.raises(UserError, match="--to: found 'soon'"):
        chosen_moment("soon", AMSTERDAM, "--to")
    with pytest.raises(UserError, match="does not name one moment"):
        chosen_moment("2023-10-29 02:30", AMSTERDAM, "--to")
