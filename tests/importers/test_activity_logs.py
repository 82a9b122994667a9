import itertools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from detach_core.foundation.errors import BadInputError
from detach_core.importers.activity_logs import (
    ARAS_ACTIVITIES,
    IntervalTable,
    Log,
    aras_events,
    casas_events,
    interval_events,
    interval_labels,
    pyadlml_events,
    pyadlml_labels,
)
from detach_core.importers.events import Remarks, lasting
from detach_core.importers.stamps import LocalTimes

# Beside the checkout, or above it when that is a worktree.
PLACES = [folder / "shared" / "data" / "ordonez-homes" for folder in Path(__file__).resolve().parents]
ORDONEZ = next((place for place in PLACES if place.is_dir()), None)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def duration(label):
    return label.end - label.start


def times(path, zone=UTC):
    return LocalTimes(path, zone)


@pytest.fixture
def log_file(tmp_path):
    def write(text, name="log.txt"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def read_casas(path):
    log, remarks = Log(), Remarks()
    events = [(event.sensor, event.value) for event in casas_events(path, times(path), log, remarks)]
    labels = [(one.label, str(one.start)[11:19], str(one.end)[11:19]) for one in log.labels]
    return events, labels, log.hints, remarks.sentences()


CASAS = """2010-11-04 00:03:50.209589 M003 ON Sleeping begin
2010-11-04 00:03:57.399391\tM003\tOFF
2010-11-04 00:15:08.984841 T002 21.5 Bed to toilet begin

2010-11-04 00:30:19.185547,D001,OPEN
2010-11-04 00:31:02 D001 CLOSE Bed to toilet end
2010-11-04 05:40:43.642664 M003 OFF Sleeping end
"""


def test_a_casas_log_has_events_labels_and_hints(log_file):
    events, labels, hints, remarks = read_casas(log_file(CASAS))
    assert events == [
        ("M003", "ON"), ("M003", "OFF"), ("T002", "21.5"), ("D001", "OPEN"), ("D001", "CLOSE"), ("M003", "OFF"),
    ]  # fmt: skip
    assert labels == [("Bed to toilet", "00:15:08", "00:31:02"), ("Sleeping", "00:03:50", "05:40:43")]
    assert {name: hint.kind for name, hint in hints.items()} == {
        "M003": "motion",
        "T002": "temperature",
        "D001": "switch",
    }
    assert remarks == []


def test_the_newer_notation_of_activities_is_read(log_file):
    text = """2012-07-20,10:38:54.512364,OutsideDoor,ON,Step_Out="begin"
2012-07-20,10:38:59.541365,OutsideDoor,OFF,Step_Out
2012-07-20,10:50:54.933393,OutsideDoor,OFF,Step_Out="end"
"""
    _, labels, hints, remarks = read_casas(log_file(text))
    assert labels == [("Step_Out", "10:38:54", "10:50:54")]
    assert (hints, remarks) == ({}, [])


def test_activities_without_begin_or_end_are_left_out_and_counted(log_file):
    text = """2010-11-04 00:00:01 M1 ON Work begin
2010-11-04 00:00:02 M1 OFF Work begin
2010-11-04 00:00:03 M1 ON Work end
2010-11-04 00:00:04 M1 OFF Work end
2010-11-04 00:00:05 M1 ON Relax begin
2010-11-04 00:00:06 M1 OFF Eat
"""
    _, labels, _, remarks = read_casas(log_file(text))
    assert labels == [("Work", "00:00:02", "00:00:03")]
    assert remarks == [
        "1 begins of Work without an end are left out (first: line 1)",
        "1 ends of Work without a begin are left out (first: line 4)",
        "1 marks of Eat that are neither begin nor end are left out (first: line 6)",
        "1 begins of Relax without an end are left out (first: line 5)",
    ]


@pytest.mark.parametrize(
    "line", ["2010-11-04 00:03:50 M003", "M003 ON", "2010-11-04 24:03:50 M003 ON", "04/11/2010 0:03 M3 ON"]
)
def test_a_wrong_line_of_casas_is_refused(log_file, line):
    with pytest.raises(BadInputError, match=r"log.txt: line 2: found .*expected date, time, sensor and value"):
        read_casas(log_file(f"2010-11-04 00:00:01 M1 ON\n{line}\n"))


def aras_line(on=(), first=1, second=1):
    return " ".join([*("1" if column in on else "0" for column in range(20)), str(first), str(second)])


def read_aras(paths, zone=UTC, resident=1):
    log, remarks = Log(), Remarks()
    events = list(aras_events(paths, date(2013, 1, 1), zone, log, remarks, resident=resident))
    return events, log.labels, remarks.sentences()


def seconds(moment, day=1):
    return (moment - datetime(2013, 1, day, tzinfo=UTC)).total_seconds()


def test_aras_days_give_changes_and_the_residents_activities(log_file):
    lines = [aras_line()] * 10 + [aras_line([2], 11, 2)] * 5 + [aras_line([2, 19], 11, 12)] * 86_385
    two = [aras_line([19], 11, 12), aras_line([], 1, 12)]
    paths = [log_file("\n".join(two) + "\n", "DAY_2.txt"), log_file("\n".join(lines) + "\n", "DAY_1.txt")]
    events, labels, remarks = read_aras(paths)
    begin, rest = events[:20], events[20:]
    assert {(event.sensor, event.value, seconds(event.time)) for event in begin} == {
        (f"sensor_{column:02}", "0", 0.0) for column in range(1, 21)
    }
    assert [(event.sensor, event.value, seconds(event.time)) for event in rest] == [
        ("sensor_03", "1", 10.0),
        ("sensor_20", "1", 15.0),
        ("sensor_03", "0", 86_400.0),
        ("sensor_20", "0", 86_401.0),
    ]
    assert [(one.label, seconds(one.start), seconds(one.end)) for one in labels] == [
        ("Other", 0.0, 10.0),
        ("Sleeping", 10.0, 86_401.0),
        ("Other", 86_401.0, 86_402.0),
    ]
    assert remarks == []
    assert [one.label for one in read_aras(paths, resident=2)[1]] == ["Other", "Going Out", "Watching TV"]
    assert len(ARAS_ACTIVITIES) == 27


def test_a_day_that_is_left_out_or_short_leaves_the_sensors_unknown(log_file):
    paths = [log_file(f"{aras_line([0], 11)}\n" * 3, "DAY_1.txt"), log_file(f"{aras_line([0], 11)}\n", "DAY_3.txt")]
    events, labels, remarks = read_aras(paths)
    gap = [event for event in events if event.value == "unknown"]
    assert {seconds(event.time) for event in gap} == {3.0}
    assert len(gap) == 20
    assert len([event for event in events if seconds(event.time) == 2 * 86_400]) == 20
    assert [(one.label, seconds(one.start), seconds(one.end)) for one in labels] == [
        ("Sleeping", 0.0, 3.0),
        ("Sleeping", 172_800.0, 172_801.0),
    ]
    assert remarks == ["1 gaps between the files; the sensors are unknown in them (first: before DAY_3.txt)"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("DAY.txt", aras_line(), "expected a name that counts days from 1"),
        ("DAY_0.txt", aras_line(), "expected a name that counts days from 1"),
        ("DAY_1.txt", "0 1 1 1", "line 1: found '0 1 1 1', expected 20 sensors of 0 and 1"),
        ("DAY_1.txt", aras_line().replace("0", "2", 1), "line 1"),
        ("DAY_1.txt", aras_line(first=28), "two activities of 1 to 27"),
        ("DAY_1.txt", f"{aras_line()}\n" * 86_401, "line 86401: found more than 86400 lines"),
    ],
)
def test_wrong_days_of_aras_are_refused(log_file, name, text, said):
    with pytest.raises(BadInputError, match=said):
        read_aras([log_file(text, name)])


def test_a_day_that_comes_twice_is_refused(log_file):
    with pytest.raises(BadInputError, match=r"found day 1, as .*DAY_1.txt has"):
        read_aras([log_file(aras_line(), "DAY_1.txt"), log_file(aras_line(), "B_DAY_01.txt")])


KASTEREN_SENSORS = """Start time: Time sensor started firing
ID: sensor id (see list below)

Sensor IDs are:
    [ 5]    'Hall-Toilet door'
    [14]    'ToiletFlush'

Start time          \tEnd time            \tID\tVal
--------------------\t--------------------\t--\t---
25-Feb-2008 09:36:43\t25-Feb-2008 09:37:04\t5\t1
25-Feb-2008 09:37:04\t25-Feb-2008 09:37:20\t5\t1
25-Feb-2008 09:37:51\t25-Feb-2008 09:37:52\t14\t1
25-Feb-2008 09:37:51\t25-Feb-2008 09:37:58\t14\t1
25-Feb-2008 09:50:00\t25-Feb-2008 09:50:00\t7\t1
Length: 5
"""
KASTEREN_ACTIVITIES = """activity id list:
1: 'leave house'
10:'go to bed'

Start time          \tEnd time            \tID
--------------------\t--------------------\t--
25-Feb-2008 00:22:46\t25-Feb-2008 09:34:12\t10
25-Feb-2008 10:19:06\t25-Feb-2008 16:55:38\t1
25-Feb-2008 17:00:00\t25-Feb-2008 17:01:00\t2
"""


def read_intervals(path, skip=False, zone=AMSTERDAM):
    log, remarks = Log(), Remarks()
    events = interval_events(IntervalTable(path, times(path, zone)), log, remarks, skip_bad_rows=skip)
    return events, log.hints, remarks.sentences()


def test_van_kasterens_table_gives_on_and_off_by_name(log_file):
    events, hints, remarks = read_intervals(log_file(KASTEREN_SENSORS))
    assert [(event.sensor, event.value, event.time.strftime("%H:%M:%S")) for event in events] == [
        ("Hall-Toilet door", "on", "08:36:43"),
        ("Hall-Toilet door", "off", "08:37:04"),
        ("Hall-Toilet door", "on", "08:37:04"),
        ("Hall-Toilet door", "off", "08:37:20"),
        ("ToiletFlush", "on", "08:37:51"),
        ("ToiletFlush", "off", "08:37:58"),
        ("sensor_7", "on", "08:50:00"),
        ("sensor_7", "off", "08:50:00"),
    ]
    assert {hint.kind for hint in hints.values()} == {"switch"}
    assert remarks == ["1 rows overlap another of their sensor and are joined with it (first: line 13)"]


def test_van_kasterens_activities_have_their_names(log_file):
    path = log_file(KASTEREN_ACTIVITIES)
    labels = interval_labels(IntervalTable(path, times(path, AMSTERDAM)))
    assert [(one.label, str(one.start)) for one in labels] == [
        ("go to bed", "2008-02-24 23:22:46+00:00"),
        ("leave house", "2008-02-25 09:19:06+00:00"),
        ("2", "2008-02-25 16:00:00+00:00"),
    ]


ORDONEZ_SENSORS = """Start time          \tEnd time            \tLocation\tType\t\tPlace
--------------------\t--------------------\t--------\t--------\t-----
2012-11-11 21:14:21\t\t2012-11-12 00:21:49\t\tSeat\t\tPressure\tLiving
2012-11-12 00:22:57\t\t2012-11-12 00:22:59\t\tDoor\t\tPIR\t\tLiving\t
2012-11-12 00:23:14  2012-11-12 00:23:17  Door PIR Kitchen
"""


def test_ordonez_sensors_are_named_by_place_and_location(log_file):
    events, hints, _ = read_intervals(log_file(ORDONEZ_SENSORS))
    assert [event.sensor for event in events if event.value == "on"] == ["Living/Seat", "Living/Door", "Kitchen/Door"]
    assert {name: (hint.kind, hint.place) for name, hint in hints.items()} == {
        "Living/Seat": ("switch", "Living"),
        "Living/Door": ("motion", "Living"),
        "Kitchen/Door": ("motion", "Kitchen"),
    }


def test_two_types_of_sensors_at_one_place_stay_apart(log_file):
    row = "2012-11-12 00:{}:00\t2012-11-12 00:{}:00\tDoor\t{}\tLiving\n"
    path = log_file(row.format("01", "09", "PIR") + row.format("10", "11", "Magnetic"))
    assert set(read_intervals(path)[1]) == {"Living/Door/PIR", "Living/Door/Magnetic"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (KASTEREN_SENSORS.replace("Length: 5", "Length: 6"), "line 15: found Length: 6, expected 5"),
        (
            KASTEREN_SENSORS.replace("09:50:00\t7", "09:49:59\t7"),
            "line 14: found an end 1 s before its start.*--skip-bad-rows",
        ),
        (KASTEREN_SENSORS.replace("25-Feb-2008 09:37:51\t25-Feb-2008 09:37:52", "later"), "line 12: found 'later"),
        (KASTEREN_SENSORS.replace("25-Feb-2008 09:36:43", "35-Feb-2008 09:36:43"), "line 10: found '35-Feb-2008"),
        ("nothing here\n", "rows: found none"),
    ],
)
def test_wrong_tables_of_intervals_are_refused(log_file, text, said):
    with pytest.raises(BadInputError, match=said):
        read_intervals(log_file(text))


def test_rows_that_end_before_they_start_are_left_out_when_that_is_said(log_file):
    text = KASTEREN_SENSORS.replace("09:50:00\t7", "09:49:59\t7")
    events, _, remarks = read_intervals(log_file(text), skip=True)
    assert len(events) == 6
    assert "1 rows of log.txt that end before they start are left out (first: line 14)" in remarks


@pytest.mark.skipif(ORDONEZ is None, reason="the Ordonez homes are not on this machine")
def test_a_real_home_is_read_whole():
    sensors, activities = (ORDONEZ / f"OrdonezA_{name}.txt" for name in ("Sensors", "ADLs"))
    events, hints, remarks = read_intervals(sensors, zone=ZoneInfo("Europe/Madrid"))
    assert (len(events), len(hints), remarks) == (2 * 409, 12, [])
    assert all(one.time <= other.time for one, other in itertools.pairwise(events))
    state: dict[str, str] = {}
    for event in events:
        assert state.get(event.sensor, "off") != event.value
        state[event.sensor] = event.value
    assert set(state.values()) == {"off"}
    assert {name for name, hint in hints.items() if hint.kind == "motion"} == {
        "Bathroom/Shower", "Bathroom/Basin", "Kitchen/Cooktop",
    }  # fmt: skip
    labels = interval_labels(IntervalTable(activities, times(activities)))
    with pytest.raises(BadInputError, match="line 72: found the label 'Toileting'"):
        lasting(activities, labels, Remarks(), skip_others=False)
    skipped = Remarks()
    labels = lasting(activities, labels, skipped, skip_others=True)
    assert len(labels) == 248 - 3
    assert skipped.sentences()[0].startswith("3 labels of OrdonezA_ADLs.txt")
    assert len({one.label for one in labels}) == 9
    assert max(duration(one) for one in labels) < timedelta(hours=12)


def test_pyadlmls_tables_are_read(log_file):
    devices = log_file("time,device,value\n2023-01-01 08:00:00.5,1,True\n2023-01-01 08:00:02,2,21.5\n", "devices.csv")
    names = log_file("id,device\n1,door\n2,oven\n", "device_mapping.csv")
    events = list(pyadlml_events(devices, times(devices, AMSTERDAM), names))
    assert [(event.number, event.sensor, event.value) for event in events] == [(2, "door", "True"), (3, "oven", "21.5")]
    assert events[0].time == datetime(2023, 1, 1, 7, 0, 0, 500000, tzinfo=UTC)
    assert [event.sensor for event in pyadlml_events(devices, times(devices))] == ["1", "2"]
    text = ",start_time,end_time,activity\n0,2023-01-01 08:00:00,2023-01-01 09:00:00,sleep\n"
    activities = log_file(text, "activities.csv")
    [label] = pyadlml_labels(activities, times(activities, AMSTERDAM))
    assert (label.label, str(label.start)[11:13], str(label.end)[11:13]) == ("sleep", "07", "08")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,device,val\n", "expected value among them"),
        ("time,device,value\nnoon,1,True\n", "line 2, column time: found 'noon'"),
        ("time,device,value\n2023-01-01 08:00,9,True\n", "line 2: found '9', expected an id of"),
    ],
)
def test_wrong_tables_of_pyadlml_are_refused(log_file, text, said):
    names = log_file("id,device\n1,door\n", "names.csv")
    path = log_file(text)
    with pytest.raises(BadInputError, match=said):
        list(pyadlml_events(path, times(path), names))
