from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts.recording import read_recordings, write_truth
from detach_core.stages.ingest import ingest


@pytest.fixture
def run(opportunity_folder, tmp_path):
    def run(recordings=("S1-Drill",), **changes):
        ingest(
            dataset="opportunity",
            settings=opportunity_folder.settings("ingest", **changes),
            recordings=list(recordings),
            root_path=opportunity_folder.root,
            sensor_path=tmp_path / "out" / "sensor.h5",
            log_path=tmp_path / "ingest.log",
        )
        return read_recordings(tmp_path / "out" / "sensor.h5")

    return run


def refusal(run, tmp_path, capsys, **changes):
    """The single line that the user sees; nothing else may be left behind."""
    with pytest.raises(SystemExit) as stop:
        run(**changes)
    assert stop.value.code == 1
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
    log = (tmp_path / "ingest.log").read_text()
    errors = [line for line in log.splitlines() if " ERROR " in line]
    assert len(errors) == 1
    assert "Traceback" not in log
    assert errors[0].split(" ERROR ")[1] in capsys.readouterr().err
    return errors[0]


def test_a_shard_is_written(opportunity_folder, run):
    opportunity_folder.add("S1-Drill")
    opportunity_folder.add("S2-ADL4", seconds=6, gestures=[])
    found = run(["S2-ADL4", "S1-Drill"])
    assert [(item.recording_id, item.subject, len(item.sensor)) for item in found.recordings] == [
        ("S2-ADL4", "S2", 180),
        ("S1-Drill", "S1", 360),
    ]
    assert found.class_names == ("Open Fridge", "Close Fridge", "Open Drawer 1")
    assert found.provenance.source == "simulated"
    assert found.recordings[1].location is None


def test_remarks_reach_the_log(opportunity_folder, run, tmp_path):
    opportunity_folder.add("S1-Drill", gestures=[])
    run()
    assert "S1-Drill: no gesture is annotated" in (tmp_path / "ingest.log").read_text()


def test_the_truth_is_matched_by_time(opportunity_folder, run):
    opportunity_folder.add("S1-Drill")
    location = np.repeat(np.arange(10), 30) % 2
    write_truth(
        opportunity_folder.root / "truth" / "S1-Drill.h5",
        sensor_hz=30,
        location=location,
        location_names=["a", "b"],
        extra={},
    )
    found = run().recordings[0]
    assert found.location_names == ("a", "b")
    np.testing.assert_array_equal(found.location[:300], location)
    assert (found.location[300:] == -1).all()


def test_another_source_changes_the_artifact_and_equal_runs_do_not(opportunity_folder, run):
    opportunity_folder.add("S1-Drill")
    first, second, local = run().provenance, run().provenance, run(source="local").provenance
    assert first.artifact_id == second.artifact_id != local.artifact_id


def test_a_channel_of_nan_alone_is_refused_or_taken_as_silent(opportunity_folder, run, tmp_path, capsys):
    opportunity_folder.add("S1-Drill")
    opportunity_folder.edit(None, 210, "NaN")
    message = refusal(run, tmp_path, capsys)
    assert "S1-Drill_sensors_data.txt: channel Accelerometer DOOR1 accZ: found only NaN" in message
    assert "all_nan_channel: zero" in message
    found = run(all_nan_channel="zero")
    assert np.isnan(found.recordings[0].sensor).all(axis=0).sum() == 1
    warnings = [line for line in (tmp_path / "ingest.log").read_text().splitlines() if " WARNING " in line]
    (warning,) = [line for line in warnings if "NaN" in line]
    assert warning.endswith("S1-Drill: only NaN in Accelerometer DOOR1 accZ; they are 0 throughout")


@pytest.mark.parametrize(
    ("line", "column", "value", "expected"),
    [
        (50, 9, None, "line 50: found 249 values, expected 250"),
        (50, 9, "o", "line 50, column 9: found 'o', expected a number or NaN"),
        (50, 1, "3", "line 50, column 1 (MILLISEC): found 0.003 s after 1.600 s, expected increasing time"),
        (50, 250, "406500", "line 50, column 250: found label code 406500"),
    ],
)
def test_a_bad_line_ends_in_one_message(opportunity_folder, run, tmp_path, capsys, line, column, value, expected):
    opportunity_folder.add("S1-Drill")
    opportunity_folder.edit(line, column, value)
    assert expected in refusal(run, tmp_path, capsys)


def test_a_missing_file_ends_in_one_message(opportunity_folder, run, tmp_path, capsys):
    opportunity_folder.add("S1-Drill")
    opportunity_folder.sensor_path().unlink()
    message = refusal(run, tmp_path, capsys)
    assert "recording S1-Drill" in message
    assert "S1-Drill.mp4" in message


def test_a_missing_folder_ends_in_one_message(run, tmp_path, capsys):
    assert "dataset folder: found nothing" in refusal(run, tmp_path, capsys)


def test_the_users_folder_is_not_written_to(opportunity_folder, run):
    opportunity_folder.add("S1-Drill")
    before = {path: path.stat().st_mtime_ns for path in opportunity_folder.root.rglob("*")}
    run()
    assert {path: path.stat().st_mtime_ns for path in opportunity_folder.root.rglob("*")} == before
