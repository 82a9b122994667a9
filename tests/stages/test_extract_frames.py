from __future__ import annotations

import json
import shutil
import tracemalloc

import numpy as np
import pytest

from detach_core.contracts.frames import read_frames
from detach_core.stages.extract_frames import extract_frames


@pytest.fixture
def run(opportunity_folder, tmp_path):
    def run(recordings=("S1-Drill",), **video):
        settings = json.loads(opportunity_folder.settings())
        settings["video"] |= video
        extract_frames(
            dataset="opportunity",
            settings=json.dumps(settings),
            recordings=list(recordings),
            root_path=opportunity_folder.root,
            frames_path=tmp_path / "out" / "frames.h5",
            log_path=tmp_path / "frames.log",
        )
        return read_frames(tmp_path / "out" / "frames.h5")

    return run


def refusal(run, tmp_path, **video):
    with pytest.raises(SystemExit):
        run(**video)
    assert list((tmp_path / "out").iterdir()) == []
    (line,) = [text for text in (tmp_path / "frames.log").read_text().splitlines() if " ERROR " in text]
    return line


def test_every_second_frame_of_ten_a_second_is_kept(opportunity_folder, run):
    opportunity_folder.add("S1-Drill", seconds=6, gestures=[])
    found = run()
    stream = found.streams["S1-Drill"]
    assert stream.rgb.shape == (30, 36, 48, 3)
    assert stream.luma.shape == (30, 72, 96)
    np.testing.assert_allclose(stream.time_s, np.arange(30) / 5)
    assert stream.video == str(opportunity_folder.video_path())
    all_frames = run(working_hz=10).streams["S1-Drill"]
    np.testing.assert_array_equal(stream.rgb, all_frames.rgb[::2])
    np.testing.assert_array_equal(stream.luma, all_frames.luma[::2])


def test_the_grey_picture_is_the_colour_picture_at_twice_the_size(opportunity_folder, run):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    stream = run().streams["S1-Drill"]
    grey = stream.rgb.astype(float).mean(axis=3)
    # Limited range: 16 to 235.
    small = (stream.luma.astype(float).reshape(-1, 36, 2, 48, 2).mean(axis=(2, 4)) - 16) * 255 / 219
    assert np.abs(grey - small).mean() < 3


def test_the_grid_may_have_another_aspect_than_the_video(opportunity_folder, run):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    whole = run(image_px=[48, 36]).streams["S1-Drill"].rgb.astype(float)
    square = run(image_px=[36, 36]).streams["S1-Drill"].rgb.astype(float)
    # The middle of the picture, neither squeezed nor padded.
    assert np.abs(square - whole[:, :, 6:42]).mean() < 4


def test_a_crop_shows_that_part(opportunity_folder, run):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    whole = run(image_px=[48, 36]).streams["S1-Drill"].rgb.astype(float)
    part = run(image_px=[24, 18], crop_px=[24, 20, 48, 36]).streams["S1-Drill"].rgb.astype(float)
    assert np.abs(part - whole[:, 10:28, 12:36]).mean() < 6


def test_a_crop_outside_the_picture_is_refused(opportunity_folder, run, tmp_path):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    message = refusal(run, tmp_path, crop_px=[0, 0, 97, 72])
    assert "leaves the picture of 96 x 72 pixels" in message
    assert "video.crop_px" in message


def test_an_empty_video_is_refused(opportunity_folder, run, tmp_path):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    opportunity_folder.video_path().write_bytes(b"")
    assert "S1-Drill.mp4: file: found an empty file, expected a video" in refusal(run, tmp_path)


def test_a_truncated_video_is_refused(opportunity_folder, run, tmp_path):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    path = opportunity_folder.video_path()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "S1-Drill.mp4" in refusal(run, tmp_path)


def test_another_frame_rate_is_refused(opportunity_folder, run, tmp_path):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    opportunity_folder.native["video_hz"] = 25
    assert "frame rate: found 10.000 frames/s, expected 25" in refusal(run, tmp_path)


def test_a_missing_video_is_refused(opportunity_folder, run, tmp_path):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    opportunity_folder.video_path().unlink()
    message = refusal(run, tmp_path)
    assert "native.video_glob" in message


def test_memory_does_not_grow_with_the_length_of_the_video(opportunity_folder, run):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    opportunity_folder.add("S2-Drill", seconds=20, gestures=[])
    run(["S1-Drill"])  # imports and caches
    peaks = []
    for name in ("S1-Drill", "S2-Drill"):
        tracemalloc.start()
        frames = run([name], working_hz=10).streams[name].num_frames
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # All frames together would be 200 x 12 kB = 2.4 MB.
    assert frames == 200
    assert peaks[1] - peaks[0] < 500_000


@pytest.mark.slow
def test_a_real_fixed_camera_recording_goes_through(real_video, opportunity_folder, run):
    folder = opportunity_folder.root / "data"
    folder.mkdir(parents=True)
    shutil.copy(real_video, folder / "S1-Drill.mp4")
    (folder / "S1-Drill.dat").touch()
    stream = run(image_px=[64, 48]).streams["S1-Drill"]
    assert stream.num_frames == 697
    assert 20 < stream.rgb.mean() < 235
    assert stream.rgb.std() > 20
