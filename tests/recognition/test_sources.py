import threading
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from detach_core.foundation.errors import BadInputError, UserError
from detach_core.recognition.sources import Clock, Table, TableSource, iso_time, number

CHANNELS = ("door", "power")


def read(path, zone="UTC", **given):
    source = TableSource(str(path), CHANNELS, zone=zone, **given)
    parts = list(source)
    return np.concatenate([part.time_s for part in parts]), np.concatenate([part.values for part in parts]), source


def seconds(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("12.5", None, 12.5),
        (7, None, 7.0),
        ("1700000000", None, 1.7e9),
        ("2020-01-31T12:00:00+01:00", None, seconds("2020-01-31T11:00:00+00:00")),
        ("2020-01-31T12:00:00Z", None, seconds("2020-01-31T12:00:00+00:00")),
        ("2020-01-31 12:00:00.25", "Europe/Berlin", seconds("2020-01-31T11:00:00.25+00:00")),
        ("2020-07-31 12:00:00", "Europe/Berlin", seconds("2020-07-31T10:00:00+00:00")),
        (datetime(2020, 1, 31, 12, tzinfo=UTC), None, seconds("2020-01-31T12:00:00+00:00")),
    ],
)
def test_times_of_each_form(text, zone, expected):
    clock = Clock(zone)
    assert clock.seconds(text) == expected
    assert clock.is_absolute == (expected > 1e8)


def test_the_hour_that_comes_twice_does_not_run_back():
    clock = Clock("Europe/Berlin")
    texts = ["2020-10-25 02:10:00", "2020-10-25 02:50:00", "2020-10-25 02:10:00", "2020-10-25 03:10:00"]
    found = [clock.seconds(text) for text in texts]
    assert np.diff(found).tolist() == [2400.0, 1200.0, 3600.0]


@pytest.mark.parametrize("text", ["", "noon", "nan", "inf", "2020-13-01T00:00:00Z", "2020-01-31T12:00:00"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError):
        Clock(None).seconds(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc"])
def test_an_unknown_zone_is_one_sentence(zone):
    with pytest.raises(UserError, match="expected a name such as Europe/Amsterdam"):
        Clock(zone)


def test_words_are_numbers():
    words: dict[float, list[Any]] = {
        1.0: ["on", "ON", "open", "true", " Present "],
        0.0: ["off", "closed", "FALSE"],
        2.5: ["2.5", 2.5],
    }
    for expected, texts in words.items():
        assert [number(text) for text in texts] == [expected] * len(texts)
    assert all(np.isnan(number(text)) for text in ("", None, "unavailable", "unknown", "nan"))
    with pytest.raises(ValueError):
        number("ajar")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_regular_columns(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    table = pd.DataFrame({"power": [1.0, 2.0, None], "time": [0.0, 0.5, 1.0], "door": ["on", "off", "unavailable"]})
    table.to_parquet(path) if suffix == ".parquet" else table.to_csv(path, index=False)
    times, values, source = read(path)
    np.testing.assert_array_equal(times, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(values, [[1.0, 1.0], [2.0, 0.0], [np.nan, np.nan]])
    assert source.table.names == ("power", "door")
    assert source.table.resampling is None
    assert not source.clock.is_absolute


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_events_hold_until_the_next_of_their_sensor(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    stamps = [f"2020-01-31T12:00:0{second}+00:00" for second in range(5)]
    table = pd.DataFrame(
        {
            "time": stamps,
            "sensor": ["door", "power", "door", "lamp", "door"],
            "value": ["open", "3.5", "closed", "on", "unavailable"],
        }
    )
    if suffix == ".parquet":
        table["time"] = pd.to_datetime(table["time"])
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    times, values, source = read(path)
    np.testing.assert_array_equal(times - seconds(stamps[0]), [0.0, 1.0, 2.0, 4.0])
    np.testing.assert_array_equal(values, [[1.0, np.nan], [1.0, 3.5], [0.0, 3.5], [np.nan, 3.5]])
    assert (source.table.names, source.table.resampling) == (CHANNELS, "previous")
    assert (source.table.ignored, source.table.silent, source.clock.is_absolute) == ({"lamp"}, set(), True)


def test_intervals_are_on_while_any_of_them_lasts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("start,end,sensor\n5,9,door\n1,3,door\n2,6,door\n6,7,lamp\n9,10,door\n")
    times, values, source = read(path)
    np.testing.assert_array_equal(times, [1, 2, 3, 5, 6, 9, 9, 10])
    np.testing.assert_array_equal(values[:, 0], [1, 1, 1, 1, 1, 1, 1, 0])
    assert (values[:, 1] == 0).all()
    assert source.table.silent == {"power"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: found nothing"),
        ("a,b\n1,2\n", "expected time and one column a channel"),
        ("time,door\n0,on,1\n", "line 2: found 3 values, expected 2"),
        ("time,door\n0,on\nnoon,on\n", "line 3: found the time 'noon', expected an ISO 8601 time"),
        ("time,door\n0,ajar\n", "line 2: found door 'ajar', expected a number"),
        ("time,sensor,value\n0,door,ajar\n", "line 2: found door 'ajar'"),
        ("start,end,sensor\n3,1,door\n", "an end before its start"),
    ],
)
def test_a_table_that_does_not_fit_is_one_sentence(tmp_path, text, said):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(BadInputError) as caught:
        read(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_time_without_offset_needs_a_zone(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,door\n2020-01-31T12:00:00,on\n")
    with pytest.raises(BadInputError, match="or --time-zone for those without"):
        read(path, zone=None)


@pytest.mark.parametrize(("name", "content"), [("none.csv", None), ("a.parquet", b"no parquet")])
def test_a_file_that_is_none_is_one_sentence(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match="expected"):
        read(tmp_path / name)


def test_a_growing_file_is_read_line_by_whole_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,door\n0,on\n1,o")

    def write():
        for text in ("ff\n2,on\n", "3,", "off\n"):
            time.sleep(0.3)
            with path.open("a") as file:
                file.write(text)

    writer = threading.Thread(target=write)
    writer.start()
    times, values, _ = read(path, follow=True, idle_s=1.0)
    writer.join()
    np.testing.assert_array_equal(times, [0, 1, 2, 3])
    np.testing.assert_array_equal(values[:, 0], [1, 0, 1, 0])


def test_a_log_that_rotates_is_followed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,door\n0,on\n")

    def rotate():
        time.sleep(0.4)
        path.rename(tmp_path / "a.csv.1")
        path.write_text("time,door\n1,off\n2,on\n")

    writer = threading.Thread(target=rotate)
    writer.start()
    times, _, _ = read(path, follow=True, idle_s=1.2)
    writer.join()
    np.testing.assert_array_equal(times, [0, 1, 2])


def test_a_followed_parquet_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"time": [0.0], "door": [1.0]}).to_parquet(path)
    with pytest.raises(UserError, match="expected lines to follow"):
        read(path, follow=True)


def test_times_are_shown_in_utc():
    assert iso_time(1.7e9 + 0.25) == "2023-11-14T22:13:20.250+00:00"


def test_a_header_is_read_whatever_its_case():
    table = Table("a.csv", [" Time ", "Sensor", "VALUE"], CHANNELS, Clock("UTC"))
    assert table.samples([(2, ["1", "door", "on"])]).values.tolist()[0][0] == 1.0
