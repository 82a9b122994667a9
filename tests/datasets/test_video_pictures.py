from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from detach_core.datasets.video_files import inspect_video
from detach_core.datasets.video_pictures import PictureCount, read_pictures, with_held
from detach_core.foundation.errors import BadInputError
from detach_core.signals.frames import nearest_pictures, num_ticks
from tests.datasets.test_video_files import cut_by_edit_list
from tests.fixtures import videos
from tests.fixtures.videos import noise_in, number_of, remux, write_stamped

EVEN = [k / 10 for k in range(60)]
TENTH, TWENTY_FIFTH = {"tick": Fraction(1, 10)}, {"rate": 25, "tick": Fraction(1, 25)}
ANY_RATE = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.3, 60)).round(3) - 0.02


def read(path, **options):
    """(seconds, number on the picture) of each, and what was counted."""
    count = PictureCount()
    pictures = read_pictures(inspect_video(path), count, **{"back_s": 1.0, **options})
    return [(round(float(item.time_s), 3), number_of(item.frame.to_ndarray(format="gray"))) for item in pictures], count


def times(found):
    return [time_s for time_s, _ in found]


def numbers(found):
    return [number for _, number in found]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"options": {"bf": "0"}}),
        ("a.mp4", {"options": {"bf": "3"}}),
        ("a.mov", {"codec": "mpeg4", "tick": Fraction(1, 1000)}),
        ("a.mkv", {}),
        ("a.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("a.webm", {"codec": "libvpx"}),
        ("a.flv", {}),
        ("a.ts", {}),
        ("a.wmv", {"codec": "msmpeg4", "tick": Fraction(1, 1000)}),
        ("a.avi", {"codec": "mjpeg", "tick": Fraction(1, 1000), "rate": 1000}),
        ("a.3gp", {"codec": "mpeg4", "tick": Fraction(1, 1000)}),
    ],
)
def test_each_picture_has_its_own_stamp_at_whatever_rate(tmp_path, name, options):
    stamps = ANY_RATE - ANY_RATE[0]
    found, count = read(write_stamped(tmp_path / name, stamps, **options))
    assert numbers(found) == list(range(60))
    np.testing.assert_allclose(times(found), stamps, atol=0.0011)
    assert count.rate_hz == pytest.approx(59 / stamps[-1], rel=1e-3)
    assert (count.damaged, count.disordered) == (0, 0)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_an_avi_has_no_stamps_and_is_read_by_its_places(tmp_path, codec, bframes):
    found, _ = read(write_stamped(tmp_path / "a.avi", EVEN, codec=codec, options={"bf": str(bframes)}, **TENTH))
    assert numbers(found) == list(range(60))
    assert times(found) == EVEN


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_pictures_of_an_avi_that_start_late_are_late(tmp_path, codec):
    late = [stamp + 3 for stamp in EVEN]
    found, _ = read(write_stamped(tmp_path / "a.avi", late, codec=codec, options={"bf": "2"}, **TENTH))
    assert times(found) == late


@pytest.mark.parametrize(
    ("codec", "bframes"), [("libx264", 0), ("libx264", 2), ("mpeg4", 0), ("mpeg4", 2), ("mjpeg", 0)]
)
def test_over_empty_places_of_an_avi_the_last_picture_stays(tmp_path, codec, bframes):
    stamps = EVEN[:30] + [stamp + 1 for stamp in EVEN[30:]]
    path = write_stamped(tmp_path / "a.avi", stamps, codec=codec, options={"bf": str(bframes)}, **TENTH)
    video = inspect_video(path)
    end_s = video.end_s - video.zero_s
    held = with_held(
        read_pictures(video, PictureCount(), back_s=1.0), interval_s=video.interval_s, end_s=end_s + Fraction(1, 2)
    )
    ticks = num_ticks(end_s + Fraction(1, 2), interval_s=video.interval_s, working_hz=10)
    shown = [
        number_of(item.frame.to_ndarray(format="gray"))
        for item, times in nearest_pictures(held, working_hz=10, ticks=ticks)
        for _ in range(times)
    ]
    assert shown == [*range(30), *[29] * 10, *range(30, 60), *[59] * 5]


def test_a_gap_moves_nothing_and_is_counted(tmp_path):
    stamps = EVEN[:30] + [stamp + 1.7 for stamp in EVEN[30:]]
    found, count = read(write_stamped(tmp_path / "a.mp4", stamps))
    assert times(found) == [round(stamp, 3) for stamp in stamps]
    assert (count.gaps, float(count.longest_gap_s), float(count.gap_at_s)) == (1, 1.8, 2.9)


def test_an_offset_moves_every_picture(tmp_path):
    path = write_stamped(tmp_path / "a.mp4", EVEN)
    found, count = read(path, offset_s=Fraction(-3, 2))
    assert times(found)[0] == -1.5
    assert float(count.first_s) == -1.5


def test_pictures_that_an_edit_list_hides_are_none(tmp_path):
    source = write_stamped(tmp_path / "whole.mp4", EVEN, gop=60, options={"bf": "0", "sc_threshold": "0"})
    cut = cut_by_edit_list
    found, _ = read(cut(source, tmp_path / "cut.mp4", begin_s=2.3, length_s=1.5))
    assert found == [(round(k / 10, 3), 23 + k) for k in range(15)]


def test_two_fields_are_one_picture(tmp_path):
    options = {"x264-params": "interlaced=1:bframes=0"}
    found, _ = read(write_stamped(tmp_path / "a.ts", EVEN, size=(96, 96), options=options))
    assert numbers(found) == list(range(60))
    assert times(found) == EVEN


@pytest.mark.parametrize(
    ("codec", "options", "first"),
    [
        ("libx264", {"x264-params": "scenecut=0:bframes=0"}, 12),
        ("libx264", {"x264-params": "scenecut=0:bframes=2:open-gop=1"}, 12),
        ("mpeg4", {"sc_threshold": "1000000000"}, 12),
        ("mpeg2video", {"sc_threshold": "1000000000"}, 12),
        ("libvpx", {}, 12),
        ("mjpeg", {}, 5),
    ],
)
def test_what_comes_before_the_first_key_picture_is_no_damage(tmp_path, codec, options, first):
    tick = TWENTY_FIFTH if codec == "mpeg2video" else {"tick": Fraction(1, 1000)}
    hz = 25 if codec == "mpeg2video" else 10
    source = write_stamped(tmp_path / "a.mkv", [k / hz for k in range(60)], codec=codec, options=options, **tick)
    found, count = read(remux(source, tmp_path / "cut.mkv", keep=lambda number: number >= 5))
    assert numbers(found) == list(range(first, 60))
    assert times(found)[0] == first / hz
    assert count.damaged == 0


def test_a_stream_that_refreshes_bit_by_bit_needs_no_key_picture(tmp_path):
    source = write_stamped(tmp_path / "a.mkv", EVEN, options={"x264-params": "keyint=15:intra-refresh=1"})
    found, count = read(remux(source, tmp_path / "cut.mkv", keep=lambda number: number >= 5))
    assert numbers(found) == list(range(numbers(found)[0], 60))
    assert len(found) > 15
    assert count.damaged == 0


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mpeg2video", "mjpeg"])
def test_damaged_pictures_and_their_followers_are_left_out_and_counted(tmp_path, codec):
    options = {"mpeg4": {"sc_threshold": "1000000000"}, "mpeg2video": {"sc_threshold": "1000000000"}}
    options |= {"libx264": {"x264-params": "scenecut=0"}}
    tick = TWENTY_FIFTH if codec == "mpeg2video" else {"tick": Fraction(1, 1000)}
    hz = 25 if codec == "mpeg2video" else 10
    source = write_stamped(
        tmp_path / "a.mkv", [k / hz for k in range(60)], codec=codec, options=options.get(codec), **tick
    )
    found, count = read(remux(source, tmp_path / "noise.mkv", change=noise_in(26, 29)))
    assert [round(time_s * hz) for time_s in times(found)] == numbers(found)
    lost = set(range(60)) - set(numbers(found))
    assert {26, 27, 28} & lost
    assert lost <= set(range(24, 36))
    assert count.damaged == len(lost)


def test_lost_parts_of_a_transport_stream_are_damage(tmp_path):
    path = write_stamped(tmp_path / "a.ts", EVEN, options={"x264-params": "scenecut=0:bframes=0"})
    data = path.read_bytes()
    packets = [data[place : place + 188] for place in range(0, len(data), 188)]
    del packets[len(packets) // 2 : len(packets) // 2 + 2]
    path.write_bytes(b"".join(packets))
    found, count = read(path)
    assert [round(10 * time_s) for time_s in times(found)] == numbers(found)
    assert count.damaged > 0
    assert len(found) > 45


def test_stamps_that_go_back_a_little_are_left_out_and_counted(tmp_path):
    found, count = read(joined(tmp_path, second_s=1.55))
    assert times(found) == sorted(set(times(found)))
    assert times(found)[-1] == pytest.approx(2.45)
    # The joint costs the last two of the first part, which its container calls damaged.
    assert numbers(found) == [*range(18), *range(2, 10)]
    assert (count.disordered, count.damaged) == (2, 2)


def test_stamps_that_begin_anew_are_refused(tmp_path):
    path = joined(tmp_path, second_s=0)
    with pytest.raises(BadInputError, match=r"joined.ts: frame 18: found a time stamp 1.7 s before the last, expected"):
        read(path)
    found, count = read(path, back_s=2.0)
    assert (len(found), count.disordered) == (18, 10)


def joined(folder, *, second_s):
    """Two transport streams in one file: 20 pictures from 0 s, and 10 from `second_s`."""
    parts = []
    for length, start_s in ((20, 0), (10, second_s)):
        options = {"file_options": {"output_ts_offset": str(10 + start_s)}, "options": {"bf": "0"}}
        parts.append(write_stamped(folder / "part.ts", EVEN[:length], **options).read_bytes())
    (folder / "joined.ts").write_bytes(b"".join(parts))
    return folder / "joined.ts"


def test_a_file_without_a_picture_that_decodes_is_refused(tmp_path):
    source = write_stamped(tmp_path / "a.mkv", EVEN, codec="mjpeg", tick=Fraction(1, 1000))
    path = remux(source, tmp_path / "noise.mkv", change=lambda number, data: bytes(len(data)))
    with pytest.raises(BadInputError, match=r"noise.mkv: video stream: found no picture that can be decoded"):
        read(path)


def test_pictures_are_held_one_by_one(tmp_path):
    peaks = []
    for length in (60, 600):
        path = write_stamped(
            tmp_path / f"{length}.mp4", [k / 10 for k in range(length)], pictures=[numbered()] * length
        )
        tracemalloc.start()
        for _ in read_pictures(inspect_video(path), PictureCount(), back_s=1.0):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 50_000


def numbered():
    return videos.numbered(5)
