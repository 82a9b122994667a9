from __future__ import annotations

import shutil

import numpy as np
import pytest

from detach_core.contracts.frames import flow_table, read_flow
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow


@pytest.fixture
def run(opportunity_folder, tmp_path):
    def run(*, method="dis", video=None):
        extract_frames(
            dataset="opportunity",
            settings=opportunity_folder.settings("extract_frames", video=video or {}),
            recordings=["S1-Drill"],
            root_path=opportunity_folder.root,
            frames_path=tmp_path / "frames.h5",
            log_path=tmp_path / "frames.log",
        )
        flow(
            settings=opportunity_folder.settings("flow", flow={"method": method}),
            frames_path=tmp_path / "frames.h5",
            flow_path=tmp_path / "out" / "flow.h5",
            log_path=tmp_path / "flow.log",
        )
        return read_flow(tmp_path / "out" / "flow.h5")

    return run


@pytest.mark.parametrize("method", ["dis", "farneback"])
def test_what_moves_has_flow_and_what_stands_still_has_none(opportunity_folder, run, method):
    # The square moves 2 native pixels a frame: 4 a working frame, 2 pixels of the grid of half the size.
    opportunity_folder.add("S1-Drill", seconds=4, gestures=[], step_px=2.0)
    found = run(method=method)
    decoded = flow_table(found.max_px)[found.streams["S1-Drill"].astype(int) + 128]
    assert decoded.shape == (20, 36, 48, 2)
    assert not decoded[0].any()
    for row in range(2, 14):
        left = (10 + 4 * row) // 2
        square, wall = decoded[row, 13:20, left + 3 : left + 9], decoded[row, 28:, :]
        assert np.median(square[..., 0]) == pytest.approx(2.0, abs=0.5)
        assert abs(np.median(square[..., 1])) < 0.4
        assert np.median(np.abs(wall)) < 0.1


def test_the_frames_are_part_of_the_provenance(opportunity_folder, run):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    first = run().provenance
    assert set(first.inputs) == {"frames"}
    assert run(video={"working_hz": 10}).provenance.artifact_id != first.artifact_id


def test_missing_frames_are_refused_and_nothing_is_left(tmp_path, opportunity_folder):
    with pytest.raises(SystemExit):
        flow(
            settings=opportunity_folder.settings("flow"),
            frames_path=tmp_path / "no.h5",
            flow_path=tmp_path / "out" / "flow.h5",
            log_path=tmp_path / "flow.log",
        )
    assert "rerun the rule `extract_frames`" in (tmp_path / "flow.log").read_text()
    assert not (tmp_path / "out" / "flow.h5").exists()


@pytest.mark.slow
def test_walking_people_move_and_the_room_does_not(real_video, opportunity_folder, run):
    folder = opportunity_folder.root / "data"
    folder.mkdir(parents=True)
    shutil.copy(real_video, folder / "S1-Drill.mp4")
    (folder / "S1-Drill.dat").touch()
    found = run(video={"image_px": [64, 48]})
    speed = np.hypot(*np.moveaxis(flow_table(found.max_px)[found.streams["S1-Drill"].astype(int) + 128], -1, 0))
    assert speed.shape == (697, 48, 64)
    # The room is empty most of the time; the first second shows it so.
    assert speed[:5].max() < 0.5
    assert np.median(speed) < 0.1
    assert np.quantile(speed.max(axis=(1, 2)), 0.9) > 1.0
