from __future__ import annotations

from fractions import Fraction

import av
import pytest

from detach_core.datasets.video_files import check_video, inspect_video
from detach_core.foundation.errors import BadInputError
from tests.fixtures.videos import remux, silence, write_stamped

EVEN = [k / 10 for k in range(40)]
LATE = [3 + stamp for stamp in EVEN]
PLACES = {"tick": Fraction(1, 10)}


def check(path, tolerance_s=1.0):
    check_video(inspect_video(path), length_tolerance_s=tolerance_s)


def seconds(path):
    """When the first and the last picture are shown on the recording's clock, by the packets alone."""
    video = inspect_video(path)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        first = min(packet.pts for packet in file.demux(stream) if packet.size and not packet.is_discard)
        return round(float(first * stream.time_base - video.zero_s), 3), round(float(video.end_s - video.zero_s), 3)


@pytest.mark.parametrize(("name", "hz"), [("a.mp4", 10), ("a.avi", 25)])
def test_length_and_interval_come_from_the_packets(make_video, name, hz):
    video = inspect_video(make_video(name, num_frames=40, hz=hz))
    assert (video.num_packets, video.interval_s, video.zero_s) == (40, Fraction(1, hz), Fraction(0))
    assert video.end_s == Fraction(39, hz)
    assert video.lacking_s == 0


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.flv"])
def test_a_start_that_the_container_states_counts(tmp_path, name, bframes):
    options = {"bf": str(bframes)}
    assert seconds(write_stamped(tmp_path / f"late_{name}", LATE, options=options)) == (3.0, 6.9)
    assert seconds(write_stamped(tmp_path / name, EVEN, options=options)) == (0.0, 3.9)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv", "a.ts"])
def test_a_start_behind_the_sound_counts_in_every_container(tmp_path, name):
    first, last = seconds(write_stamped(tmp_path / name, LATE, audio_s=7))
    # Some writers move all by the 64 ms that the sound's coder begins early.
    assert first == pytest.approx(3.0, abs=0.07)
    assert last == pytest.approx(6.9, abs=0.07)


@pytest.mark.parametrize("start_s", [0, 1.4, 7200, 95_441.7])
@pytest.mark.parametrize("bframes", [0, 2])
def test_the_arbitrary_zero_of_a_transport_stream_does_not_count(tmp_path, start_s, bframes):
    """Nor does it when the stamps of 33 bits begin anew, after 95443.7 s, in the middle of the file."""
    path = tmp_path / "a.ts"
    write_stamped(path, EVEN, options={"bf": str(bframes)}, file_options={"output_ts_offset": str(start_s)})
    assert seconds(path) == (0.0, 3.9)


def test_the_arbitrary_zero_of_a_program_stream_does_not_count(tmp_path):
    stamps = [3 + k / 25 for k in range(50)]
    tick = Fraction(1, 25)
    path = write_stamped(tmp_path / "a.mpg", stamps, codec="mpeg2video", container="mpeg", rate=25, tick=tick)
    assert seconds(path) == (0.0, 1.96)


@pytest.mark.parametrize("file_options", [{"movflags": "frag_keyframe+empty_moov"}, {"use_editlist": "0"}])
def test_what_a_writer_moved_by_the_decoders_delay_is_no_late_start(tmp_path, file_options):
    path = write_stamped(tmp_path / "a.mp4", EVEN, options={"bf": "2"}, file_options=file_options)
    with av.open(str(path)) as file:
        assert file.streams.video[0].start_time > 0
    assert seconds(path) == (0.0, 3.9)


def test_pictures_that_an_edit_list_hides_do_not_count(tmp_path):
    source = write_stamped(tmp_path / "whole.mp4", EVEN, options={"bf": "0"})
    path = cut_by_edit_list(source, tmp_path / "cut.mp4", begin_s=1.3, length_s=1.5)
    assert inspect_video(path).num_packets < 40
    assert seconds(path) == (0.0, 1.4)
    check(path)


def cut_by_edit_list(source, target, *, begin_s, length_s):
    """The same MP4 with an edit list that shows `length_s` from `begin_s` on, as cutters without a coder write it."""
    data = bytearray(source.read_bytes())
    place = data.index(b"elst") + 12
    scale = int.from_bytes(data[data.index(b"mvhd") + 16 : data.index(b"mvhd") + 20], "big")
    ticks = int.from_bytes(data[data.index(b"mdhd") + 16 : data.index(b"mdhd") + 20], "big")
    data[place : place + 4] = round(length_s * scale).to_bytes(4, "big")
    data[place + 4 : place + 8] = round(begin_s * ticks).to_bytes(4, "big")
    target.write_bytes(data)
    return target


def test_the_interval_of_a_varying_rate_is_the_usual_one(tmp_path):
    stamps = [0, 0.1, 0.2, 0.35, 0.45, 0.55, 0.65, 0.75, 2.85, 2.95, 3.05]
    assert inspect_video(write_stamped(tmp_path / "a.mp4", stamps)).interval_s == Fraction(1, 10)


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv"])
def test_a_single_picture_lasts_as_long_as_the_container_says(tmp_path, name):
    video = inspect_video(write_stamped(tmp_path / name, [0.0]))
    assert (video.end_s - video.zero_s, video.num_packets) == (Fraction(0), 1)
    assert video.interval_s > 0


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_empty_places_at_the_end_of_an_avi_are_places(tmp_path, codec):
    source = write_stamped(tmp_path / "a.avi", EVEN, codec=codec, **PLACES)
    path = with_empty_places_at_the_end(source, 15)
    assert seconds(path) == (0.0, 5.4)
    check(path)


def with_empty_places_at_the_end(path, count):
    """The AVI with `count` more chunks of no bytes, in its index and in its header's count."""
    data = path.read_bytes()
    index = data.index(b"idx1")
    length = int.from_bytes(data[index + 4 : index + 8], "little")
    entries = data[index + 8 : index + 8 + length]
    movi = data.index(b"movi")
    more = b"".join(b"00dc" + bytes(4) + (index - movi + 8 * k).to_bytes(4, "little") + bytes(4) for k in range(count))
    body = data[:index] + (b"00dc" + bytes(4)) * count
    body += b"idx1" + (length + len(more)).to_bytes(4, "little") + entries + more
    for place, grown in ((4, len(body) - 8), (movi - 4, index - movi + 8 * count)):
        body = body[:place] + grown.to_bytes(4, "little") + body[place + 4 :]
    frames = body.index(b"strh") + 8 + 32
    body = body[:frames] + (40 + count).to_bytes(4, "little") + body[frames + 4 :]
    path.write_bytes(body)
    return path


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
        silence(container, 0.05)(None)
    with pytest.raises(BadInputError, match="no video stream"):
        inspect_video(path)


def test_a_video_whose_index_was_cut_off_is_refused(make_video):
    path = make_video()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInputError, match="cannot be opened as a video"):
        inspect_video(path)


@pytest.mark.parametrize("name", ["cut.mp4", "cut.avi", "cut.mkv", "cut.flv", "cut.mov"])
def test_a_video_that_ends_before_its_container_says_is_refused(make_video, tmp_path, name):
    """With its index in front, where there is one, so that a cut-off copy still opens, as real downloads do."""
    path = make_video("whole_" + name, num_frames=80, codec="flv" if name.endswith("flv") else "mpeg4")
    check(path)
    path = remux(path, tmp_path / name, file_options={"movflags": "faststart"} if name[4] == "m" else None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInputError, match=r"cut.*(cut off|broken container)"):
        check(path)


def test_a_few_frames_less_than_promised_are_allowed(make_video, tmp_path):
    path = remux(make_video(num_frames=80), tmp_path / "front.mp4", file_options={"movflags": "faststart"})
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[: places[72]])
    assert inspect_video(path).num_packets == 72
    check(path)
    with pytest.raises(BadInputError, match=r"found 72 frames, which end at 7.1 s, expected 0.8 s more"):
        check(path, tolerance_s=0.5)


def test_sound_that_goes_on_does_not_make_a_video_cut_off(tmp_path):
    path = write_stamped(tmp_path / "a.mkv", EVEN, audio_s=9)
    with av.open(str(path)) as container:
        assert container.duration / av.time_base > 8
    check(path)


def test_stamps_that_leave_more_than_a_day_without_pictures_are_refused(tmp_path):
    check(write_stamped(tmp_path / "a.mkv", [0, 0.1, 80_000]))
    with pytest.raises(BadInputError, match=r"time stamps: found 28 h without pictures"):
        check(write_stamped(tmp_path / "a.mkv", [0, 0.1, 100_000]))


def test_a_playlist_is_no_video(make_video, tmp_path):
    make_video("other.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(BadInputError, match="cannot be opened as a video"):
        inspect_video(tmp_path / "list.mp4")
