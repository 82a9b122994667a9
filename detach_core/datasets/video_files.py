"""Native video files: their rate and length from the container alone, and their frames, each decoded once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from detach_core.contracts.errors import BadInputError
from detach_core.signals.frames import Fit

_REPLACE = "copy or download the video again"
# What cameras and converters write. Without the list FFmpeg also opens playlists, which name other files to read.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpeg,mpegts,asf,flv,ogg"
_EVEN = "write it at a constant rate, e.g. by ffmpeg -i video.mp4 -vf fps=RATE even.mp4"
_UPRIGHT = "write it upright, as ffmpeg -i video.mp4 upright.mp4 does by itself"


@dataclass(frozen=True)
class VideoFile:
    """What a container says without a frame being decoded: frames counted and, from its header, frames promised."""

    path: Path
    width_px: int
    height_px: int
    num_frames: int
    promised_frames: int
    rate_hz: float
    uneven_s: float
    """the farthest that a time stamp lies from where an even rate puts its frame"""
    uneven_frame: int

    @property
    def duration_s(self) -> float:
        """Length by the measured rate."""
        return self.num_frames / self.rate_hz


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise BadInputError(path, "file", found="nothing", expected="a video", remedy="put the video there")
    if path.stat().st_size == 0:
        raise BadInputError(path, "file", found="an empty file", expected="a video", remedy=_REPLACE)
    try:
        container = av.open(str(path), options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"})
    except av.error.FFmpegError as error:
        found = f"something that cannot be opened as a video ({error.strerror})"
        raise BadInputError(path, "file", found=found, expected="a whole video", remedy=_REPLACE) from None
    with container:
        if not container.streams.video:
            raise BadInputError(path, "container", found="no video stream", expected="one", remedy=_REPLACE)
        yield container


def inspect_video(path: Path | str) -> VideoFile:
    """The size, rate and number of frames of a video, counted packet by packet rather than believed.

    Raises:
        BadInputError: no video, no frame, no known codec, or no time stamps to tell the rate by.
    """
    path = Path(path)
    stamps: list[int] = []
    with _open(path) as container:
        stream = container.streams.video[0]
        time_base, average_hz, promised = stream.time_base, stream.average_rate, stream.frames
        width, height = _size_px(path, stream)
        num_frames = 0
        try:
            for packet in container.demux(stream):
                if packet.size:
                    num_frames += 1
                    if packet.pts is not None:
                        stamps.append(packet.pts)
        except av.error.FFmpegError as error:
            place, found = f"frame {num_frames}", f"a broken container ({error.strerror})"
            raise BadInputError(path, place, found=found, expected="more frames", remedy=_REPLACE) from None
    if num_frames == 0:
        raise BadInputError(path, "video stream", found="no frames", expected="at least one", remedy=_REPLACE)
    rate_hz = float(average_hz or 0)
    if len(stamps) == num_frames > 1 and max(stamps) > min(stamps):
        rate_hz = (num_frames - 1) / float((max(stamps) - min(stamps)) * time_base)
    if rate_hz <= 0:
        remedy = "write the video again with time stamps, e.g. by ffmpeg -i"
        raise BadInputError(path, "video stream", found="no time stamps", expected="a frame rate", remedy=remedy)
    uneven_s, frame = (
        _unevenness(np.array(sorted(stamps)) * float(time_base)) if len(stamps) == num_frames else (0.0, 0)
    )
    return VideoFile(path, width, height, num_frames, promised, rate_hz, uneven_s, frame)


def _size_px(path: Path, stream: Any) -> tuple[int, int]:
    context = stream.codec_context
    width, height = (0, 0) if context is None else (context.width, context.height)
    if min(width, height) < 1:
        found, remedy = "a picture of no known codec or size", "convert the video to H.264, e.g. by ffmpeg -i"
        raise BadInputError(path, "video stream", found=found, expected="pictures", remedy=remedy)
    return width, height


def _unevenness(time_s: NDArray[np.float64]) -> tuple[float, int]:
    off = np.abs(time_s - np.linspace(time_s[0], time_s[-1], len(time_s)))
    return float(off.max()), int(off.argmax())


def check_video(video: VideoFile, *, video_hz: float, rate_tolerance: float, length_tolerance_s: float) -> None:
    """Refuse a video whose rate is not the configured one, or varies, or that ends before its container says.

    Raises:
        BadInputError: as said.
    """
    if video.num_frames > 1 and abs(video.rate_hz / video_hz - 1) > rate_tolerance:
        remedy = "set `native.video_hz` to the video's rate, or bring the video at the configured one"
        found, expected = f"{video.rate_hz:.3f} frames/s", f"{video_hz:g} (`native.video_hz`)"
        raise BadInputError(video.path, "frame rate", found=found, expected=expected, remedy=remedy)
    if video.uneven_s > length_tolerance_s:
        found = f"a varying rate: {video.uneven_s:.2f} s from where a constant one puts the frame"
        expected = f"at most {length_tolerance_s:g} s (`video.length_tolerance_s`)"
        raise BadInputError(video.path, f"frame {video.uneven_frame}", found=found, expected=expected, remedy=_EVEN)
    if (video.promised_frames - video.num_frames) / video_hz > length_tolerance_s:
        found = f"{video.num_frames} frames"
        expected = f"{video.promised_frames}, as the container says (the file is cut off)"
        raise BadInputError(video.path, "length", found=found, expected=expected, remedy=_REPLACE)


def planar_frames(path: Path | str, wanted: NDArray[np.int64], fit: Fit) -> Iterator[NDArray[np.uint8]]:
    """For each frame number of `wanted` (not decreasing), the (3H, 2W) planar YUV 4:2:0 picture.

    One scaler serves the whole video; only wanted frames are scaled.

    Raises:
        BadInputError: a wanted frame cannot be decoded, or is to be shown turned.
    """
    path = Path(path)
    # One scaler for the whole file: PyAV's frame.reformat would build it anew for each frame.
    scaler = VideoReformatter()
    width, height = fit.scaled_px
    position, number = 0, -1
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        frames = container.decode(stream)
        while position < len(wanted):
            try:
                frame = next(frames, None)
            except av.error.FFmpegError as error:
                place, found = f"frame {number + 1}", f"damaged data ({error.strerror})"
                raise BadInputError(path, place, found=found, expected="a frame", remedy=_REPLACE) from None
            if frame is None:
                expected = f"{wanted[-1] + 1}, as the container says (the file is cut off)"
                found = f"{number + 1} frames that decode"
                raise BadInputError(path, "length", found=found, expected=expected, remedy=_REPLACE)
            number += 1
            if wanted[position] != number:
                continue
            if frame.rotation:
                found = f"a picture to be turned by {frame.rotation} degrees"
                raise BadInputError(path, f"frame {number}", found=found, expected="an upright one", remedy=_UPRIGHT)
            planar: NDArray[Any] = scaler.reformat(
                frame,
                width=width,
                height=height,
                format="yuv420p",
                interpolation=Interpolation.AREA,
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=ColorRange.MPEG,
            ).to_ndarray()
            picture = fit.cut(planar)
            while position < len(wanted) and wanted[position] == number:
                yield picture
                position += 1
