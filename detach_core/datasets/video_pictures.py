"""Pictures of a video: decoding, display (upright, in true aspect), and reduction to the working grid."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from detach_core.datasets.video_files import REPLACE, VideoFile, open_video
from detach_core.foundation.errors import BadInputError
from detach_core.signals.frames import Fit, fit_picture, rgb_of_planar

_SQUARE = "write it with square pixels, e.g. by ffmpeg -i video.mp4 -vf setsar=1 square.mp4"

_UPRIGHT = "write it upright, as ffmpeg -i video.mp4 upright.mp4 does by itself"

_WIDEST_PIXEL = 16


# Of the larger entries of a display matrix: what is smaller is rounding, not a slant.
_ROUNDING = 0.01


@dataclass(frozen=True)
class Orientation:
    """Transformation of a stored picture to upright: transposition first, then mirroring of either axis."""

    transposed: bool = False
    rows_mirrored: bool = False
    columns_mirrored: bool = False

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the upright picture from those of the stored one, or the other way round."""
        return (height, width) if self.transposed else (width, height)

    def upright(self, planar: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The upright (3H/2, W) planar YUV 4:2:0 picture of a stored one."""
        if self == Orientation():
            return planar
        width, height = planar.shape[1], planar.shape[0] * 2 // 3
        luma = self._turned(planar[:height])
        chroma = planar[height:].reshape(2, height // 2, width // 2)
        turned = np.stack([self._turned(plane) for plane in chroma])
        return np.concatenate([luma, turned.reshape(-1, luma.shape[1])])

    def _turned(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        plane = plane.T if self.transposed else plane
        return plane[:: -1 if self.rows_mirrored else 1, :: -1 if self.columns_mirrored else 1]


def orientation_of(matrix: bytes | None) -> Orientation:
    """The orientation in a display matrix (nine int32 in native byte order, FFmpeg's DISPLAYMATRIX).

    Raises:
        ValueError: its angle is no multiple of 90 degrees.
    """
    if matrix is None:
        return Orientation()
    # A stored point (x, y) is displayed at (a x + c y, b x + d y).
    a, b, _, c, d = struct.unpack("=9i", matrix)[:5]
    straight, across = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(b), abs(c)) <= _ROUNDING * straight:
        return Orientation(False, rows_mirrored=d < 0, columns_mirrored=a < 0)
    if max(abs(a), abs(d)) <= _ROUNDING * across:
        return Orientation(True, rows_mirrored=b < 0, columns_mirrored=c < 0)
    raise ValueError(f"a picture to be sheared by the matrix {a / 65536:g} {b / 65536:g} {c / 65536:g} {d / 65536:g}")


class PictureFitter:
    """Scales the frames of one video to (3H, 2W) planar YUV 4:2:0 pictures of the grid.

    The first picture's displayed size is the one that `crop_px` counts in; where a later picture has another size, the
    crop keeps its share of the picture.

    Args:
        path: the video, for messages.
        image_px: (width, height) of the grid.
        crop_px: left, top, width, height of what is kept of the displayed picture, or None for all of it.
    """

    def __init__(self, path: Path, *, image_px: Sequence[int], crop_px: Sequence[int] | None) -> None:
        self._path, self._crop_px = path, crop_px
        self.image_px = (image_px[0], image_px[1])
        self._first_px: tuple[int, int] | None = None
        self._fits: dict[tuple[int, int, Fraction, bytes | None], tuple[Fit, Orientation]] = {}
        # One scaler for the whole file: PyAV's frame.reformat would build it anew for each frame.
        self._scaler = VideoReformatter()

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        """The (3H, 2W) picture of the grid.

        Raises:
            BadInputError: it is slanted, its pixels are absurdly wide, or the crop leaves it.
        """
        frame = picture.frame
        data = frame.side_data.get(Type.DISPLAYMATRIX)
        key = (frame.width, frame.height, picture.aspect, None if data is None else bytes(data))
        if key not in self._fits:
            self._fits[key] = self._fit(*key)
        fit, orientation = self._fits[key]
        width, height = orientation.shape(*fit.scaled_px)
        planar: NDArray[Any] = self._scaler.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            interpolation=Interpolation.AREA,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
        ).to_ndarray()
        return fit.cut(orientation.upright(planar))

    def _fit(self, width: int, height: int, aspect: Fraction, matrix: bytes | None) -> tuple[Fit, Orientation]:
        try:
            orientation = orientation_of(matrix)
        except ValueError as error:
            found, expected = str(error), "one turned by a multiple of 90 degrees"
            raise BadInputError(self._path, "picture", found=found, expected=expected, remedy=_UPRIGHT) from None
        if not Fraction(1, _WIDEST_PIXEL) <= aspect <= _WIDEST_PIXEL:
            found, expected = f"pixels {aspect} times as wide as high", f"at most {_WIDEST_PIXEL}, or 1/{_WIDEST_PIXEL}"
            raise BadInputError(self._path, "picture", found=found, expected=expected, remedy=_SQUARE)
        displayed = orientation.shape(max(round(width * aspect), 1), height)
        self._first_px = first = self._first_px or displayed
        crop = self._crop_px
        if crop is not None and displayed != first:
            crop = [length * displayed[axis % 2] // first[axis % 2] for axis, length in enumerate(crop)]
        try:
            return fit_picture(displayed, image_px=self.image_px, crop_px=crop), orientation
        except ValueError as error:
            found, expected, remedy = str(error), "a crop inside the picture", "change `video.crop_px`"
            raise BadInputError(self._path, "picture", found=found, expected=expected, remedy=remedy) from None


# They withhold by themselves what lacks its references, and may begin without a key picture (intra refresh).
_WITHHOLDING = {"h264", "hevc", "vvc"}

_STAMPS = "write it with increasing stamps, e.g. by ffmpeg -i video -fflags +genpts new.mp4"


@dataclass(frozen=True)
class Picture:
    """A decoded picture (PyAV), its time in seconds of the recording, and its stream's pixel aspects.

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
        """Pictures per second from the first to the last; 0 for a single one."""
        if self.first_s is None or self.last_s is None or self.last_s <= self.first_s:
            return 0.0
        return float((self.shown - 1) / (self.last_s - self.first_s))

    def add(self, time_s: Fraction, longest_s: Fraction) -> None:
        """Count a shown picture; it follows a gap if the last is more than `longest_s` earlier."""
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
    """The undamaged pictures of `video` with increasing times, on the recording's clock, shifted by `offset_s`.

    Args:
        video: the file.
        count: counts every picture.
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
            found = f"no picture that can be decoded{damage.reason}"
            raise BadInputError(video.path, "video stream", found=found, expected="pictures", remedy=REPLACE)


def _check_order(path: Path, count: PictureCount, back: float, back_s: float) -> None:
    count.disordered += 1
    if back > back_s:
        found = f"a time stamp {back:.1f} s before the last"
        expected = f"increasing ones, or at most {back_s:g} s (`video.length_tolerance_s`) back"
        raise BadInputError(path, f"frame {count.shown}", found=found, expected=expected, remedy=_STAMPS)


class _PixelAspect:
    """Width over height of a stored pixel; the container's value applies to frames of the size that it states."""

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
    """Display times of decoded frames, in seconds of the recording."""

    def __init__(self, video: VideoFile, stream: Any, offset_s: Fraction) -> None:
        self._video, self._context = video, stream.codec_context
        self._tick_s, self._shift_s = Fraction(stream.time_base), offset_s - video.zero_s
        self._last_s: Fraction | None = None

    def time_of(self, frame: Any) -> Fraction:
        """Time of the frame: its stamp, else the slot of its last packet, else an interval after the last frame."""
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
    """Damage of decoded frames: a frame is intact if neither it nor one since the last key picture is damaged."""

    def __init__(self, count: PictureCount, *, trusted: bool) -> None:
        self._count, self._broken, self._begun = count, not trusted, trusted
        self._stamps: set[int] = set()
        self.reason = ""

    def of_packet(self, packet: Any) -> None:
        """Mark the output of a packet that its container flags as corrupt (losses in a transport stream) as damaged."""
        if packet.is_corrupt:
            self._broken = True
            if packet.pts is not None:
                self._stamps.add(packet.pts)

    def of_error(self, error: Exception, *, begun: bool) -> None:
        """Mark what follows an undecodable packet as damaged; before the first picture this is only a late start."""
        self.reason = f" ({getattr(error, 'strerror', error)})"
        if begun:
            self._broken = True
            self._count.damaged += 1

    def is_whole(self, frame: Any) -> bool:
        """Whether the frame is undamaged; a damaged one is counted if a key picture has already been decoded."""
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
    """(time, picture): each at its own time and, if empty slots follow it, again at the last of these.

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


@dataclass
class WorkingRows:
    """The rows of a recording's working video, and meanwhile in `picture_s` (F,) when each row's picture was taken."""

    fitter: PictureFitter
    picture_s: NDArray[np.float64]

    def of(self, pictures: Iterable[tuple[Picture, int]]) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """A row, rgb (H, W, 3) and luma (2H, 2W), for each tick of (picture, ticks); each picture is scaled once."""
        done = 0
        scaled: Picture | None = None
        for picture, ticks in pictures:
            if picture is not scaled:
                planar = self.fitter(picture)
                row = rgb_of_planar(planar, self.fitter.image_px), planar[: 2 * self.fitter.image_px[1]]
                scaled = picture
            self.picture_s[done : done + ticks] = float(picture.time_s)
            done += ticks
            for _ in range(ticks):
                yield row
