from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts.recording import Annotation
from detach_core.datasets.registry import build_adapter
from detach_core.foundation.errors import BadInputError

CLASSES = ["cereals", "tea"]


def read(folder, recording="tea_s01", **native):
    return build_adapter("hwu_usp", folder.native | native, classes=CLASSES).read_recording(folder.root, recording)


def refusal(folder, **native):
    with pytest.raises(BadInputError) as error:
        read(folder, **native)
    return str(error.value)


def test_a_sequence_is_read(hwu_folder):
    hwu_folder.add()
    recording = read(hwu_folder)
    assert (recording.recording_id, recording.subject) == ("tea_s01", "s01")
    assert recording.sensor.shape == (300, 6)
    np.testing.assert_allclose(recording.time_s, np.arange(300) / 50, atol=1e-6)
    cupboard = recording.sensor[:, recording.channel_names.index("Ktch_B4_Cupboard")]
    np.testing.assert_array_equal(cupboard, ((np.arange(300) >= 100) & (np.arange(300) < 200)).astype(np.float32))
    assert (recording.sensor[:, recording.channel_names.index("Ktch_Motion_1")] == 1).all()
    assert recording.annotations == (Annotation(0.0, pytest.approx(6.0), 1),)  # type: ignore[arg-type]
    assert recording.video_path == hwu_folder.video_path()


def test_channels_are_chosen_by_name_in_the_configured_order(hwu_folder):
    hwu_folder.add()
    recording = read(hwu_folder, channels=["TP_L_Power", "Ktch_B4_Cupboard"])
    assert (recording.sensor[:, 0] == 12.5).all()
    assert recording.channel_names == ("TP_L_Power", "Ktch_B4_Cupboard")


@pytest.mark.parametrize(
    "stamp",
    [lambda s: f"{s * 1000:.0f}", lambda s: f"2020-01-31 12:00:{s:09.6f}", lambda s: f"{(1.6e9 + s) * 1000:.0f}"],
)
def test_notations_of_time_are_read(hwu_folder, stamp):
    hwu_folder.add(stamp=stamp)
    np.testing.assert_allclose(read(hwu_folder).time_s, np.arange(300) / 50, atol=1e-5)


def test_an_uneven_clock_holds_states(hwu_folder):
    hwu_folder.add()
    path = hwu_folder.sensor_path()
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:150] + lines[170:]) + "\n")
    recording = read(hwu_folder)
    assert len(recording.sensor) == 300
    assert "uneven" in recording.remarks[0]
    np.testing.assert_array_equal(recording.sensor[149:169], np.repeat(recording.sensor[148:149], 20, axis=0))


COARSE = {
    "15.625 ms": lambda second: np.floor(second * 64 + 1e-6) / 64,
    "10 ms": lambda second: np.floor(second * 100 + 1e-6) / 100,
    "1 s": lambda second: np.floor(second + 1e-6),
    "pairs": lambda second: np.floor(second * 25 + 1e-6) / 25,
    "nearly pairs": lambda second: np.floor(second * 25 + 1e-6) / 25 + 0.004 * ((second * 25 + 1e-6) % 1),
}


@pytest.mark.parametrize("clock", COARSE)
def test_an_even_stream_on_a_coarse_clock_is_read_sample_by_sample(hwu_folder, clock):
    hwu_folder.add(stamp=lambda second: f"{1000 + COARSE[clock](second):.6f}")
    recording = read(hwu_folder)
    cupboard = np.asarray(recording.sensor)[:, recording.channel_names.index("Ktch_B4_Cupboard")]
    changes_s = np.asarray(recording.time_s)[np.flatnonzero(np.diff(cupboard)) + 1]
    np.testing.assert_allclose(changes_s, [2.0, 4.0], atol=0.021)
    assert len(recording.sensor) == pytest.approx(300, abs=2)


@pytest.mark.parametrize("clock", COARSE)
def test_another_rate_on_a_coarse_clock_is_refused_with_the_true_one(hwu_folder, clock):
    hwu_folder.add(seconds=30, stamp=lambda second: f"{1000 + COARSE[clock](second * 1.25):.6f}")
    message = refusal(hwu_folder)
    found = float(message.split("found ")[1].split()[0])
    assert found == pytest.approx(40, rel=0.01)
    assert "expected 50" in message


@pytest.mark.parametrize("clock", ["15.625 ms", "10 ms", "pairs"])
def test_a_gap_on_a_coarse_clock_keeps_its_length(hwu_folder, clock):
    hwu_folder.add(seconds=12, stamp=lambda second: f"{1000 + COARSE[clock](second):.6f}")
    path = hwu_folder.sensor_path()
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:51] + lines[151:]) + "\n")  # seconds 1 to 3 are lost, the opening with them
    recording = read(hwu_folder)
    cupboard = np.asarray(recording.sensor)[:, 0]
    changes_s = np.asarray(recording.time_s)[np.flatnonzero(np.diff(cupboard)) + 1]
    np.testing.assert_allclose(changes_s, [3.0, 4.0], atol=0.021)
    assert len(recording.sensor) == pytest.approx(600, abs=1)


def test_lines_that_stand_twice_are_refused(hwu_folder):
    hwu_folder.add()
    path = hwu_folder.sensor_path()
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:100], *[lines[99]] * 5, *lines[100:]]) + "\n")
    message = refusal(hwu_folder)
    assert "column timestamp: found 1.960 s again" in message
    assert any(f"line {line}," in message for line in range(101, 106))


@pytest.mark.parametrize(
    "word", ["", "NaN", "+nan", "-NAN", "1.#QNAN", "N/A", "NULL", "None", "?", "unavailable", "UNKNOWN", " unknown "]
)
def test_lost_words_are_lost_values(hwu_folder, word):
    hwu_folder.add()
    hwu_folder.edit(4, ",OFF,", f",{word},")
    assert np.argwhere(np.isnan(read(hwu_folder).sensor)).tolist() == [[2, 2]]


def test_a_word_may_be_mapped_to_a_lost_value_or_a_lost_word_to_a_number(hwu_folder):
    hwu_folder.add()
    hwu_folder.edit(4, ",OFF,", ",ajar,")
    hwu_folder.edit(5, ",OFF,", ",unknown,")
    values = hwu_folder.native["value_map"] | {"AJAR": None, "Unknown": 0.5}
    sensor = np.asarray(read(hwu_folder, value_map=values).sensor)
    assert np.argwhere(np.isnan(sensor)).tolist() == [[2, 2]]
    assert sensor[3, 2] == 0.5


def test_empty_cells_are_lost_values(hwu_folder):
    hwu_folder.add()
    hwu_folder.edit(4, ",OFF,", ",,")
    recording = read(hwu_folder)
    assert np.argwhere(np.isnan(recording.sensor)).tolist() == [[2, 2]]


def test_a_sequence_of_another_activity_has_no_label(hwu_folder):
    hwu_folder.add("laptop_s01")
    assert read(hwu_folder, "laptop_s01").annotations[0].label == -1


@pytest.mark.parametrize(
    ("line", "old", "new", "expected"),
    [
        (4, ",OFF", ",AJAR", ["line 4, column Ktch_Motion_2", "'AJAR'", "value_map"]),
        (4, ",12.5", "", ["line 4", "11 values", "expected 12"]),
        (4, "1000.040", "1000.010", ["line 4, column timestamp", "increasing time"]),
        (4, "1000.040", "soon", ["line 4, column timestamp", "'soon'"]),
        (4, ",0,", ",inf,", ["line 4"]),
        (1, "Ktch_Motion_1", "Motion", ["line 1", "expected columns Ktch_Motion_1", "native.channels"]),
        (1, "timestamp", "Time", ["line 1", "expected columns timestamp", "native.time_column"]),
    ],
)
def test_a_bad_line_is_named(hwu_folder, line, old, new, expected):
    hwu_folder.add()
    if new == ",inf,":
        hwu_folder.native["channels"] = ["Ktch_B1_Drawer"]
    hwu_folder.edit(line, old, new)
    message = refusal(hwu_folder)
    assert "tea_s01.csv" in message
    for part in expected:
        assert part in message


def test_a_file_without_samples_or_header_is_refused(hwu_folder):
    hwu_folder.add()
    path = hwu_folder.sensor_path()
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert "no samples" in refusal(hwu_folder)
    path.write_text("")
    assert "an empty file" in refusal(hwu_folder)


def test_text_that_is_not_utf_8_is_refused(hwu_folder):
    hwu_folder.add()
    path = hwu_folder.sensor_path()
    path.write_bytes(path.read_bytes().replace(b"OFF", b"\xffFF", 1))
    assert "expected UTF-8" in refusal(hwu_folder)


def test_another_rate_is_refused(hwu_folder):
    hwu_folder.add()
    assert "expected 30" in refusal(hwu_folder, sensor_hz=30)


def test_a_missing_video_says_what_the_folder_holds(hwu_folder):
    hwu_folder.add()
    hwu_folder.video_path().unlink()
    message = refusal(hwu_folder)
    assert "native.video_glob" in message
    assert "tea_s01.csv" in message


def test_each_sensor_is_a_place_and_no_class_is(hwu_folder):
    adapter = build_adapter("hwu_usp", hwu_folder.native, classes=CLASSES)
    assert adapter.places.names == adapter.channel_names
    assert adapter.places.of_class == (-1, -1)
    assert adapter.class_actions == ("", "")
    assert adapter.places.channels == tuple((index,) for index in range(6))
    assert adapter.native.recording_id(subject="s07", take="tidy") == "tidy_s07"
