"""Native text files: OPPORTUNITY's columns, SRT tracks and HWU-USP's CSV, each through the stage `ingest`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from detach_core.contracts.recording import read_recordings
from detach_core.stages.ingest import ingest
from tests.fixtures.native_files import (
    HWU_HEADER,
    OPEN_FRIDGE,
    HwuFolder,
    OpportunityFolder,
    opportunity_lines,
    srt_text,
)

GESTURES = [(1.0, 2.0, OPEN_FRIDGE)]
RUN, SEQUENCE = "S1-Drill", "tea_s01"


def opportunity(root):
    """A sound recording of three seconds; its video is not looked at here."""
    folder = OpportunityFolder(root)
    folder.sensor_path().parent.mkdir(parents=True)
    folder.sensor_path().write_text("\n".join(opportunity_lines(3, gestures=GESTURES)) + "\n")
    folder.track_path().write_text(srt_text(GESTURES))
    folder.video_path().touch()
    return folder


def hwu(root):
    folder = HwuFolder(root)
    rows = [f"{1000 + k / 50:.3f},0,0,0,{'OPEN' if k > 50 else 'CLOSED'},ON,OFF,0,0,0,0,12.5" for k in range(150)]
    folder.sensor_path().parent.mkdir(parents=True)
    folder.sensor_path().write_text("\n".join([HWU_HEADER, *rows]) + "\n")
    folder.video_path().parent.mkdir(parents=True)
    folder.video_path().touch()
    return folder


def ingest_opportunity(root):
    settings = OpportunityFolder(root).settings("ingest")
    return run_ingest(root, settings, "opportunity", RUN)


def ingest_hwu(root):
    settings = HwuFolder(root).settings("ingest", ["tea", "dishes"], source="local")
    return run_ingest(root, settings, "hwu_usp", SEQUENCE)


def run_ingest(root, settings, dataset, recording):
    names = {"dataset": dataset, "settings": settings, "recordings": [recording], "root_path": root}
    ingest(**names, sensor_path=root / "out" / "sensor.h5", log_path=root / "stage.log")
    return read_recordings(root / "out" / "sensor.h5").recordings[0]


def case(group, name, change, *, refused=None, handled=None):
    make, call, adapter = (
        (hwu, ingest_hwu, "hwu_usp") if group == "hwu_csv" else (opportunity, ingest_opportunity, "opportunity")
    )
    file = {
        "opportunity_text": r"S1-Drill_sensors_data\.txt",
        "srt": r"S1-Drill_ml_both_arms\.srt",
        "hwu_csv": r"tea_s01\.csv",
    }[group]
    refused = refused and refused.replace("FILE", file)
    reads = (adapter, "read_recordings") if handled else (adapter,)
    build = lambda root: change(make(root))  # noqa: E731
    return {
        "name": f"{group}: {name}",
        "group": group,
        "build": build,
        "call": call,
        "refused": refused,
        "handled": handled,
        "reads": reads,
    }


def sensor_bytes(change):
    return lambda folder: folder.sensor_path().write_bytes(change(folder.sensor_path().read_bytes()))


def cell(line, column, value):
    return lambda folder: folder.edit(line, column, value)


def pipe_at(place):
    def change(folder):
        getattr(folder, place)().unlink()
        os.mkfifo(getattr(folder, place)())

    return change


def linked_to_nothing(folder):
    folder.sensor_path().unlink()
    folder.sensor_path().symlink_to(folder.root / "gone.txt")


def second_file(folder):
    (folder.root / "copy").mkdir()
    (folder.root / "copy" / folder.sensor_path().name).write_bytes(folder.sensor_path().read_bytes())


def one_long_line(folder):
    folder.sensor_path().write_bytes(b"1 " * 20_000_000)


def same_samples(root, recording):
    assert recording.sensor.shape == (90, 34)
    assert np.isfinite(recording.sensor).all()
    assert [event.label for event in recording.annotations] == [0]


def on_an_even_clock(root, recording):
    assert np.allclose(np.diff(recording.time_s), 0.02)
    assert np.isfinite(recording.sensor).all()


TEXT = [
    case("opportunity_text", "empty", sensor_bytes(lambda b: b""), refused="FILE: file: found an empty file"),
    case(
        "opportunity_text",
        "blank lines alone",
        sensor_bytes(lambda b: b"\n \n\t\n"),
        refused="FILE: file: found an empty file",
    ),
    case(
        "opportunity_text",
        "random bytes",
        sensor_bytes(lambda b: np.random.default_rng(0).bytes(50_000)),
        refused="FILE: line 1, column 1: found",
    ),
    case(
        "opportunity_text",
        "a zero byte",
        sensor_bytes(lambda b: b.replace(b" 0 ", b" \0 ", 1)),
        refused="FILE: line 1, column [0-9]+: found",
    ),
    case(
        "opportunity_text", "a value too few", cell(5, 17, None), refused="FILE: line 5: found 249 values, expected 250"
    ),
    case("opportunity_text", "cut off in its last line", sensor_bytes(lambda b: b[:-300]), refused="FILE: line 90[:,]"),
    case("opportunity_text", "a word", cell(4, 200, "open"), refused="FILE: line 4, column 200: found 'open'"),
    case("opportunity_text", "infinity", cell(4, 200, "inf"), refused="FILE: line 4, column 200: found 'inf'"),
    case(
        "opportunity_text",
        "a number beyond float64",
        cell(4, 200, "1e999"),
        refused="FILE: line 4, column 200: found '1e999'",
    ),
    case(
        "opportunity_text",
        "a number beyond float32",
        cell(4, 210, "1e39"),
        refused="FILE: line 4, channel .*: found 1e\\+39",
    ),
    case(
        "opportunity_text",
        "a number of a thousand digits",
        cell(4, 200, "9" * 1000),
        refused="FILE: line 4, column 200",
    ),
    case("opportunity_text", "digits of another script", cell(4, 200, "٣"), refused="FILE: line 4, column 200"),
    case("opportunity_text", "time runs back", cell(9, 1, "100"), refused="FILE: line 9, column 1 .MILLISEC.: found"),
    case("opportunity_text", "time lost", cell(9, 1, "NaN"), refused="FILE: line 9, column 1 .MILLISEC.: found NaN"),
    case(
        "opportunity_text",
        "time leaps by thirty thousand years",
        cell(90, 1, "1e15"),
        refused="FILE: line 90, column 1 .MILLISEC.: found a gap of",
    ),
    case(
        "opportunity_text",
        "a label that no legend has",
        cell(9, 250, "406599"),
        refused="FILE: line 9, column 250: found label code 406599",
    ),
    case(
        "opportunity_text",
        "a label beyond all integers",
        cell(9, 250, "1e300"),
        refused="FILE: line 9, column 250: found label code",
    ),
    case("opportunity_text", "another rate", cell(None, 1, None), refused="FILE: line 1: found 249"),
    case(
        "opportunity_text",
        "a single sample",
        sensor_bytes(lambda b: b.splitlines()[0]),
        refused="FILE: file: found 1 samples",
    ),
    case(
        "opportunity_text",
        "a channel without a value",
        cell(None, 200, "NaN"),
        refused="FILE: channel .*: found only NaN",
    ),
    case(
        "opportunity_text",
        "UTF-16",
        sensor_bytes(lambda b: b.decode().encode("utf-16")),
        refused="FILE: line 1, column 1: found",
    ),
    case("opportunity_text", "one line of 40 MB", one_long_line, refused="FILE: line 1: found a line of more than"),
    case("opportunity_text", "two files of one recording", second_file, refused="found copy/FILE, data/S1-Drill/FILE"),
    case("opportunity_text", "a link to nothing", linked_to_nothing, refused="FILE: file: found nothing"),
    case("opportunity_text", "a pipe", pipe_at("sensor_path"), refused="FILE: file: found nothing"),
    case(
        "opportunity_text",
        "Windows line ends and a byte-order mark",
        sensor_bytes(lambda b: b"\xef\xbb\xbf" + b.replace(b"\n", b"\r\n")),
        handled=same_samples,
    ),
]


def track(text, encoding="utf-8"):
    return lambda folder: folder.track_path().write_bytes(text.encode(encoding))


TIMES = "00:00:01,000 --> 00:00:02,000"
CODE = "406520 - Open Fridge"
TRACKS = [
    case("srt", "no times", track("1\nOpen Fridge\nmore\n"), refused="FILE: line 1: found '1', expected times"),
    case("srt", "times alone", track(f"1\n{TIMES}\n"), refused="FILE: line 2: found a caption without text"),
    case(
        "srt",
        "an end before its start",
        track(f"1\n00:00:03,000 --> 00:00:02,000\n{CODE}\n"),
        refused="FILE: line 2: found an end before",
    ),
    case(
        "srt",
        "captions out of order",
        track(f"1\n{TIMES}\n{CODE}\n\n2\n00:00:00,000 --> 00:00:02,000\n{CODE}\n"),
        refused="FILE: line 6: found a caption that starts before",
    ),
    case(
        "srt",
        "an hour of five thousand digits",
        track(f"1\n{'9' * 5000}:00:01,000 --> {'9' * 5000}:00:02,000\n{CODE}\n"),
        refused="FILE: line 2: found '9999",
    ),
    case(
        "srt",
        "a code of five thousand digits",
        track(f"1\n{TIMES}\n{'4' * 5000}\n"),
        refused="FILE: line 2: found label code '4444",
    ),
    case(
        "srt",
        "a code that no legend has",
        track(f"1\n{TIMES}\n406599 - Fly\n"),
        refused="FILE: line 2: found label code '406599",
    ),
    case(
        "srt",
        "sixty-one minutes",
        track(f"1\n00:61:01,000 --> 00:62:02,000\n{CODE}\n"),
        refused="FILE: line 2: found '00:61",
    ),
    case("srt", "Latin-1", track(f"1\n{TIMES}\nTür\n", "latin-1"), refused="FILE: line 3: found the byte 0xfc"),
    case("srt", "UTF-16", track(f"1\n{TIMES}\n{CODE}\n", "utf-16"), refused="FILE: line 1: found the byte 0xff"),
    case(
        "srt",
        "control characters in a caption",
        track(f"1\n{TIMES}\n\x1b[2J\x00\n"),
        refused=r"FILE: line 2: found label code '\\x1b\[2J\\x00'",
    ),
    case("srt", "a pipe", pipe_at("track_path"), refused="FILE: file: found neither a file nor a link to one"),
    case("srt", "no caption at all", track(""), handled=same_samples),
    case("srt", "another opinion than column 250", track(f"1\n{TIMES}\n404520 - Close Fridge\n"), handled=same_samples),
]


def hwu_edit(line, old, new):
    return lambda folder: folder.edit(line, old, new)


def file_with_a_line_break_in_its_name(folder):
    path = folder.sensor_path()
    path.with_name("tea_s01\nERROR all is lost.csv").write_bytes(path.read_bytes())


def name_of_no_encoding(folder):
    path = folder.sensor_path()
    Path(os.fsdecode(os.fsencode(path.parent) + b"/tea_s01\xff.csv")).write_bytes(path.read_bytes())


TABLES = [
    case("hwu_csv", "empty", sensor_bytes(lambda b: b""), refused="FILE: line 1: found an empty file"),
    case(
        "hwu_csv", "a header alone", sensor_bytes(lambda b: b.splitlines()[0]), refused="FILE: line 2: found no samples"
    ),
    case(
        "hwu_csv",
        "a column is missing",
        hwu_edit(1, "Ktch_Motion_1", "Motion"),
        refused="FILE: line 1: found .*expected columns Ktch_Motion_1",
    ),
    case(
        "hwu_csv",
        "a column stands twice",
        hwu_edit(1, "Ktch_T4_Cupboard", "Ktch_Motion_1"),
        refused="FILE: line 1: found `Ktch_Motion_1` twice",
    ),
    case("hwu_csv", "a value too few", hwu_edit(7, ",ON,", ","), refused="FILE: line 7: found 11 values, expected 12"),
    case(
        "hwu_csv",
        "an unknown word",
        hwu_edit(7, ",ON,", ",AJAR,"),
        refused="FILE: line 7, column Ktch_Motion_1: found 'AJAR'",
    ),
    case(
        "hwu_csv", "infinity", hwu_edit(7, ",ON,", ",-inf,"), refused="FILE: line 7, column Ktch_Motion_1: found '-inf'"
    ),
    case(
        "hwu_csv",
        "a number beyond float32",
        hwu_edit(7, ",ON,", ",1e39,"),
        refused="FILE: line 7, channel Ktch_Motion_1: found 1e\\+39",
    ),
    case(
        "hwu_csv",
        "a number that Python alone reads",
        hwu_edit(7, ",ON,", ",1_0,"),
        refused="FILE: line 7, column Ktch_Motion_1: found '1_0'",
    ),
    case(
        "hwu_csv",
        "a quote that never ends",
        lambda f: f.sensor_path().write_text(f.sensor_path().read_text().replace(",ON,", ',"ON,', 1) + "0,\n" * 60_000),
        refused="FILE: line [0-9]+: found field larger than field limit",
    ),
    case("hwu_csv", "a zero byte", hwu_edit(7, ",ON,", ",\0,"), refused="FILE: line 7"),
    case("hwu_csv", "time lost", hwu_edit(7, "1000.100", "nan"), refused="FILE: line 7, column timestamp: found 'nan'"),
    case(
        "hwu_csv",
        "time of no notation",
        hwu_edit(2, "1000.000", "noon"),
        refused="FILE: line 2, column timestamp: found 'noon'",
    ),
    case(
        "hwu_csv",
        "time with and without a zone",
        sensor_bytes(
            lambda b: b.replace(b"1000.000", b"2020-01-31 12:00:00").replace(b"1000.020", b"2020-01-31 12:00:00+01:00")
        ),
        refused="FILE: line 3, column timestamp: found '2020",
    ),
    case(
        "hwu_csv",
        "one stamp stands twice, as of a clock that steps a little slower than samples come",
        hwu_edit(7, "1000.100", "1000.080"),
        handled=on_an_even_clock,
    ),
    case(
        "hwu_csv",
        "time leaps",
        hwu_edit(151, "1002.980", "9e14"),
        refused="FILE: line 151, column timestamp: found a gap of",
    ),
    case(
        "hwu_csv",
        "steps too small to count",
        lambda f: f.sensor_path().write_text(
            "\n".join([HWU_HEADER, *(f"{k * 5e-324!r},0,0,0,0,0,0,0,0,0,0,0" for k in range(50))])
        ),
        refused="FILE: (line 3, column timestamp|time column): found",
    ),
    case(
        "hwu_csv",
        "UTF-16",
        sensor_bytes(lambda b: b.decode().encode("utf-16")),
        refused="FILE: line 1: found the byte 0xff",
    ),
    case("hwu_csv", "a pipe", pipe_at("sensor_path"), refused="FILE: file: found neither a file"),
    case(
        "hwu_csv",
        "a line break in a file's name",
        file_with_a_line_break_in_its_name,
        refused=r"recording tea_s01: found .*tea_s01\\nERROR all is lost.csv",
    ),
    case(
        "hwu_csv",
        "a file's name of no encoding",
        name_of_no_encoding,
        refused=r"recording tea_s01: found .*tea_s01\\udcff.csv",
    ),
]

CASES = TEXT + TRACKS + TABLES
