import numpy as np
import pandas as pd
import pytest

from detach_core.config.errors import validated
from detach_core.datasets.folder import sensors
from detach_core.datasets.folder.sensors import open_table, read_samples
from detach_core.datasets.folder.settings import FolderNative
from detach_core.foundation.errors import BadInputError

CHANNELS = {
    "door": {"kind": "switch"},
    "hall": {"kind": "motion", "words": {"seen": 1, "still": 0}},
    "t": {"kind": "temperature"},
    "x": {"kind": "accelerometer"},
}


@pytest.fixture
def remarks():
    return []


@pytest.fixture
def read(tmp_path, remarks):
    """A function that reads texts as the sensor files of a home; a text's first line is its header."""

    def samples(*texts, channels=CHANNELS):
        paths = [tmp_path / f"log{number}.csv" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        home = {"time_zone": "UTC", "channels": channels, "recordings": {"a": {"sensors": ["log0.csv"]}}}
        found = read_samples(validated(FolderNative, FolderNative.plain_home(home)), paths, remarks)
        return {name: list(zip(one.time_s.tolist(), one.value.tolist(), strict=True)) for name, one in found.items()}

    return samples


def same(found, expected):
    np.testing.assert_array_equal(np.array(found), np.array(expected))


def test_a_log_gives_each_sensor_its_events(read):
    found = read("time,sensor,value\n1,door,open\n2,t,21.5\n\n3,door,CLOSED\n3.5,hall,seen\n4,t,unavailable\n5,hall,\n")
    assert found["door"] == [(1, 1), (3, 0)]
    same(found["t"], [(2, 21.5), (4, np.nan)])
    same(found["hall"], [(3.5, 1), (5, np.nan)])
    assert found["x"] == []


def test_columns_give_each_channel_its_samples_and_others_are_told(read, remarks):
    found = read("time,t,door,note\n1,20,0,a\n2,,1,b\n")
    same(found["t"], [(1, 20), (2, np.nan)])
    assert found["door"] == [(1, 0), (2, 1)]
    assert remarks == ["log0.csv: the columns note are no channels"]


def test_sensors_that_are_no_channel_are_counted(read, remarks):
    read("time,sensor,value\n1,door,on\n2,lamp,on\n3,lamp,off\n")
    assert remarks == ["log0.csv: samples of lamp (2) are left out, since no channel has their name"]


def test_intervals_are_on_within_and_off_behind(read):
    found = read("start,end,sensor\n1,3,door\n2,6,hall\n3,4,door\n5,8,hall\n9,10,door\n")
    assert found["door"] == [(1, 1), (4, 0), (9, 1), (10, 0)]
    assert found["hall"] == [(2, 1), (8, 0)]


def test_intervals_may_have_a_level(read):
    found = read("start,end,sensor,value\n1,3,t,20\n3,4,t,21\n6,7,t,22\n")
    assert found["t"] == [(1, 20), (3, 21), (4, 0), (6, 22), (7, 0)]


def test_several_files_are_read_one_behind_the_other(read):
    found = read("time,sensor,value\n1,door,on\n5,t,20\n", "time,door\n6,0\n", "time,sensor,value\n5.5,t,21\n")
    assert found["door"] == [(1, 1), (6, 0)]
    assert found["t"] == [(5, 20), (5.5, 21)]


def test_pieces_do_not_show(read, monkeypatch):
    text = "time,sensor,value\n" + "".join(f"{k},{['door', 't'][k % 2]},{k % 4 // 2}\n" for k in range(50))
    whole = read(text)
    monkeypatch.setattr(sensors, "ROWS_AT_ONCE", 7)
    assert read(text) == whole


@pytest.mark.parametrize("zone", ["UTC", None])
def test_parquet_has_the_same_forms(tmp_path, zone):
    times = pd.to_datetime(["2024-05-01T06:00:00.000", "2024-05-01T06:00:00.500"]).tz_localize(zone)
    path = tmp_path / "a.parquet"
    pd.DataFrame({"time": times, "sensor": ["door", "t"], "value": ["on", "20.5"]}).to_parquet(path)
    home = {"time_zone": "UTC", "channels": CHANNELS, "recordings": {"a": {"sensors": ["a.parquet"]}}}
    native = validated(FolderNative, FolderNative.plain_home(home))
    found = read_samples(native, [path], [])
    assert found["door"].time_s.tolist() == [1714543200.0]
    assert found["t"].time_s.tolist() == [1714543200.5]
    pd.DataFrame({"time": [1.0, 2.0], "door": [True, False], "t": [1.5, None]}).to_parquet(path)
    found = read_samples(native, [path], [])
    assert found["door"].value.tolist() == [1, 0]
    same(found["t"].value, [1.5, np.nan])
    pd.DataFrame({"time": [1.0, 2.0], "door": [0.0, 7.0]}).to_parquet(path)
    with pytest.raises(BadInputError, match=r"row 2, column door: found '7.0' of door, expected 0 or 1"):
        read_samples(native, [path], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found nothing, expected a header"),
        ("a,b\n1,2\n", "line 1: found a, b, expected columns `time, sensor, value`"),
        ("time,lamp\n1,2\n", "line 1: found lamp, expected columns of channels, such as door, hall, t"),
        ("time,door,door\n1,0,0\n", "line 1: found `door` twice"),
        ("time,sensor,value,room\n1,door,on,x\n", "line 1: found the columns room beside those of an event log"),
        ("time,sensor,value\n1,door\n", "line 2: found 2 values, expected 3"),
        ("time,sensor,value\n1,door,on\n\n2,door,off,\n", "line 4: found 4 values, expected 3"),
        ("time,sensor,value\nyesterday,door,on\n", "line 2, column time: found 'yesterday', expected an ISO date"),
        ("time,sensor,value\n5,door,on\n4,t,20\n", "line 3, column time: found .* expected times that do not run"),
        ("time,sensor,value\n5,door,half\n", "line 2, column value: found 'half' of door, expected a number, a word"),
        ("time,sensor,value\n5,door,2\n", "line 2, column value: found '2' of door, expected 0 or 1, or on or off"),
        ("time,sensor,value\n5,t,inf\n", "line 2, column value: found 'inf' of t, expected a number"),
        ("time,t\n5,1e39\n", "line 2, column t: found '1e39' of t, expected a number"),
        ("start,end,sensor\n5,4,door\n", "line 2, column end: found an end before its start"),
        ("start,end,sensor\n5,6,door\n4,7,door\n", "line 3, column start: found .* expected times that do not run"),
        ("start,end,sensor,value\n1,5,t,3\n4,7,t,2\n", "line 3, column start: found 2 while 3 of t still lasts"),
    ],
)
def test_a_file_that_breaks_its_form_is_one_sentence(read, text, message):
    with pytest.raises(BadInputError, match=rf"log0.csv: {message}") as refused:
        read(text)
    assert "\n" not in str(refused.value)


def test_a_channel_that_runs_back_from_file_to_file_is_refused(read):
    with pytest.raises(
        BadInputError, match=r"log1.csv: channel door: found its first sample 2.000 s before .* log0.csv"
    ):
        read("time,sensor,value\n5,door,on\n", "time,sensor,value\n3,door,off\n")


def test_bytes_that_are_no_text_and_other_kinds_of_files_are_refused(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"time,door\n1,\xff\n")
    with pytest.raises(BadInputError, match="line 2: found the byte 0xff"):
        open_table(path)
    (tmp_path / "log.txt").write_text("time,door\n")
    with pytest.raises(BadInputError, match=r"found the suffix '.txt', expected a file .csv or .parquet"):
        open_table(tmp_path / "log.txt")
    (tmp_path / "log.parquet").write_text("no parquet")
    with pytest.raises(BadInputError, match="found no Parquet file"):
        open_table(tmp_path / "log.parquet")
    with pytest.raises(BadInputError, match="found nothing"):
        open_table(tmp_path / "missing.csv")
