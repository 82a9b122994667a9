from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from detach_core.contracts.errors import BadInputError
from detach_core.datasets.video_files import VideoFile, check_video, inspect_video, planar_frames
from detach_core.signals.frames import fit_picture, native_frames, rgb_of_planar

CHECKS = {"video_hz": 10, "rate_tolerance": 0.05, "length_tolerance_s": 1.0}
EVEN = {"uneven_s": 0.0, "uneven_frame": 0}


def move_index_to_front(path):
    """Rewrite the container with its index first, so that a cut-off copy still opens, as real downloads do."""
    front = path.with_name("front_" + path.name)
    with av.open(str(path)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return front


@pytest.mark.parametrize(("name", "hz"), [("a.mp4", 10), ("a.avi", 25)])
def test_size_rate_and_length_come_from_the_container(make_video, name, hz):
    video = inspect_video(make_video(name, num_frames=40, hz=hz))
    assert (video.width_px, video.height_px, video.num_frames) == (96, 72, 40)
    assert video.rate_hz == pytest.approx(hz)
    assert video.duration_s == pytest.approx(40 / hz)


def test_every_frame_is_the_one_that_another_decoder_sees(make_video):
    path = make_video(num_frames=30, step_px=3)
    wanted = native_frames(30, native_hz=10, working_hz=5)
    fit = fit_picture((96, 72), image_px=(48, 36), crop_px=None)
    capture = cv2.VideoCapture(str(path))
    reference = [capture.read()[1][..., ::-1].astype(float) for _ in range(30)]
    found = [rgb_of_planar(np.ascontiguousarray(planar), (48, 36)) for planar in planar_frames(path, wanted, fit)]
    assert len(found) == 15
    for number, picture in zip(wanted, found, strict=True):
        differences = [np.abs(frame.reshape(36, 2, 48, 2, 3).mean(axis=(1, 3)) - picture).mean() for frame in reference]
        assert int(np.argmin(differences)) == number
        assert min(differences) < 3


def test_a_frame_may_be_asked_for_twice(make_video):
    fit = fit_picture((96, 72), image_px=(48, 36), crop_px=None)
    pictures = list(planar_frames(make_video(num_frames=3), np.array([0, 0, 1, 2, 2]), fit))
    assert len(pictures) == 5
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[1] != pictures[2]).any()


def test_another_frame_rate_is_refused_and_the_key_is_named(make_video):
    video = inspect_video(make_video(hz=12))
    with pytest.raises(BadInputError, match=r"frame rate: found 12.000 frames/s, expected 10 \(`native.video_hz`\)"):
        check_video(video, **CHECKS)
    check_video(video, **CHECKS | {"rate_tolerance": 0.25})


def test_a_missing_an_empty_and_a_broken_file_are_refused(tmp_path):
    with pytest.raises(BadInputError, match="found nothing"):
        inspect_video(tmp_path / "no.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(BadInputError, match="an empty file"):
        inspect_video(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("this is no video" * 100)
    with pytest.raises(BadInputError, match="cannot be opened as a video"):
        inspect_video(tmp_path / "text.mp4")


def test_a_file_with_sound_alone_is_refused(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(BadInputError, match="no video stream"):
        inspect_video(path)


def test_a_video_whose_index_was_cut_off_is_refused(make_video):
    path = make_video()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInputError, match="cannot be opened as a video"):
        inspect_video(path)


@pytest.mark.parametrize("name", ["cut.mp4", "cut.avi"])
def test_a_video_that_ends_before_its_container_says_is_refused(make_video, name):
    path = make_video(name, num_frames=80)
    path = move_index_to_front(path) if name.endswith("mp4") else path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInputError, match=r"cut.*(cut off|broken container)"):
        check_video(inspect_video(path), **CHECKS)


def test_a_few_frames_less_than_promised_are_allowed(tmp_path):
    video = VideoFile(tmp_path / "a.mp4", 96, 72, num_frames=92, promised_frames=100, rate_hz=10.0, **EVEN)
    check_video(video, **CHECKS)
    with pytest.raises(BadInputError, match=r"found 92 frames, expected 100"):
        check_video(video, **CHECKS | {"length_tolerance_s": 0.5})


def test_asking_for_more_frames_than_decode_is_refused(make_video):
    fit = fit_picture((96, 72), image_px=(48, 36), crop_px=None)
    with pytest.raises(BadInputError, match="found 5 frames that decode, expected 7"):
        list(planar_frames(make_video(num_frames=5), np.array([0, 4, 6]), fit))


def test_a_rate_that_varies_is_refused_where_it_is_worst(tmp_path):
    even = {"num_frames": 100, "promised_frames": 100, "rate_hz": 10.0}
    check_video(VideoFile(tmp_path / "a.mp4", 96, 72, **even, uneven_s=0.9, uneven_frame=40), **CHECKS)
    with pytest.raises(BadInputError, match=r"frame 40: found a varying rate: 1.10 s from .*length_tolerance_s"):
        check_video(VideoFile(tmp_path / "a.mp4", 96, 72, **even, uneven_s=1.1, uneven_frame=40), **CHECKS)


def test_how_uneven_a_video_is_comes_from_its_time_stamps(make_video):
    assert inspect_video(make_video(num_frames=40)).uneven_s < 0.001


def test_a_playlist_is_no_video(make_video, tmp_path):
    make_video("other.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(BadInputError, match="cannot be opened as a video"):
        inspect_video(tmp_path / "list.mp4")
