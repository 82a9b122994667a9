from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from detach_core.contracts.recording import write_truth
from detach_core.contracts.windows import read_windows
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow
from detach_core.stages.ingest import ingest
from detach_core.stages.pack import pack


@pytest.fixture
def prepare(opportunity_folder, tmp_path):
    """Runs the four stages on one shard per given list of recordings and returns the path of windows.h5."""

    def run(shards, *, truth=False, **changes):
        results, log_path = tmp_path / "results", tmp_path / "stage.log"
        paths: dict[str, list[Any]] = {"sensor": [], "frames": [], "flow": []}
        for index, recordings in enumerate(shards):
            shard = results / "shards" / f"shard{index}"
            for name in recordings:
                if truth:
                    location = np.zeros(360, np.int16)
                    location[:90] = -1
                    write_truth(
                        opportunity_folder.root / "truth" / f"{name}.h5",
                        sensor_hz=30,
                        location=location,
                        location_names=["Fridge"],
                        extra={},
                    )
            common = {"dataset": "opportunity", "recordings": recordings, "root_path": opportunity_folder.root}
            ingest(
                settings=opportunity_folder.settings("ingest", **changes),
                sensor_path=shard / "sensor.h5",
                log_path=log_path,
                **common,
            )
            extract_frames(
                settings=opportunity_folder.settings("extract_frames", **changes),
                frames_path=shard / "frames.h5",
                log_path=log_path,
                **common,
            )
            flow(
                settings=opportunity_folder.settings("flow", **changes),
                frames_path=shard / "frames.h5",
                flow_path=shard / "flow.h5",
                log_path=log_path,
            )
            for role, found in paths.items():
                found.append(shard / f"{role}.h5")
        pack(
            dataset="opportunity",
            settings=opportunity_folder.settings("pack", **changes),
            sensor_paths=paths["sensor"],
            frames_paths=paths["frames"],
            flow_paths=paths["flow"],
            windows_path=results / "windows.h5",
            log_path=log_path,
        )
        return results / "windows.h5"

    return run


def test_labelled_windows_are_those_whose_centre_lies_in_a_gesture(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    windows = read_windows(prepare([["S1-Drill"]]))
    # Gestures [2, 5) and [6, 8); the third is no class. Centres are at start + 1 s.
    assert windows.start_s.tolist() == [1.0, 2.0, 3.0, 5.0, 6.0]
    assert windows.label.tolist() == [0, 0, 0, 1, 1]
    assert windows.instance.tolist() == [0, 0, 0, 1, 1]
    assert windows.first_frame.tolist() == [5, 10, 15, 25, 30]
    assert windows.sensor.shape == (5, 34, 60)
    assert windows.frames_per_window == 10
    assert windows.location_source == "label"
    assert windows.class_places == ("Fridge", "Fridge", "Drawer 1")
    assert windows.class_actions == ("Open", "Close", "Open")
    assert [windows.location_names[index] for index in windows.location] == ["Fridge"] * 5


def test_the_switch_is_on_in_exactly_the_samples_of_the_gesture(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    windows = read_windows(prepare([["S1-Drill"]]))
    switch = windows.channel_names.index("REED SWITCH FRIDGE S3")
    expected = [
        [2.0 <= start + k / 30 + 1e-4 < 5.0 or 6.0 <= start + k / 30 + 1e-4 < 8.0 for k in range(60)]
        for start in windows.start_s
    ]
    np.testing.assert_array_equal(windows.sensor[:, switch], np.array(expected, np.float32))


def test_keeping_null_windows_keeps_every_whole_stride(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    windows = read_windows(prepare([["S1-Drill"]], null_windows="keep"))
    assert windows.start_s.tolist() == [float(k) for k in range(11)]
    assert windows.label.tolist() == [-1, 0, 0, 0, -1, 1, 1, -1, -1, -1, -1]
    assert windows.instance.tolist() == [-1, 0, 0, 0, -1, 1, 1, -1, -1, -1, -1]


def test_truth_wins_over_the_label_as_location(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    windows = read_windows(prepare([["S1-Drill"]], truth=True, null_windows="keep"))
    assert windows.location_source == "simulation truth"
    assert windows.location_names == ("Fridge", "none")
    assert windows.location.tolist() == [1, 1] + [0] * 9


def test_local_recordings_never_read_a_truth(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    assert read_windows(prepare([["S1-Drill"]], truth=True, source="local")).location_source == "label"


def test_instances_and_streams_are_unique_over_shards(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    opportunity_folder.add("S2-ADL4", seconds=10, gestures=[(3.0, 6.0, 406519)], step_px=2.0)
    windows = read_windows(prepare([["S1-Drill"], ["S2-ADL4"]]))
    assert windows.recording_names == ("S1-Drill", "S2-ADL4")
    assert windows.subject_names == ("S1", "S2")
    assert windows.subject.tolist() == [0] * 5 + [1] * 3
    assert windows.instance.tolist() == [0, 0, 0, 1, 1, 3, 3, 3]
    assert [item.rows for item in windows.streams] == [60, 50]
    streams = windows.load_streams()
    assert streams.rgb.shape == (110, 36, 48, 3)
    assert streams.flow.shape == (110, 36, 48, 2)
    assert streams.first.tolist() == [*windows.first_frame[:5], *(windows.first_frame[5:] + 60)]


def test_virtual_windows_show_the_streams_from_any_folder(opportunity_folder, prepare, tmp_path, monkeypatch):
    opportunity_folder.add("S1-Drill")
    path = prepare([["S1-Drill"]])
    windows = read_windows(path)
    streams = windows.load_streams()
    moved = tmp_path / "moved"
    path.parent.rename(moved)
    monkeypatch.chdir(tmp_path)
    with h5py.File(moved / "windows.h5") as file:
        for window, first in enumerate(streams.first):
            np.testing.assert_array_equal(file["rgb"][window], streams.rgb[first : first + 10])
            np.testing.assert_array_equal(file["flow"][window], streams.flow[first : first + 10])
    assert streams.rgb.std() > 10
    assert np.abs(streams.flow).max() > 0


def test_the_mean_frame_is_the_rounded_time_average(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    windows = read_windows(prepare([["S1-Drill"]]))
    streams = windows.load_streams()
    for window, first in enumerate(streams.first):
        exact = streams.rgb[first : first + 10].astype(np.float64).mean(axis=0)
        assert np.abs(windows.mean_frame[window] - exact).max() <= 0.5


def test_packing_twice_gives_the_same_bytes(opportunity_folder, prepare):
    opportunity_folder.add("S1-Drill")
    first = prepare([["S1-Drill"]]).read_bytes()
    assert prepare([["S1-Drill"]]).read_bytes() == first


def test_windows_past_the_end_of_a_video_are_left_out_and_told(opportunity_folder, prepare, tmp_path):
    opportunity_folder.add("S1-Drill", video_s=8)
    windows = read_windows(prepare([["S1-Drill"]], null_windows="keep"))
    assert windows.start_s.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    message = "WARNING S1-Drill: 4 windows of the sensors are left out, as the video has no picture there"
    assert message in (tmp_path / "stage.log").read_text()


def test_a_video_that_shows_all_windows_of_its_sensors_is_not_spoken_of(opportunity_folder, prepare, tmp_path):
    opportunity_folder.add("S1-Drill")
    prepare([["S1-Drill"]])
    assert "WARNING" not in (tmp_path / "stage.log").read_text()


def test_a_dataset_without_labelled_windows_is_refused(opportunity_folder, prepare, tmp_path):
    opportunity_folder.add("S1-Drill", gestures=[])
    with pytest.raises(SystemExit):
        prepare([["S1-Drill"]])
    assert "no window is left" in (tmp_path / "stage.log").read_text()


def test_a_sequence_dataset_labels_every_window_by_its_recording(hwu_folder, tmp_path):
    names = [hwu_folder.add("tea_s01"), hwu_folder.add("cereals_s02")]
    changes = {
        "source": "local",
        "label_unit": "recording",
        "null_windows": "keep",
        "flow": {"method": "farneback"},
    }
    settings = {
        stage: hwu_folder.settings(stage, ["cereals", "tea"], **changes)
        for stage in ("ingest", "extract_frames", "flow", "pack")
    }
    log_path = tmp_path / "stage.log"
    common = {"dataset": "hwu_usp", "recordings": names, "root_path": hwu_folder.root}
    ingest(settings=settings["ingest"], sensor_path=tmp_path / "sensor.h5", log_path=log_path, **common)
    extract_frames(settings=settings["extract_frames"], frames_path=tmp_path / "frames.h5", log_path=log_path, **common)
    flow(
        settings=settings["flow"], frames_path=tmp_path / "frames.h5", flow_path=tmp_path / "flow.h5", log_path=log_path
    )
    pack(
        dataset="hwu_usp",
        settings=settings["pack"],
        sensor_paths=[tmp_path / "sensor.h5"],
        frames_paths=[tmp_path / "frames.h5"],
        flow_paths=[tmp_path / "flow.h5"],
        windows_path=tmp_path / "windows.h5",
        log_path=log_path,
    )
    windows = read_windows(tmp_path / "windows.h5")
    assert windows.label.tolist() == [1] * 5 + [0] * 5
    assert windows.instance.tolist() == [0] * 5 + [1] * 5
    assert windows.sensor.shape == (10, 6, 100)
    assert windows.location_source == "active switch"
    assert windows.class_places == windows.class_actions == ("", "")
    places = [windows.location_names[index] for index in windows.location[:5]]
    # The cupboard is open in [2, 4): windows that start at 1, 2 and 3 see it. Motion sensor 1 never changes.
    assert places == ["none", "Ktch_B4_Cupboard", "Ktch_B4_Cupboard", "Ktch_B4_Cupboard", "none"]
