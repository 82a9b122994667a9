"""The whole pictures of a native video in the order of their time stamps, each decoded once.

Pictures that their decoder could not make whole are left out, and so are those that were predicted from them: all up to
the next key picture. Pictures without a stamp follow the one before by the usual interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType

from detach_core.datasets.video_files import REPLACE, VideoFile, open_video
from detach_core.foundation.errors import BadInputError

# They withhold by themselves what lacks its references, and may begin without a key picture (intra refresh).
_WITHHOLDING = {"h264", "hevc", "vvc"}
_STAMPS = "write it with increasing stamps, e.g. by ffmpeg -i video -fflags +genpts new.mp4"


@dataclass(frozen=True)
class Picture:
    """A decoded picture (PyAV), the second of the recording that it shows, and its stream's pixel aspects.

    `aspect` is the width over the height of a stored pixel.
    """

    frame: Any
    time_s: Fraction
    aspect: Fraction


@dataclass
class PictureCount:
    """Summary of the pictures that were read; times in seconds of the recording.

    `gap_at_s` is where the longest gap begins.
    """

    shown: int = 0
    damaged: int = 0
    disordered: int = 0
    first_s: Fraction | None = None
    last_s: Fraction | None = None
    gaps: int = 0
    gaps_s: Fraction = Fraction(0)
    longest_gap_s: Fraction = Fraction(0)
    gap_at_s: Fraction = Fraction(0)

    @property
    def rate_hz(self) -> float:
        """Pictures per second from the first to the last; 0 of a single one."""
        if self.first_s is None or self.last_s is None or self.last_s <= self.first_s:
            return 0.0
        return float((self.shown - 1) / (self.last_s - self.first_s))

    def add(self, time_s: Fraction, longest_s: Fraction) -> None:
        """Count a picture that is shown, as one behind a gap where the last is longer ago than `longest_s`."""
        self.shown += 1
        if self.first_s is None or self.last_s is None:
            self.first_s = time_s
        elif (gap_s := time_s - self.last_s) > longest_s:
            self.gaps, self.gaps_s = self.gaps + 1, self.gaps_s + gap_s
            if gap_s > self.longest_gap_s:
                self.longest_gap_s, self.gap_at_s = gap_s, self.last_s
        self.last_s = time_s


def read_pictures(
    video: VideoFile, count: PictureCount, *, offset_s: Fraction = Fraction(0), back_s: float
) -> Iterator[Picture]:
    """The whole pictures of `video` with increasing times, on the recording's clock moved by `offset_s`.

    Args:
        video: the file.
        count: told of every picture.
        offset_s: added to every stamp.
        back_s: how far a stamp may go back; such pictures are left out and counted.

    Raises:
        BadInputError: nothing decodes, or stamps go back farther.
    """
    with open_video(video.path) as (container, stream):
        clock = _Clock(video, stream, offset_s)
        damage = _Damage(count, trusted=stream.codec_context.name in _WITHHOLDING)
        aspect, longest_s = _PixelAspect(stream), 2 * video.interval_s
        for frame in _decode(container, stream, damage):
            time_s = clock.time_of(frame)
            if not damage.is_whole(frame):
                continue
            if count.last_s is not None and time_s <= count.last_s:
                _check_order(video.path, count, float(count.last_s - time_s), back_s)
                continue
            count.add(time_s, longest_s)
            yield Picture(frame, time_s, aspect.of(frame))
        if count.shown == 0:
            found = f"no picture that decodes{damage.reason}"
            raise BadInputError(video.path, "video stream", found=found, expected="pictures", remedy=REPLACE)


def _check_order(path: Path, count: PictureCount, back: float, back_s: float) -> None:
    count.disordered += 1
    if back > back_s:
        found = f"a time stamp {back:.1f} s before the last"
        expected = f"increasing ones, or at most {back_s:g} s (`video.length_tolerance_s`) back"
        raise BadInputError(path, f"frame {count.shown}", found=found, expected=expected, remedy=_STAMPS)


class _PixelAspect:
    """Width over height of a stored pixel; the container's word counts for frames of the size that it announces."""

    def __init__(self, stream: Any) -> None:
        self._context = stream.codec_context
        self._announced_px = (self._context.width, self._context.height)
        self._announced = Fraction(stream.sample_aspect_ratio or 1)

    def of(self, frame: Any) -> Fraction:
        """The aspect of a frame's pixels."""
        if (frame.width, frame.height) == self._announced_px:
            return self._announced
        return Fraction(self._context.sample_aspect_ratio or 1)


class _Clock:
    """When decoded frames are shown, in seconds of the recording."""

    def __init__(self, video: VideoFile, stream: Any, offset_s: Fraction) -> None:
        self._video, self._context = video, stream.codec_context
        self._tick_s, self._shift_s = Fraction(stream.time_base), offset_s - video.zero_s
        self._last_s: Fraction | None = None

    def time_of(self, frame: Any) -> Fraction:
        """By the frame's stamp, else the place of the packet that completed it, else an interval after the last."""
        time_s: Fraction
        if frame.pts is not None and not self._video.places_only:
            time_s = frame.pts * self._tick_s + self._shift_s
        elif frame.dts is not None:
            time_s = frame.dts * self._tick_s + self._shift_s
            if self._video.decoder_delay_counts:
                # A decoder that reorders gives a frame out when so many later packets have come.
                time_s -= self._context.reorder_depth * self._video.interval_s
        elif self._last_s is None:
            time_s = self._video.zero_s + self._shift_s
        else:
            time_s = self._last_s + self._video.interval_s
        self._last_s = time_s
        return time_s


class _Damage:
    """Which frames are whole: neither damaged nor, since the last key picture, predicted from what is."""

    def __init__(self, count: PictureCount, *, trusted: bool) -> None:
        self._count, self._broken, self._begun = count, not trusted, trusted
        self._stamps: set[int] = set()
        self.reason = ""

    def of_packet(self, packet: Any) -> None:
        """Distrust what comes of a packet that its container calls damaged (a transport stream's lost parts)."""
        if packet.is_corrupt:
            self._broken = True
            if packet.pts is not None:
                self._stamps.add(packet.pts)

    def of_error(self, error: Exception, *, begun: bool) -> None:
        """Distrust what follows a packet that does not decode; before the first picture it is only a late start."""
        self.reason = f" ({getattr(error, 'strerror', error)})"
        if begun:
            self._broken = True
            self._count.damaged += 1

    def is_whole(self, frame: Any) -> bool:
        """Whether the frame may be shown; else it is counted, unless no key picture has come yet."""
        key = frame.key_frame or frame.pict_type in (PictureType.NONE, PictureType.I)
        if frame.is_corrupt or frame.pts in self._stamps:
            self._stamps.discard(frame.pts)
            self._broken = True
        elif key:
            self._broken, self._begun = False, True
        self._count.damaged += self._broken and self._begun
        return not self._broken


def _decode(container: Any, stream: Any, damage: _Damage) -> Iterator[Any]:
    stream.codec_context.thread_count = 1
    begun = False
    for packet in container.demux(stream):
        if packet.size == 0 and packet.dts is not None:
            continue  # an empty packet in the middle would end the decoder
        damage.of_packet(packet)
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            damage.of_error(error, begun=begun)
            continue
        begun = begun or bool(frames)
        yield from frames


def with_held(
    pictures: Iterable[Picture], *, interval_s: Fraction, end_s: Fraction
) -> Iterator[tuple[Fraction, Picture]]:
    """(time, picture): each at its own time and, where places behind it are empty, again at the last of these.

    Args:
        pictures: of a container of places (AVI).
        interval_s: from one place to the next.
        end_s: the last place.
    """
    last: Picture | None = None
    for picture in pictures:
        if last is not None and picture.time_s - last.time_s > interval_s * 3 / 2:
            yield picture.time_s - interval_s, last
        yield picture.time_s, picture
        last = picture
    if last is not None and end_s - last.time_s > interval_s * 3 / 2:
        yield end_s, last
