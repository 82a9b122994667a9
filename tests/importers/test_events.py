from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from detach_core.foundation.errors import BadInputError, UserError
from detach_core.importers.channels import Hint, Survey, scalar
from detach_core.importers.events import (
    Event,
    Interval,
    Remarks,
    channel_value,
    chosen,
    clipped,
    in_order,
    lasting,
    sorted_events,
    valid_values,
    without_repeats,
    write_events,
    write_labels,
)
from detach_core.importers.text_table import read_lines, read_table

ZERO = datetime(2026, 1, 5, 8, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def events(*rows):
    return [Event(number, ZERO + timedelta(seconds=at), *rest) for number, (at, *rest) in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ON", "on"),
        ("true", "on"),
        ("CLOSE", "closed"),
        ("Open", "open"),
        ("ABSENT", "off"),
        ("21.5", "21.5"),
        ("-3", "-3"),
        ("1e3", "1e3"),
        ("unavailable", "unknown"),
        ("", "unknown"),
        ("nan", "unknown"),
        ("playing", None),
        ("inf", None),
        ("1_000", None),
    ],
)
def test_values_of_an_events_table(text, value):
    assert channel_value(text) == value


def test_events_are_chosen_by_name_and_time():
    read = events((0, "a/door", "on"), (1, "b/door", "on"), (2, "a/door", "off"), (3, "a/lamp", "on"))
    end = ZERO + timedelta(seconds=3)
    assert [event.number for event in chosen(read, ["a/*"], None, end, remarks=Remarks())] == [1, 3]
    assert [event.number for event in chosen(read, [], remarks=Remarks())] == [1, 2, 3, 4]


def test_a_range_begins_with_what_sensors_told_last():
    remarks = Remarks()
    read = events((0, "a", "on"), (1, "b", "on"), (2, "a", "off"), (5, "b", "off"), (9, "b", "on"))
    start, end = ZERO + timedelta(seconds=4), ZERO + timedelta(seconds=6)
    some = [
        (event.sensor, event.value, (event.time - ZERO).seconds)
        for event in chosen(read, [], start, end, remarks=remarks)
    ]
    assert some == [("a", "off", 4), ("b", "on", 4), ("b", "off", 5)]
    assert remarks.sentences()[0].startswith("2 sensors begin with what they told last before 2026-01-05T08:00:04")
    assert list(chosen(read, [], ZERO + timedelta(seconds=10), remarks=remarks)) == []
    at_5 = [event[1:] for event in chosen(read, ["b"], ZERO + timedelta(seconds=5), remarks=remarks)]
    assert at_5 == [event[1:] for event in read[3:]]
    assert len(list(chosen(read, ["b"], ZERO + timedelta(seconds=9), remarks=remarks))) == 1


def test_labels_are_cut_to_a_range_and_counted():
    def at(seconds):
        return ZERO + timedelta(seconds=seconds)

    remarks = Remarks()
    labels = [Interval(n, at(a), at(b), "x") for n, (a, b) in enumerate([(0, 2), (1, 4), (3, 4), (4, 9), (5, 6)])]
    found = clipped(labels, at(2), at(5), remarks)
    assert [(one.number, one.start, one.end) for one in found] == [
        (1, at(2), at(4)),
        (2, at(3), at(4)),
        (3, at(4), at(5)),
    ]
    assert remarks.sentences()[0].startswith("2 labels are cut at --from or --to")
    assert clipped(labels, None, None, remarks) == labels


def test_times_that_run_back_are_refused_with_the_line():
    rows = in_order(Path("x.log"), events((0, "a", "1"), (5, "a", "2"), (5, "a", "3"), (2, "a", "4")), remedy="sort it")
    with pytest.raises(BadInputError, match=r"x.log: line 4: found .*3 s before the line above.*; sort it"):
        list(rows)


def test_sorted_events_are_counted_and_stable():
    remarks = Remarks()
    read = sorted_events(Path("x.csv"), events((5, "a", "1"), (2, "b", "2"), (5, "c", "3"), (3, "b", "4")), remarks)
    assert [event.value for event in read] == ["2", "4", "1", "3"]
    assert remarks.sentences() == [
        "2 events of x.csv were not in the order of time and have been sorted (first: line 2)"
    ]


def test_values_that_are_none_are_left_out_and_counted_by_sensor():
    remarks = Remarks()
    read = list(valid_values(Path("x"), events((0, "tv", "playing"), (1, "tv", "OFF"), (2, "tv", "idle")), remarks))
    assert [(event.sensor, event.value) for event in read] == [("tv", "off")]
    [sentence] = remarks.sentences()
    assert sentence.startswith("tv: 2 values that are neither numbers nor words")
    assert "'playing' in line 1" in sentence


def test_repeated_reports_are_left_out_but_not_after_a_gap():
    remarks = Remarks()
    read = events((0, "a", "on"), (1, "a", "on"), (2, "a", "unknown"), (3, "a", "on"), (4, "b", "on"))
    assert [event.number for event in without_repeats(read, remarks)] == [1, 3, 4, 5]
    assert remarks.sentences() == ["1 reports that repeat their sensor's last value are left out (first: line 2)"]


def test_a_table_is_csv_with_the_offset_of_the_home(tmp_path):
    survey = Survey()
    count = write_events(tmp_path / "e.csv", events((0.5, "door", "on")), survey, zone=AMSTERDAM, source="log")
    assert (count, len(survey)) == (1, 1)
    assert (tmp_path / "e.csv").read_text() == "time,sensor,value\n2026-01-05T09:00:00.500000+01:00,door,on\n"


def test_a_parquet_table_holds_the_same(tmp_path):
    read = events((0.5, "door", "on"), (1, "lamp", "3.5"))
    write_events(tmp_path / "e.parquet", read, Survey(), zone=AMSTERDAM, source="log")
    table = pd.read_parquet(tmp_path / "e.parquet")
    assert list(table.columns) == ["time", "sensor", "value"]
    assert [stamp.to_pydatetime() for stamp in table["time"]] == [event.time for event in read]
    assert list(table["value"]) == ["on", "3.5"]


def test_nothing_is_left_of_a_table_that_fails(tmp_path):
    def failing():
        yield from events((0, "door", "on"))
        raise BadInputError("log", "line 2", found="x", expected="y", remedy="z")

    for name in ("e.csv", "e.parquet"):
        with pytest.raises(BadInputError):
            write_events(tmp_path / name, failing(), Survey(), zone=UTC, source="log")
    with pytest.raises(BadInputError, match="found none, expected events"):
        write_events(tmp_path / "e.csv", [], Survey(), zone=UTC, source="log")
    with pytest.raises(BadInputError, match="'=cmd'"):
        write_events(tmp_path / "e.csv", events((0, "=cmd", "on")), Survey(), zone=UTC, source="log")
    with pytest.raises(UserError, match=r"expected .csv or .parquet"):
        write_events(tmp_path / "e.txt", events((0, "a", "on")), Survey(), zone=UTC, source="log")
    assert list(tmp_path.iterdir()) == []


def test_labels_are_sorted_and_those_that_cannot_be_are_refused(tmp_path):
    path = tmp_path / "l.csv"
    one, two = Interval(1, 2.5, 3.0, "tea"), Interval(2, 0.0, 2.5, "sleep")
    assert write_labels(path, [one, two], zone=UTC, source="log") == 2
    assert path.read_text() == "start_s,end_s,label\n0,2.5,sleep\n2.5,3,tea\n"
    for wrong, said in (
        ([], "found none"),
        ([Interval(7, 1.0, 2.0, "")], "line 7: found an empty text"),
        ([Interval(7, 1.0, 2.0, "=tea")], "as of a formula"),
    ):
        with pytest.raises(BadInputError, match=said):
            write_labels(path, wrong, zone=UTC, source="log")
    assert path.read_text().endswith("tea\n")


@pytest.mark.parametrize("end", [2.0, 1.5])
def test_labels_that_do_not_end_after_they_start_are_refused_or_counted(end):
    labels = [Interval(7, 2.0, end, "tea"), Interval(8, 2.0, 2.5, "tea")]
    with pytest.raises(BadInputError, match=r"x.csv: line 7: found the label 'tea' from 2.0 to .*--skip-bad-rows"):
        lasting(Path("x.csv"), labels, Remarks(), skip_others=False)
    remarks = Remarks()
    assert lasting(Path("x.csv"), labels, remarks, skip_others=True) == labels[1:]
    assert remarks.sentences() == ["1 labels of x.csv that do not end after they start are left out (first: line 7)"]


def survey_of(values, name="x", hint=None):
    survey = Survey()
    for value in values:
        survey.add(name, value)
    return survey.channels({name: hint} if hint else None)[name]


@pytest.mark.parametrize(
    ("name", "values", "hint", "kind"),
    [
        ("binary_sensor.x", ["on", "off"], Hint("door"), "switch"),
        ("binary_sensor.x", ["on"], Hint("motion"), "motion"),
        ("binary_sensor.x", ["on"], Hint("occupancy"), "motion"),
        ("binary_sensor.x", ["on", "off"], Hint("moisture"), "switch"),
        ("sensor.x", ["40.5"], Hint("moisture", "%"), "humidity"),
        ("sensor.x", ["3"], Hint("power", "W"), "power"),
        ("sensor.x", ["3"], Hint("illuminance", "lx"), "light"),
        ("sensor.x", ["3"], Hint("sound_pressure", "dB"), "sound"),
        ("sensor.x", ["3"], Hint("energy", "kWh"), "scalar"),
        ("sensor.x", ["3"], Hint("", "°C"), "temperature"),
        ("hall/occupancy", ["on", "off"], None, "motion"),
        ("hall/temperature", ["21.5"], None, "temperature"),
        ("lamp_power", ["21.5"], None, "power"),
        ("LivingRoomTemperature", ["21.5"], None, "temperature"),
        ("lamp_power", ["on", "off"], None, "switch"),
        ("M001", ["on"], Hint(kind="motion", reason="its name"), "motion"),
        ("x", ["0", "1"], None, "switch"),
        ("x", ["0", "1", "2"], None, "scalar"),
        ("x", ["on", "off", "on", "2"], None, "scalar"),
        ("x", ["unknown"], None, "scalar"),
    ],
)
def test_kinds_are_guessed_from_what_is_known_surest_first(name, values, hint, kind):
    channel = survey_of(values, name, hint)
    assert channel.kind == kind
    assert channel.line(name).startswith(f"{name}: {{kind: {kind}")
    assert "  # guessed from " in channel.line(name)


@pytest.mark.parametrize("text", ["on", "12", "a: b", "x#y", "Wohnküche", "a,b", "null", "{x}", "Pans Cupboard", "°C"])
def test_a_scalar_is_read_as_the_text_it_was(text):
    import yaml

    assert yaml.safe_load(f"{{{scalar(text)}: {scalar(text)}}}") == {text: text}
    assert yaml.safe_load(f"{scalar(text)}: 1") == {text: 1}


def test_lines_and_tables_are_refused_with_their_line(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n\xff,3\n")
    with pytest.raises(BadInputError, match="line 3: found the byte 0xff"):
        list(read_lines(path))
    path.write_text('﻿a;b;c\n1;"two\nlines";3\n4;5;6\n', encoding="utf-8")
    assert list(read_table(path, ("a", "b"))) == [
        (2, {"a": "1", "b": "two\nlines", "c": "3"}),
        (4, {"a": "4", "b": "5", "c": "6"}),
    ]
    with pytest.raises(BadInputError, match=r"found the columns a, b, c, expected z among them"):
        list(read_table(path, ("z",)))
    path.write_text("a,b,c\n1,2\n")
    with pytest.raises(BadInputError, match="line 2: found 2 cells"):
        list(read_table(path, ("c",)))
    path.write_text('a,b\n1,"' + "x" * 200_000 + "\n")
    with pytest.raises(BadInputError, match=r"line 2: found no row \(field larger than field limit"):
        list(read_table(path, ("a",)))
    path.write_bytes(b"x" * (1 << 21))
    with pytest.raises(BadInputError, match="line 1: found more than 1048576 bytes"):
        list(read_lines(path))
    with pytest.raises(BadInputError, match="found nothing"):
        list(read_lines(tmp_path / "absent"))
    with pytest.raises(BadInputError, match="neither a file"):
        list(read_lines(tmp_path))
