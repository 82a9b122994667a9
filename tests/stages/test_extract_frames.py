from __future__ import annotations

import shutil
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from detach_core.contracts.frames import VideoTiming, read_frames
from detach_core.stages.extract_frames import extract_frames
from tests.fixtures.videos import noise_in, number_of, remux, write_stamped


@pytest.fixture
def run(opportunity_folder, tmp_path):
    def run(recordings=("S1-Drill",), **video):
        extract_frames(
            dataset="opportunity",
            settings=opportunity_folder.settings("extract_frames", video=video),
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


def warnings(tmp_path):
    lines = (tmp_path / "frames.log").read_text().splitlines()
    return [line.partition(" WARNING ")[2] for line in lines if " WARNING " in line]


def stamped(opportunity_folder, stamps, **options):
    """A recording whose picture n carries its number and is shown at `stamps[n]`."""
    opportunity_folder.sensor_path().parent.mkdir(parents=True, exist_ok=True)
    opportunity_folder.sensor_path().touch()
    return write_stamped(opportunity_folder.video_path(), stamps, **options)


def numbers(stream):
    return [number_of(picture) for picture in stream.rgb]


def test_another_frame_rate_is_read_and_told(opportunity_folder, run, tmp_path):
    stamped(opportunity_folder, [k / 12.5 for k in range(50)])
    stream = run(working_hz=5).streams["S1-Drill"]
    assert numbers(stream) == [int(2.5 * k + 0.5) for k in range(20)]
    np.testing.assert_allclose(stream.picture_s, [int(2.5 * k + 0.5) / 12.5 for k in range(20)])
    assert stream.timing.rate_hz == pytest.approx(12.5)
    assert stream.timing.farthest_s == pytest.approx(0.04)
    (line,) = warnings(tmp_path)
    assert line.startswith("S1-Drill: 12.5000 pictures a second, expected 10 by `native.video_hz`")


def test_nothing_is_told_of_an_even_video(opportunity_folder, run, tmp_path):
    opportunity_folder.add("S1-Drill", seconds=2, gestures=[])
    stream = run().streams["S1-Drill"]
    assert warnings(tmp_path) == []
    assert stream.timing == VideoTiming(0.0, 0.0, 10.0, 20, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 1.0, 0)


def test_a_late_start_and_a_gap_are_told_and_kept(opportunity_folder, run, tmp_path):
    stamped(opportunity_folder, [3 + k / 10 for k in range(20)] + [8.5 + k / 10 for k in range(20)])
    stream = run(working_hz=10).streams["S1-Drill"]
    expected = [0] * 30 + list(range(20)) + [19] * 17 + [20] * 18 + list(range(20, 40))
    assert numbers(stream) == expected
    seen = stream.seen(1.0)
    # From a second before the first picture; between, a second behind the last of the first part and before the second.
    assert np.flatnonzero(~seen).tolist() == [*range(20), *range(60, 75)]
    timing = stream.timing
    assert (timing.start_s, timing.gaps, timing.unseen) == (3.0, 1, 35)
    assert (timing.longest_gap_s, timing.gap_at_s, timing.farthest_s) == pytest.approx((3.6, 4.9, 3.0))
    text = "\n".join(warnings(tmp_path))
    assert "S1-Drill: the first picture is shown at 3.000 s, not 0" in text
    assert "S1-Drill: 1 gaps between pictures, 3.6 s together; the longest is 3.60 s, from 4.90 s on" in text
    assert "S1-Drill: 35 of the ticks have no picture within 1 s (`video.length_tolerance_s`)" in text


def test_a_tolerance_is_counted_to_the_tick(opportunity_folder, run):
    stamped(opportunity_folder, [1 + k / 10 for k in range(20)])
    assert run(working_hz=10, length_tolerance_s=1.0).streams["S1-Drill"].timing.unseen == 0
    assert run(working_hz=10, length_tolerance_s=0.9).streams["S1-Drill"].timing.unseen == 1
    assert run(working_hz=10, length_tolerance_s=0.0).streams["S1-Drill"].timing.unseen == 10


@pytest.mark.parametrize("offset", [1.5, {"S1-Drill": 1.5, "S1-ADL1": 20}, {"S1-ADL1": 20}, -1.5, 0])
def test_an_offset_moves_the_pictures(opportunity_folder, run, tmp_path, offset):
    stamped(opportunity_folder, [k / 10 for k in range(40)])
    opportunity_folder.native["video_offset_s"] = offset
    stream = run(working_hz=10).streams["S1-Drill"]
    moved = (offset.get("S1-Drill", 0) if isinstance(offset, dict) else offset) * 10
    assert numbers(stream) == [max(int(row - moved), 0) for row in range(int(40 + moved))]
    assert (stream.timing.offset_s, stream.timing.start_s) == (moved / 10, moved / 10)
    assert bool(warnings(tmp_path)) == (moved != 0)


def test_an_offset_that_leaves_nothing_is_refused(opportunity_folder, run, tmp_path):
    stamped(opportunity_folder, [k / 10 for k in range(40)])
    opportunity_folder.native["video_offset_s"] = -5
    message = refusal(run, tmp_path)
    assert "time stamps: found a last picture at -1.1 s, expected pictures after the recording's start" in message
    assert "native.video_offset_s" in message


def test_damage_is_left_out_told_and_kept(opportunity_folder, run, tmp_path):
    source = stamped(opportunity_folder, [k / 10 for k in range(60)], codec="mjpeg", tick=Fraction(1, 1000))
    source = source.rename(tmp_path / "sound.mp4")
    remux(source, opportunity_folder.video_path(), change=noise_in(20, 24))
    stream = run(working_hz=10).streams["S1-Drill"]
    assert numbers(stream) == [*range(20), 19, 19, 24, 24, *range(24, 60)]
    assert stream.timing.damaged == 4
    assert "S1-Drill: 4 damaged pictures, or predicted from damaged ones, are left out" in "\n".join(warnings(tmp_path))


def test_empty_places_of_an_avi_show_the_last_picture(opportunity_folder, run):
    stamps = [k / 10 for k in range(30)] + [4 + k / 10 for k in range(20)]
    path = stamped(opportunity_folder, [0])
    path.unlink()
    write_stamped(path.with_suffix(".avi"), stamps, codec="mjpeg", tick=Fraction(1, 10))
    stream = run(working_hz=10).streams["S1-Drill"]
    assert numbers(stream) == [*range(30), *[29] * 10, *range(30, 50)]
    np.testing.assert_allclose(stream.picture_s[30:40], 2.9)
    assert stream.seen(1.0).all()
    assert not stream.seen(0.5)[35:40].any()


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
