from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts.recording import Annotation
from detach_core.datasets.registry import build_adapter
from detach_core.foundation.errors import BadInputError, UserError

OPEN_FRIDGE = 406520
CLASSES = ["Open Fridge", "Close Fridge", "Open Drawer 1"]


def read(folder, recording="S1-Drill", **native):
    return build_adapter("opportunity", folder.native | native, classes=CLASSES).read_recording(folder.root, recording)


def refusal(folder):
    with pytest.raises(BadInputError) as error:
        read(folder)
    return str(error.value)


def test_a_recording_is_read(opportunity_folder):
    opportunity_folder.add()
    recording = read(opportunity_folder)
    assert (recording.recording_id, recording.subject) == ("S1-Drill", "S1")
    assert recording.sensor.shape == (360, 34)
    assert recording.sensor.dtype == np.float32
    np.testing.assert_allclose(recording.time_s, np.arange(360) / 30, atol=6e-4)
    assert recording.annotations == (Annotation(2.0, 5.0, 0), Annotation(6.0, 8.0, 1), Annotation(9.0, 10.0, -1))
    assert recording.video_path == opportunity_folder.video_path()
    assert recording.remarks == ()
    switch = recording.channel_names.index("REED SWITCH FRIDGE S3")
    assert recording.sensor[:, switch].sum() == 30 * 6


def test_ucis_file_and_the_track_free_layout_are_read_alike(opportunity_folder):
    opportunity_folder.add()
    expected = read(opportunity_folder)
    opportunity_folder.sensor_path().rename(opportunity_folder.root / "S1-Drill.dat")
    opportunity_folder.track_path().unlink()
    found = read(opportunity_folder)
    np.testing.assert_array_equal(found.sensor, expected.sensor)
    assert found.annotations == expected.annotations


def test_the_deckchair_adds_three_channels(opportunity_folder):
    opportunity_folder.add()
    recording = read(opportunity_folder, deckchair=True)
    assert recording.sensor.shape == (360, 37)
    assert sum("LAZYCHAIR" in name for name in recording.channel_names) == 3


@pytest.mark.parametrize("value", ["0", "NaN"])
def test_without_the_label_column_the_track_rules(opportunity_folder, value):
    opportunity_folder.add()
    opportunity_folder.edit(None, 250, value)
    recording = read(opportunity_folder)
    assert [event.label for event in recording.annotations] == [0, 1, -1]
    assert "track is used" in recording.remarks[0]


def test_a_track_that_differs_is_remarked(opportunity_folder):
    opportunity_folder.add()
    text = opportunity_folder.track_path().read_text()
    opportunity_folder.track_path().write_text(text.replace("00:00:08,000", "00:00:08,700"))
    assert "1 of 3 gestures" in read(opportunity_folder).remarks[0]


def test_lost_values_stay_lost(opportunity_folder):
    opportunity_folder.add()
    opportunity_folder.edit(7, 208, "NaN")
    recording = read(opportunity_folder)
    assert np.argwhere(np.isnan(recording.sensor)).tolist() == [
        [6, recording.channel_names.index("Accelerometer DOOR1 accX")]
    ]


def test_a_gap_in_time_becomes_nan_on_the_even_clock(opportunity_folder):
    opportunity_folder.add()
    path = opportunity_folder.sensor_path()
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:100] + lines[160:]) + "\n")
    recording = read(opportunity_folder)
    assert len(recording.sensor) == 360
    lost = np.isnan(recording.sensor).all(axis=1)
    assert np.flatnonzero(lost).tolist() == list(range(100, 160))
    assert any("uneven" in remark for remark in recording.remarks)


COARSE = {
    "15.625 ms": (lambda ms: np.floor(ms / 15.625 + 1e-6) * 15.625, 1 / 64),
    "0.1 s": (lambda ms: np.floor(ms / 100 + 1e-6) * 100, 0.1),
    "bursts of 6": (lambda ms: np.floor(ms / 200 + 1e-6) * 200 + 166, 0.2),
}


@pytest.mark.parametrize("clock", COARSE)
def test_a_gap_on_a_coarse_clock_is_lost_and_the_rest_is_not(opportunity_folder, clock):
    stamp, off_s = COARSE[clock]
    opportunity_folder.add(seconds=30, gestures=[(2.0, 5.0, OPEN_FRIDGE), (20.0, 22.0, OPEN_FRIDGE)])
    path = opportunity_folder.sensor_path()
    rows = [line.split() for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        row[0] = f"{stamp(number * 1000 / 30):.3f}"
    path.write_text("\n".join(" ".join(row) for row in rows[:300] + rows[360:]) + "\n")
    recording = read(opportunity_folder)
    time_s, sensor = np.asarray(recording.time_s), np.asarray(recording.sensor)
    lost = np.flatnonzero(np.isnan(sensor).all(axis=1))
    assert len(lost) == pytest.approx(60, abs=1 + 30 * off_s)
    assert (np.diff(lost) == 1).all()
    assert time_s[lost[0]] == pytest.approx(10.0, abs=off_s + 0.034)
    assert [(event.start_s, event.end_s) for event in recording.annotations] == [
        (pytest.approx(2.0, abs=off_s + 0.001), pytest.approx(5.0, abs=off_s + 0.001)),
        (pytest.approx(20.0, abs=off_s + 0.001), pytest.approx(22.0, abs=off_s + 0.001)),
    ]
    switch = sensor[:, recording.channel_names.index("REED SWITCH FRIDGE S3")]
    on_s = time_s[np.flatnonzero(np.diff(np.nan_to_num(switch, nan=0.0))) + 1]
    np.testing.assert_allclose(on_s, [2.0, 5.0, 20.0, 22.0], atol=off_s + 0.034)


def test_lost_words_stay_lost(opportunity_folder):
    opportunity_folder.add()
    for line, word in enumerate(["NAN", "?", "unavailable", "N/A", "-NaN"], start=7):
        opportunity_folder.edit(line, 208, word)
    opportunity_folder.edit(20, 250, "?")
    recording = read(opportunity_folder)
    channel = recording.channel_names.index("Accelerometer DOOR1 accX")
    assert np.argwhere(np.isnan(recording.sensor)).tolist() == [[row, channel] for row in range(6, 11)]
    assert len(recording.annotations) == 3


@pytest.mark.parametrize(
    ("line", "column", "value", "expected"),
    [
        (5, 200, None, ["line 5", "249 values", "expected 250"]),
        (5, 200, "x", ["line 5, column 200", "'x'"]),
        (5, 1, "10", ["line 5, column 1 (MILLISEC)", "increasing time"]),
        (5, 1, "NaN", ["line 5, column 1 (MILLISEC)", "NaN"]),
        (5, 250, "123", ["line 5, column 250", "label code 123"]),
    ],
)
def test_a_bad_line_is_named(opportunity_folder, line, column, value, expected):
    opportunity_folder.add()
    opportunity_folder.edit(line, column, value)
    message = refusal(opportunity_folder)
    assert "S1-Drill_sensors_data.txt" in message
    for part in expected:
        assert part in message


def test_another_sampling_rate_is_refused(opportunity_folder):
    opportunity_folder.add()
    opportunity_folder.native["sensor_hz"] = 50
    assert "expected 50" in refusal(opportunity_folder)


def test_a_missing_recording_says_what_the_folder_holds(opportunity_folder):
    opportunity_folder.add("S2-ADL4")
    message = refusal(opportunity_folder)
    assert "S1-Drill" in message
    assert "S2-ADL4_sensors_data.txt" in message
    assert "native.sensor_glob" in message


def test_two_sensor_files_of_one_run_are_refused(opportunity_folder):
    opportunity_folder.add()
    copy = opportunity_folder.root / "backup" / "S1-Drill_sensors_data.txt"
    copy.parent.mkdir()
    copy.write_text(opportunity_folder.sensor_path().read_text())
    message = refusal(opportunity_folder)
    assert "backup/S1-Drill_sensors_data.txt" in message
    assert "data/S1-Drill/S1-Drill_sensors_data.txt" in message


def test_two_tracks_of_one_run_are_refused(opportunity_folder):
    opportunity_folder.add()
    (opportunity_folder.root / "S1-Drill_ml_both_arms_old.srt").write_text("")
    assert "native.annotation_glob" in refusal(opportunity_folder)


def test_a_class_that_the_legend_lacks_is_refused(opportunity_folder):
    with pytest.raises(UserError, match="Open Window"):
        build_adapter("opportunity", opportunity_folder.native, classes=["Open Fridge", "Open Window"])


def test_classes_lie_at_their_fixtures_and_fixtures_have_their_channels(opportunity_folder):
    adapter = build_adapter("opportunity", opportunity_folder.native, classes=[*CLASSES, "Clean Table"])
    assert [adapter.places.names[place] if place >= 0 else None for place in adapter.places.of_class] == [
        "Fridge",
        "Fridge",
        "Drawer 1",
        None,
    ]
    fridge = adapter.places.channels[adapter.places.names.index("Fridge")]
    assert {adapter.channel_names[channel].split()[-2] for channel in fridge} == {"FRIDGE"}
    assert len(fridge) == 6
    assert adapter.class_actions == ("Open", "Close", "Open", "")
    assert adapter.native.recording_id(subject="S4", take="ADL5") == "S4-ADL5"
