from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detach_core.contracts.recording import Annotation, Recording
from detach_core.contracts.rows import Spool
from detach_core.windows.packing import cut_windows


def make_recording(*, origin_s=0.0, samples=100, rate_hz=10.0, annotations=(), location=None):
    time_s = origin_s + np.arange(samples) / rate_hz
    sensor = np.stack([time_s, -time_s], axis=1).astype(np.float32)
    return Recording(
        recording_id="S1-Drill",
        subject="S1",
        sensor=sensor,
        time_s=time_s,
        sensor_hz=rate_hz,
        channel_names=("a", "b"),
        channel_units=("s", "s"),
        annotations=tuple(annotations),
        video_path=None,
        video_hz=10.0,
        location=location,
    )


def cut(recording, num_frames=50, unseen=()):
    seen = np.ones(num_frames, bool)
    seen[list(unseen)] = False
    return cut_windows(recording, seen=seen, working_hz=5, length_s=2.0, stride_s=1.0, max_nan_share=0.5)


def test_a_window_holds_the_samples_of_its_two_seconds():
    windows = cut(make_recording())
    assert windows.sensor.shape == (9, 2, 20)
    for start_s, sensor in zip(windows.start_s, windows.sensor[:], strict=True):
        np.testing.assert_allclose(sensor[0], start_s + np.arange(20) / 10, atol=1e-6)
        np.testing.assert_allclose(sensor[1], -sensor[0])
    assert windows.first_frame.tolist() == [5 * k for k in range(9)]


def test_windows_lie_where_sensors_and_video_both_exist():
    assert cut(make_recording(), num_frames=25).start_s.tolist() == [0, 1, 2, 3]
    assert cut(make_recording(samples=50)).start_s.tolist() == [0, 1, 2, 3]
    late = cut(make_recording(origin_s=2.3))
    assert late.start_s.tolist() == [3, 4, 5, 6, 7, 8]
    np.testing.assert_allclose(late.sensor[0, 0, 0], 3.0, atol=1e-6)


def test_windows_that_the_video_does_not_show_are_counted():
    assert (cut(make_recording()).unseen, cut(make_recording(), num_frames=60).unseen) == (0, 0)
    assert cut(make_recording(), num_frames=25).unseen == 5
    windows = cut(make_recording(), num_frames=25)
    assert windows.only(windows.start_s > 1).unseen == 5
    # Nothing to be shown where the sensors have no whole window.
    assert cut(make_recording(samples=35), num_frames=14).unseen == 1


@pytest.mark.parametrize(
    ("unseen", "left"),
    [
        ([22], [0, 1, 2, 5, 6, 7, 8]),
        ([25], [0, 1, 2, 3, 6, 7, 8]),
        ([24], [0, 1, 2, 5, 6, 7, 8]),
        (range(7), [2, 3, 4, 5, 6, 7, 8]),
        (range(12, 31), [0, 7, 8]),
        ([49], [0, 1, 2, 3, 4, 5, 6, 7]),
        (range(50), []),
    ],
)
def test_a_window_with_a_row_that_shows_nothing_is_left_out(unseen, left):
    windows = cut(make_recording(), unseen=unseen)
    assert windows.start_s.tolist() == left
    assert windows.first_frame.tolist() == [5 * start for start in left]
    assert windows.unseen == 9 - len(left)


def test_sensors_that_begin_before_the_video_start_with_it():
    windows = cut(make_recording(origin_s=-1.0))
    assert windows.start_s[0] == 0.0
    np.testing.assert_allclose(windows.sensor[0, 0, 0], 0.0, atol=1e-6)


def test_a_recording_shorter_than_a_window_gives_none():
    windows = cut(make_recording(samples=15))
    assert windows.sensor.shape == (0, 2, 20)


def test_the_label_is_that_of_the_centre_and_other_gestures_are_none():
    events = [Annotation(1.5, 2.5, 4), Annotation(3.0, 4.0, -1), Annotation(5.0, 6.01, 2)]
    windows = cut(make_recording(annotations=events))
    assert windows.label.tolist() == [-1, 4, -1, -1, 2, 2, -1, -1, -1]
    assert windows.annotation.tolist() == [-1, 0, -1, -1, 2, 2, -1, -1, -1]


def test_kept_windows_keep_all_their_columns():
    location = np.zeros(100, np.int16)
    windows = cut(make_recording(annotations=[Annotation(1.5, 2.5, 4)], location=location))
    kept = windows.only(windows.label >= 0)
    assert kept.start_s.tolist() == [1.0]
    assert kept.location.tolist() == [0]
    assert kept.sensor.shape == (1, 2, 20)
    assert cut(make_recording()).only(np.zeros(9, bool)).location is None


@pytest.mark.parametrize("lost", [slice(0, 5), slice(10, 15)])
def test_windows_hold_no_nan(lost):
    recording = make_recording()
    recording.sensor[lost] = np.nan
    assert np.isfinite(cut(recording).sensor[:]).all()


def test_windows_are_cut_alike_from_memory_and_from_a_file_and_in_whatever_pieces(tmp_path):
    recording = make_recording()
    recording.sensor[13:15] = np.nan
    spool = Spool(tmp_path, (2,), "float32")
    spool.append(recording.sensor)
    expected, found = cut(recording).sensor[:], cut(replace(recording, sensor=spool.rows())).sensor
    np.testing.assert_array_equal(found[:], expected)
    np.testing.assert_array_equal(np.concatenate([found[:4], found[4:5], found[5:]]), expected)
    assert found[3:3].shape == (0, 2, 20)
