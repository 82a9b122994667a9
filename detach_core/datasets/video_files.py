"""Native video files, inspected packet by packet: start and end of their clock, and completeness.

A container's time stamps are the recording's clock, with exceptions. A transport or program stream begins at an
arbitrary stamp, so its zero is where its first stream starts. MP4, FLV and ASF whose decoding begins at 0 while their
first picture comes later were shifted by a writer without negative stamps: that picture is their zero. AVI has no
stamps of pictures at all, only a place for each, which may be empty: the picture before it stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from detach_core.foundation.errors import BadInputError, raise_unreadable

REPLACE = "copy or download the video again"
# What cameras and converters write. Without the list FFmpeg also opens playlists, which name other files to read.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpeg,mpegts,asf,flv,ogg"
# Whose first stamp means nothing, by FFmpeg's names.
_ARBITRARY_ZERO = {"mpegts", "mpeg"}
# Whose stamps of decoding are stored, so that a writer without negative ones moved all stamps by the decoder's delay.
_STORED_DECODING_TIME = {"mov", "flv", "asf"}
# Containers whose header states a length, if any. FFmpeg gives ASF's only of files of the right size.
_KNOWN_LENGTH = {"mov", "flv", "matroska"}
_INTERVALS_KEPT = 10_000
LONGEST_BLANK_S = 86_400


@dataclass(frozen=True)
class VideoFile:
    """Properties of a video's packets, without decoding a picture; times in seconds by the container's stamps."""

    path: Path
    zero_s: Fraction
    """the stamp at which the recording begins"""
    end_s: Fraction
    """the stamp of the last picture"""
    interval_s: Fraction
    """the usual time between two pictures (median)"""
    num_packets: int
    lacking_s: float
    """time by which the data end before the end that the container states"""
    places_only: bool
    """whether pictures have slots instead of stamps (AVI), so that each is shown until the next"""
    decoder_delay_counts: bool
    """whether these slots are later than the pictures by the decoder's delay"""


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """The open container at `path` and its video stream (PyAV), cover pictures aside.

    Raises:
        BadInputError: there is no video of a known container and codec.
    """
    if not path.is_file():
        raise BadInputError(path, "file", found="nothing", expected="a video", remedy="put the video there")
    if path.stat().st_size == 0:
        raise BadInputError(path, "file", found="an empty file", expected="a video", remedy=REPLACE)
    try:
        container = av.open(str(path), options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"})
    except av.error.FFmpegError as error:
        raise_unreadable(path, error)
        found = f"a file that cannot be opened as a video ({error.strerror})"
        raise BadInputError(path, "file", found=found, expected="a whole video", remedy=REPLACE) from None
    with container:
        streams = [item for item in container.streams.video if not item.disposition & Disposition.attached_pic]
        if not streams:
            raise BadInputError(path, "container", found="no video stream", expected="one", remedy=REPLACE)
        context = streams[0].codec_context
        if context is None or min(context.width, context.height) < 1:
            found, remedy = "a picture of no known codec or size", "convert the video to H.264, e.g. by ffmpeg -i"
            raise BadInputError(path, "video stream", found=found, expected="pictures", remedy=remedy)
        yield container, streams[0]


@dataclass
class _Packets:
    """State of the scan over the packets; stamps in ticks of the video stream."""

    count: int = 0
    first_pts: int | None = None
    first_dts: int | None = None
    second_dts: int | None = None
    last: int | None = None
    furthest_s: Fraction = Fraction(0)
    intervals: Counter[int] = field(default_factory=Counter)
    _decoded: int | None = None

    def add(self, packet: Any, *, places_only: bool) -> None:
        """Count a packet of the video, of which an edit list may hide the picture."""
        self.count += 1
        if packet.dts is not None:
            if self.count == 2:
                self.second_dts = packet.dts
            interval = 0 if self._decoded is None else packet.dts - self._decoded
            # So many that a file of whatever length fits in memory; the usual one is among the first.
            if interval > 0 and (len(self.intervals) < _INTERVALS_KEPT or interval in self.intervals):
                self.intervals[interval] += 1
            self._decoded = packet.dts
        shown = packet.dts if places_only or packet.pts is None else packet.pts
        if packet.is_discard or shown is None:
            return
        if self.last is None:
            self.first_pts, self.first_dts = shown, packet.dts
        self.last = shown if self.last is None else max(self.last, shown)

    def reach(self, packet: Any) -> None:
        """Update the latest time of any stream of the file."""
        if packet.pts is not None:
            self.furthest_s = max(self.furthest_s, (packet.pts + packet.duration) * packet.time_base)

    def usual_interval(self) -> int | None:
        """The median of the intervals between packets."""
        passed, half = 0, self.intervals.total() / 2
        for interval, times in sorted(self.intervals.items()):
            passed += times
            if passed >= half:
                return interval
        return None


def inspect_video(path: Path | str) -> VideoFile:
    """Clock and length of a video, measured from its packets instead of taken from the header.

    Raises:
        BadInputError: no video, no picture, no known codec, a broken container, or no time stamps to tell the rate by.
    """
    path = Path(path)
    packets = _Packets()
    with open_video(path) as (container, stream):
        names = set(container.format.name.split(","))
        places_only = "avi" in names
        indexed = len(stream.index_entries)
        try:
            for packet in container.demux():
                packets.reach(packet)
                if packet.stream_index == stream.index and packet.size:
                    packets.add(packet, places_only=places_only)
        except av.error.FFmpegError as error:
            raise_unreadable(path, error)
            place, found = f"frame {packets.count}", f"a broken container ({error.strerror})"
            raise BadInputError(path, place, found=found, expected="more frames", remedy=REPLACE) from None
        if packets.count == 0:
            raise BadInputError(path, "video stream", found="no frames", expected="at least one", remedy=REPLACE)
        if places_only and packets.last is not None:
            packets.last = max(packets.last, _last_place(path, stream.index))
        interval_s = _interval_s(path, stream, packets)
        zero_s = _zero_s(names, container, stream, packets)
        end_s = zero_s if packets.last is None else packets.last * stream.time_base
        # A late start stands behind the first picture, and leaves a writer nothing to move.
        late = ((packets.second_dts or 0) - (packets.first_dts or 0)) * stream.time_base > interval_s * 3 / 2
        if places_only and late:
            end_s += stream.codec_context.reorder_depth * interval_s
        lacking_s = _lacking_s(names, container, stream, packets, indexed, interval_s)
    return VideoFile(
        path,
        zero_s,
        end_s,
        interval_s,
        packets.count,
        max(float(lacking_s), 0.0),
        places_only,
        places_only and not late,
    )


def _lacking_s(
    names: set[str], container: Any, stream: Any, packets: _Packets, indexed: int, interval_s: Fraction
) -> Fraction:
    """Time from the end of the packets to the end that the container states; negative where packets go on."""
    if "avi" in names:
        return Fraction((stream.frames - 1 - (packets.last or 0)) * stream.time_base)
    # An MP4's index, unlike its count of frames, respects an edit list that hides the end.
    if promised := indexed if "mov" in names and indexed else stream.frames:
        return (promised - packets.count) * interval_s
    if container.duration and names & _KNOWN_LENGTH:
        return Fraction(container.duration, av.time_base) - packets.furthest_s
    return Fraction(0)


def _last_place(path: Path, stream: int) -> int:
    """Number of the last slot of an AVI's stream, empty or not, from the index at its end; -1 without one."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        index = data.rfind(b"idx1")
        if index < 0:
            return -1
        length = int.from_bytes(data[index + 4 : index + 8], "little")
        names = [data[place : place + 3] for place in range(index + 8, min(index + 8 + length, len(data) - 15), 16)]
    # Names of chunks: two digits for the stream, then `dc` or `db` for a picture.
    return names.count(b"%02dd" % stream) - 1


def _interval_s(path: Path, stream: Any, packets: _Packets) -> Fraction:
    interval = packets.usual_interval()
    if interval is not None:
        return Fraction(interval * stream.time_base)
    if rate := stream.average_rate or stream.guessed_rate:
        return Fraction(1 / rate)
    remedy = "write the video again with time stamps, e.g. by ffmpeg -i"
    raise BadInputError(path, "video stream", found="no time stamps", expected="a frame rate", remedy=remedy)


def _zero_s(names: set[str], container: Any, stream: Any, packets: _Packets) -> Fraction:
    first = (packets.first_pts or 0) * stream.time_base
    if names & _ARBITRARY_ZERO:
        # In each stream's own ticks, as the container's start is rounded to microseconds.
        others = (*container.streams.video, *container.streams.audio)
        starts = [item.start_time * item.time_base for item in others if item.start_time is not None]
        return Fraction(min(starts, default=first))
    moved = packets.first_dts == 0 and names & _STORED_DECODING_TIME
    return Fraction(first) if moved else Fraction(0)


def check_video(video: VideoFile, *, length_tolerance_s: float) -> None:
    """Refuse a video that is shorter than its container states, or with more than a day between two pictures.

    Raises:
        BadInputError: in either case.
    """
    if video.lacking_s > length_tolerance_s:
        end_s = float(video.end_s - video.zero_s)
        found = f"{video.num_packets} frames, which end at {end_s:.1f} s"
        expected = f"{video.lacking_s:.1f} s more, as the container states (the file is cut off)"
        raise BadInputError(video.path, "length", found=found, expected=expected, remedy=REPLACE)
    blank_s = float(video.end_s - video.zero_s - video.num_packets * video.interval_s)
    if blank_s > LONGEST_BLANK_S:
        found, expected = f"{blank_s / 3600:.0f} h without pictures", "less than a day of them"
        remedy = "write it with stamps from 0, e.g. by ffmpeg -i, or split it where it pauses"
        raise BadInputError(video.path, "time stamps", found=found, expected=expected, remedy=remedy)
