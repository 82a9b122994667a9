"""Files of a home of one's own, logs, tables and labels, through the stage `ingest`."""

from __future__ import annotations

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detach_core.contracts.recording import read_recordings
from detach_core.settings.base import to_plain
from detach_core.stages.ingest import ingest
from tests.fixtures.own_home import OwnHome

EVENTS = "time,sensor,value\n" + "".join(f"{k},fridge_door,{k % 2}\n" for k in range(1, 60))
LABELS = "start_s,end_s,label\n1,5,cook\n"


def home(root):
    """A sound recording of a minute."""
    found = OwnHome(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / "log.csv").write_text(EVENTS)
    (root / "labels.csv").write_text(LABELS)
    return found


def call_with(suffix):
    def call(root):
        found = OwnHome(root)
        found.home["recordings"]["day1"] = {"sensors": f"log{suffix}", "labels": "labels.csv"}
        settings = {
            "source": "local",
            "adapter": "folder",
            "classes": ["cook", "leave"],
            "native": to_plain(found.native),
            "all_nan_channel": "zero",
        }
        names = {"dataset": "home", "settings": json.dumps(settings), "recordings": ["day1"], "root_path": root}
        ingest(**names, sensor_path=root / "out" / "sensor.h5", log_path=root / "stage.log")
        return read_recordings(root / "out" / "sensor.h5").recordings[0]

    return call


def case(name, file, content, *, refused=None, handled=None):
    def build(root):
        path = home(root).root / file
        path.unlink(missing_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return {
        "name": f"own_home: {name}",
        "group": "own_home",
        "build": build,
        "call": call_with(".parquet" if file.endswith(".parquet") else ".csv"),
        "refused": refused,
        "handled": handled,
        "reads": ("folder", "read_recordings") if handled else ("folder",),
    }


def value(text):
    return f"time,sensor,value\n1,temperature,{text}\n5,temperature,20\n"


def table(**columns):
    return lambda path: pq.write_table(pa.table(columns), path)


def one_channel(root, recording):
    assert recording.sensor.shape[1] == 6
    assert len(recording.annotations) == 1


def long_ago(root, recording):
    assert len(recording.sensor) == 20 * 58 + 1


CASES = [
    case("empty", "log.csv", b"", refused="log.csv: line 1: found nothing"),
    case("random bytes", "log.csv", np.random.default_rng(0).bytes(50_000), refused="log.csv: line [0-9]+: found"),
    case("a zero byte", "log.csv", EVENTS.replace("5,f", "5\0,f"), refused="log.csv: line [0-9]+"),
    case("UTF-16", "log.csv", EVENTS.encode("utf-16"), refused="log.csv: line 1: found the byte 0xff"),
    case("one line of 40 MB", "log.csv", b"1" * 40_000_000, refused="log.csv: line 1: found"),
    case(
        "a quote that never ends",
        "log.csv",
        EVENTS + '60,fridge_door,"1\n' * 3,
        refused="log.csv: line 62, column value",
    ),
    case("a pipe", "log.csv", os.mkfifo, refused="log.csv: file: found neither a file nor a link to one"),
    case(
        "a link to nothing", "log.csv", lambda path: path.symlink_to("gone.csv"), refused="log.csv: file: found nothing"
    ),
    case("digits of another script", "log.csv", value("٣"), refused="log.csv: line 2, column value: found"),
    case("a number beyond float64", "log.csv", value("1e999"), refused="log.csv: line 2, column value: found '1e999'"),
    case("a number of a thousand digits", "log.csv", value("9" * 1000), refused="log.csv: line 2, column value"),
    case(
        "an underscore in a number", "log.csv", value("1_000"), refused="log.csv: line 2, column value: found '1_000'"
    ),
    case(
        "a time of a thousand digits", "log.csv", "time,t\n" + "9" * 1000 + ",1\n", refused="found t, expected columns"
    ),
    case(
        "a time beyond all calendars",
        "log.csv",
        EVENTS + "9999-12-31T23:59:59,fridge_door,1\n",
        refused="line 61, column time: found|days from start to end",
    ),
    case(
        "the first day of the calendar",
        "log.csv",
        "time,sensor,value\n0001-01-01T00:00:00,fridge_door,1\n",
        refused="log.csv: line 2, column time: found",
    ),
    case("a minus sign before a time", "log.csv", value("1").replace("1,t", "-1,t"), refused="line 2, column time"),
    case(
        "a line break in a label",
        "labels.csv",
        LABELS + '5,9,"co\nok"\n',
        refused=r"line 4, column label: found 'co\\n",
    ),
    case(
        "a label of a million letters", "labels.csv", LABELS + f"5,9,{'a' * 100_000}\n", refused="line 3, column label"
    ),
    case("no Parquet", "log.parquet", b"PAR1" + bytes(1000), refused="log.parquet: file: found no Parquet file"),
    case("an empty Parquet", "log.parquet", b"", refused="log.parquet: file: found no Parquet file"),
    case(
        "Parquet with a column of lists",
        "log.parquet",
        table(time=[1.0, 2.0], fridge_door=[[1], [0]]),
        refused=r"log.parquet: row 1, column fridge_door: found '\[1\]'",
    ),
    case(
        "Parquet without times",
        "log.parquet",
        table(time=pa.array([None, None], pa.float64()), fridge_door=[1, 0]),
        refused="log.parquet: row 1, column time: found ''",
    ),
    case(
        "Windows line ends and a byte-order mark",
        "log.csv",
        b"\xef\xbb\xbf" + EVENTS.replace("\n", "\r\n").encode(),
        handled=one_channel,
    ),
    case("a log that ends without a line break", "log.csv", EVENTS.rstrip("\n"), handled=long_ago),
]
