from __future__ import annotations

import numpy as np
import pytest

from detach_core.datasets.opportunity.columns import GESTURES, ambient_columns
from detach_core.simulation.routine import Interval
from detach_core.simulation.write_opportunity import (
    LABEL_TRACKS,
    columns_text,
    legend_text,
    recording_paths,
    sensor_text,
    track_text,
    write_tracks,
)

# Columns as datasets.md 1.1 lists them.
KNOWN_COLUMNS = {
    "REED SWITCH DISHWASHER S1": 195,
    "REED SWITCH UPPERDRAWER": 204,
    "REED SWITCH DISHWASHER S2": 207,
    "Accelerometer DOOR1 accX": 208,
    "Accelerometer LAZYCHAIR accY": 212,
    "Accelerometer FRIDGE accZ": 231,
}


@pytest.fixture
def table():
    """The written cells of 45 samples; channel c holds 10 c, DOOR1 accX is lost in sample 2."""
    time_s = np.arange(45) / 30
    ambient = {name: np.full(45, 10.0 * column) for name, (column, _) in ambient_columns(deckchair=True).items()}
    ambient["Accelerometer DOOR1 accX"][2] = np.nan
    tracks = {name: [] for name in LABEL_TRACKS}
    tracks["ml_both_arms"] = [Interval(0.5, 1.0, "Open Door 1")]
    tracks["locomotion"] = [Interval(0.0, 1.5, "Walk")]
    text = sensor_text(time_s, ambient, np.full((45, 12), -7.0), tracks)
    assert text.endswith("\n")
    return np.array([line.split(" ") for line in text.splitlines()])


def test_a_line_has_250_columns_and_milliseconds_as_the_real_files_round_them(table):
    assert table.shape == (45, 250)
    assert table[:5, 0].tolist() == ["0", "33", "67", "100", "133"]


def test_ambient_values_stand_in_their_documented_columns(table):
    for column in KNOWN_COLUMNS.values():
        assert table[1, column - 1] == str(10 * column)
    assert table[2, 207] == "NaN"
    assert set(table[:, 1:194].ravel()) == {"NaN"}
    assert table[0, 231:243].tolist() == ["-7"] * 12


def test_labels_stand_in_the_last_columns_half_open(table):
    codes = table[:, 249]
    assert np.flatnonzero(codes == "406516").tolist() == list(range(15, 30))
    assert set(codes) == {"0", "406516"}
    assert set(table[:, 243]) == {"2"}


def test_wrong_channels_are_refused_by_name(table):
    with pytest.raises(ValueError, match="REED SWITCH FRIDGE S1"):
        sensor_text(np.arange(3) / 30, {}, np.zeros((3, 12)), {name: [] for name in LABEL_TRACKS})


def test_a_caption_reads_as_in_the_release():
    text = track_text([Interval(1.5, 3.25, "Open Door 1"), Interval(3661.0, 3662.9996, "Close Fridge")], GESTURES)
    assert text == (
        "1\n00:00:01,500 --> 00:00:03,250\n406516 - Open Door 1\n"
        "\n2\n01:01:01,000 --> 01:01:03,000\n404520 - Close Fridge\n"
    )


def test_legend_and_column_names_cover_codes_and_columns():
    assert "406516   -   ML_Both_Arms   -   Open Door 1\n" in legend_text()
    assert "2   -   Locomotion   -   Walk\n" in legend_text()
    lines = columns_text().splitlines()[2:]
    assert len(lines) == 250
    for name, column in KNOWN_COLUMNS.items():
        assert lines[column - 1].startswith(f"Column: {column} {name};")


def test_layouts_name_their_files(tmp_path):
    sensor, video, folder = recording_paths(tmp_path, "S1-Drill", layout="opportunity_plus_plus")
    assert sensor == tmp_path / "data" / "S1-Drill" / "S1-Drill_sensors_data.txt"
    assert video == folder / "S1-Drill.mp4"
    assert recording_paths(tmp_path, "S1-Drill", layout="uci")[0] == tmp_path / "S1-Drill.dat"
    written = write_tracks(tmp_path, "S1-Drill", {name: [] for name in LABEL_TRACKS})
    assert tmp_path / "S1-Drill_ml_both_arms.srt" in written
    assert all(path.is_file() for path in written)
