import numpy as np
import pytest

from detach_core.contracts.recording import Annotation
from detach_core.datasets.folder.adapter import Folder
from detach_core.foundation.errors import BadInputError
from tests.fixtures.own_home import START, local


def read(home, name="day1", classes=("cook", "leave")):
    home.home.setdefault("sensor_hz", 10)
    return Folder(home.native, classes=classes).read_recording(home.root, name)


def channel(recording, name):
    return np.asarray(recording.sensor)[:, recording.channel_names.index(name)]


def test_all_channels_lie_on_one_even_clock(own_home):
    own_home.add("day1", seconds=80)
    found = read(own_home)
    assert found.channel_names == (
        "floor_x",
        "fridge_door",
        "hall_motion",
        "hall_sound",
        "kitchen_light",
        "temperature",
    )
    assert found.channel_units == ("g", "state", "state", "dB", "log(1 + lx)", "°C")
    assert (found.sensor_hz, found.subject, found.video_path.name) == (10.0, "resident", "film.mp4")
    np.testing.assert_allclose(np.asarray(found.time_s), np.arange(801) / 10)
    door = channel(found, "fridge_door")
    assert door[[0, 19, 20, 39, 40, 59, 60, 79, 80]].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0]
    motion = channel(found, "hall_motion")
    assert motion[[0, 119, 120, 199, 200]].tolist() == [0, 0, 1, 1, 0]
    np.testing.assert_allclose(channel(found, "kitchen_light")[[20, 100]], np.log1p([300, 5]), rtol=1e-6)
    assert np.isnan(channel(found, "kitchen_light")[0])
    assert channel(found, "temperature")[[0, 799, 800]].tolist() == [20.5, 20.5, 21.0]
    assert abs(channel(found, "floor_x")[:800]).max() < 0.1


def test_an_own_rate_and_own_rules_of_a_channel_rule(own_home):
    own_home.add("day1", seconds=80)
    own_home.home["sensor_hz"] = 2
    own_home.home["channels"]["kitchen_light"] |= {"scale": "linear", "factor": 0.5}
    own_home.home["channels"]["fridge_door"] |= {"resampling": "impulse"}
    own_home.home["channels"]["hall_motion"] |= {"initial": "unknown"}
    found = read(own_home)
    assert len(found.time_s) == 161
    assert channel(found, "kitchen_light")[4] == 150
    assert np.flatnonzero(channel(found, "fridge_door")[:40]).tolist() == [4, 12]
    assert np.isnan(channel(found, "hall_motion")[:23]).all()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(5, 1), (6, 0)], 0.0),
        ([(5, 0), (6, 1)], 1.0),
        ([(5, 1), (6, 1), (7, 0)], np.nan),
        ([(5, "unavailable"), (6, 1)], np.nan),
    ],
)
def test_before_its_first_event_a_switch_has_the_opposite_state_unless_its_log_repeats_states(
    own_home, events, expected
):
    rows = [(0, "temperature", 20), *((s, "fridge_door", value) for s, value in events)]
    own_home.write("a.csv", "time,sensor,value", rows)
    own_home.home["recordings"]["a"] = {"sensors": "a.csv"}
    np.testing.assert_array_equal(channel(read(own_home, "a"), "fridge_door")[:50], np.full(50, expected))


def test_a_recordings_time_begins_with_its_video(own_home):
    own_home.add("day1", video=False)
    own_home.film("late.mp4", seconds=20)
    own_home.home["recordings"]["day1"]["video"] = {"files": "late.mp4", "start": local(30.0)}
    found = read(own_home)
    assert found.time_s[0] == pytest.approx(-30.0)
    first = found.annotations[0]
    assert (first.start_s, first.end_s, first.label) == (pytest.approx(-28.0), pytest.approx(-20.0), 0)
    assert channel(found, "fridge_door")[[19, 20]].tolist() == [0, 1]


def test_without_a_camera_it_begins_with_its_sensors_or_as_told(own_home):
    own_home.add("day1", video=False)
    assert read(own_home).time_s[0] == 0
    assert read(own_home).video_path is None
    own_home.home["recordings"]["day1"] |= {"start": local(-10), "end": START.timestamp() + 20}
    found = read(own_home)
    assert len(found.time_s) == 301
    assert channel(found, "fridge_door")[[119, 120]].tolist() == [0, 1]
    assert found.annotations[0].start_s == pytest.approx(12.0)


def test_labels_are_classes_by_any_of_their_spellings(own_home):
    own_home.add("day1")
    own_home.home["classes"]["cook"] = {"place": "kitchen", "labels": ["make tea", "fry"]}
    rows = [("5", "6", "fry"), ("1", "2", "leave"), ("3", "4.5", "make tea")]
    own_home.write("day1/labels.csv", "start_s,end_s,label", rows)
    found = read(own_home)
    assert found.annotations == (Annotation(1, 2, 1), Annotation(3, 4.5, 0), Annotation(5, 6, 0))
    assert read(own_home, classes=("leave",)).annotations[1].label == -1


def test_other_labels_are_refused_or_no_class(own_home):
    own_home.add("day1")
    own_home.write("day1/labels.csv", "start,end,label", [(local(1), local(2), "cook"), (local(3), local(4), "sleep")])
    with pytest.raises(
        BadInputError, match=r"labels.csv: line 3, column label: found 'sleep', expected one of `classes`"
    ):
        read(own_home)
    own_home.home["other_labels"] = "none"
    found = read(own_home)
    assert [one.label for one in found.annotations] == [0, -1]
    assert found.remarks[-1] == "labels.csv: the labels sleep are no classes"


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("start,end,label", (local(2), local(1), "cook"), "line 2, column end: found an end 1 s before its start"),
        ("start,end,label", (local(2), local(2), "cook"), "line 2, column end: found an end 0 s before its start"),
        ("start,end,label", ("now", local(2), "cook"), "line 2, column start: found 'now', expected an ISO date"),
        ("start,end,label", (local(1), local(2)), "line 2: found 2 values, expected 3"),
        ("begin,end,label", (1, 2, "cook"), "line 1: found begin, end, label, expected columns start, end, label"),
        ("start,end,label", ("2024-10-27T02:10:00", "2024-10-27T04:10:00", "cook"), "line 2, column start: .* twice"),
    ],
)
def test_a_label_table_with_a_mistake_is_one_sentence(own_home, header, row, message):
    own_home.add("day1")
    own_home.write("day1/labels.csv", header, [row])
    with pytest.raises(BadInputError, match=rf"labels.csv: {message}"):
        read(own_home)


def test_places_are_those_of_classes_and_channels_and_only_states_watch_them(own_home):
    own_home.add("day1")
    own_home.home["channels"]["floor_x"]["place"] = "cellar"
    found = Folder(own_home.native, classes=("leave", "cook"))
    assert found.places.names == ("hall", "kitchen", "cellar")
    assert found.places.of_class == (0, 1)
    assert found.places.channels == ((2,), (1,), ())
    assert found.class_actions == ("Leave", "Cook")


def test_a_recording_without_a_sample_or_of_years_is_refused(own_home):
    own_home.write("a.csv", "time,sensor,value", [(5, "lamp", 1)])
    own_home.home["recordings"]["a"] = {"sensors": "a.csv"}
    with pytest.raises(BadInputError, match=r"a.csv: file: found no sample of floor_x, fridge_door"):
        read(own_home, "a")
    own_home.write("a.csv", "time,sensor,value", [(5, "fridge_door", 1), (1.7e9, "fridge_door", 0)])
    with pytest.raises(
        BadInputError, match=r"recording a: found 19675.* days from start to end, expected .* at most 366"
    ):
        read(own_home, "a")
    own_home.home["recordings"]["a"]["sensors"] = "b*.csv"
    with pytest.raises(BadInputError, match=r"recording a: found nothing, expected a file like b\*.csv"):
        read(own_home, "a")
