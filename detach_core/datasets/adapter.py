"""Base class of dataset adapters, which read native files into a `Recording`, and checks of each sensor stream.

Times and sensors may be rows in a file; the checks go through them in pieces.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recording import Places, Recording
from detach_core.contracts.rows import RowFile, Rows, Spool, blocks
from detach_core.datasets.registry import AnyNativeSettings
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import list_files, match_one, matching_files, name_some
from detach_core.signals.resampling import sampling_rate_hz
from detach_core.signals.sample_times import first_surplus, stamped_clock

Native = TypeVar("Native", bound=AnyNativeSettings)


@dataclass(frozen=True)
class RecordingFiles:
    """The native files of one recording."""

    sensor: Path
    video: Path | None
    annotation: Path | None


@dataclass(frozen=True)
class VideoSegment:
    """A file of a recording's video, and the recording's time at which its own time 0 lies."""

    path: Path
    start_s: Fraction = Fraction(0)


class DatasetAdapter(ABC, Generic[Native]):
    """Reader of one dataset's native files.

    A dataset of another package subclasses it, names its settings as `settings_type`, and sets channels, places and
    actions when it is built.

    Attributes:
        native: the dataset's settings.
        class_names: of the classes.
        class_actions: the action of each class, such as Open; "" for a class without one.
        channel_names: of the sensor's channels.
        channel_units: of the channels.
        places: the places of the dataset, of each class, and the channels that watch them.
    """

    settings_type: ClassVar[type[AnyNativeSettings]]
    channel_names: tuple[str, ...]
    channel_units: tuple[str, ...]

    def __init__(self, native: Native, *, classes: Sequence[str]) -> None:
        self.native = native
        self.class_names = tuple(classes)
        self.class_actions: tuple[str, ...] = ("",) * len(classes)
        self.places = Places(names=(), of_class=(-1,) * len(classes), channels=())
        self._finder = FileFinder()

    def find_files(self, root: Path, recording: str) -> RecordingFiles:
        """The native files of `recording`.

        Raises:
            BadInputError: a file is missing or ambiguous; the message lists what the folder holds.
        """
        native, finder = self.native, self._finder
        tracks = native.globs("annotation")
        return RecordingFiles(
            sensor=finder.one(root, native.globs("sensor"), recording, key="native.sensor_glob"),
            video=finder.one(root, native.globs("video"), recording, key="native.video_glob"),
            annotation=finder.at_most_one(root, tracks, recording, key="native.annotation_glob") if tracks else None,
        )

    def video_segments(self, root: Path, recording: str) -> tuple[VideoSegment, ...]:
        """The files of the video of `recording`, in the order of their times; mostly one.

        Raises:
            BadInputError: a file is missing or ambiguous.
        """
        video = self.find_files(root, recording).video
        return () if video is None else (VideoSegment(video),)

    @abstractmethod
    def read_recording(self, root: Path, recording: str, *, scratch: Path | None = None) -> Recording:
        """Sensors and annotations of `recording`, on an even clock.

        Args:
            root: the dataset's folder.
            recording: its id.
            scratch: a folder for what would grow with the recording's length in memory; None is the system's own.

        Raises:
            BadInputError: a file is missing or violates its format; names file, line and column.
        """


class FileFinder:
    """Search for recordings' files by the glob patterns of their settings; a folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, tuple[str, ...]] = {}

    def one(self, root: Path, patterns: Sequence[str], recording: str, *, key: str) -> Path:
        """The one file that `patterns` select.

        Raises:
            BadInputError: none or several.
        """
        return match_one(root, patterns, recording, key=key, files=self._files(root))

    def at_most_one(self, root: Path, patterns: Sequence[str], recording: str, *, key: str) -> Path | None:
        """The file that `patterns` select, if there is one.

        Raises:
            BadInputError: several.
        """
        found = matching_files(self._files(root), patterns, recording)
        if len(found) > 1:
            remedy = f"keep one of them, or narrow `{key}`"
            place = f"recording {recording}"
            raise BadInputError(root, place, found=name_some(found), expected="at most one file", remedy=remedy)
        return Path(root) / found[0] if found else None

    def _files(self, root: Path) -> tuple[str, ...]:
        if root not in self._listed:
            self._listed[root] = list_files(root)
        return self._listed[root]


_LATEST_S = 1e15

MAX_STRETCH = 10  # a recording that lacks nine samples of ten is none; memory follows the length, not the samples


def check_increasing(path: Path, time_s: Rows, *, first_line: int, column: str) -> None:
    """Refuse decreasing time stamps; samples of a coarse clock may share one.

    Raises:
        BadInputError: names the line.
    """
    for first, piece in blocks(time_s):
        within = np.abs(piece) < _LATEST_S
        if not within.all():
            row = int(np.flatnonzero(~within)[0])
            found = "NaN" if np.isnan(piece[row]) else f"{piece[row]:g} s"
            place = f"line {first_line + first + row}, column {column}"
            raise BadInputError(path, place, found=found, expected="a time", remedy="remove the line")
    for first, piece in blocks(time_s, extra=1):
        back = np.diff(piece) < 0
        if back.any():
            row = int(np.flatnonzero(back)[0]) + 1
            found = f"{piece[row]:.3f} s after {piece[row - 1]:.3f} s"
            remedy = "sort the lines by time, or copy the file again"
            place = f"line {first_line + first + row}, column {column}"
            raise BadInputError(path, place, found=found, expected="increasing time", remedy=remedy)


def check_rate(path: Path, time_s: Rows, *, sensor_hz: float, tolerance: float) -> None:
    """Refuse a stream whose rate is not the configured one (relative tolerance), or that has a single sample.

    Raises:
        BadInputError: in either case.
    """
    place, expected = "time column", f"{sensor_hz:g} (`native.sensor_hz`)"
    if len(time_s) < 2:
        remedy = "copy the file again"
        raise BadInputError(path, "file", found=f"{len(time_s)} samples", expected="at least two", remedy=remedy)
    try:
        with np.errstate(over="ignore"):  # an infinite rate is refused like any other
            rate_hz = sampling_rate_hz(time_s)
    except ValueError:
        remedy = "copy the file again, with times that distinguish its samples"
        found = f"time that stands still over most of {len(time_s)} samples"
        raise BadInputError(path, place, found=found, expected=f"{expected} samples/s", remedy=remedy) from None
    if abs(rate_hz / sensor_hz - 1) > tolerance:
        remedy = "set `native.sensor_hz` to the file's rate"
        raise BadInputError(path, place, found=f"{rate_hz:.3f} samples/s", expected=expected, remedy=remedy)


def check_repeats(path: Path, time_s: Rows, *, first_line: int, column: str) -> None:
    """Refuse shared stamps that the clock's steps do not explain, such as those of a repeated line.

    Raises:
        BadInputError: names the line.
    """
    row = first_surplus(time_s, stamped_clock(time_s))
    if row is not None:
        found = f"{time_s[row]:.3f} s again, without a pause that accounts for it"
        remedy = "remove the repeated lines, or copy the file again"
        place = f"line {first_line + row}, column {column}"
        raise BadInputError(path, place, found=found, expected="a time for each sample", remedy=remedy)


def check_gaps(path: Path, time_s: Rows, *, sensor_hz: float, first_line: int, column: str) -> None:
    """Refuse a clock with gaps that would stretch the evenly sampled stream to `MAX_STRETCH` times its samples.

    Raises:
        BadInputError: names the line behind the longest gap.
    """
    length_s = float(time_s[-1] - time_s[0])
    if not length_s * sensor_hz <= MAX_STRETCH * len(time_s):
        row, longest_s = 1, 0.0
        for first, piece in blocks(time_s, extra=1):
            gaps = np.diff(piece)
            if gaps.max(initial=0.0) > longest_s:
                row, longest_s = first + int(gaps.argmax()) + 1, float(gaps.max())
        found = f"a gap of {time_s[row] - time_s[row - 1]:.6g} s"
        expected = f"at most {MAX_STRETCH} times as long as {len(time_s)} samples take"
        place = f"line {first_line + row}, column {column}"
        raise BadInputError(
            path, place, found=found, expected=expected, remedy="correct the times, or cut the file there"
        )


def check_sizes(path: Path, values: NDArray[np.float64], *, first_line: int, channels: Sequence[str]) -> None:
    """Refuse values (T, C) that overflow float32, the type in which sensors are stored.

    Raises:
        BadInputError: names line and channel.
    """
    largest = np.finfo(np.float32).max
    if (np.abs(values) > largest).any():
        row, channel = (int(index) for index in np.argwhere(np.abs(values) > largest)[0])
        place = f"line {first_line + row}, channel {channels[channel]}"
        found, expected = f"{values[row, channel]:g}", f"at most {largest:g}"
        raise BadInputError(path, place, found=found, expected=expected, remedy="mend the line")


def count_lost(sensor: Rows) -> NDArray[np.int64]:
    """(C,) number of NaN samples in each channel of `sensor` (T, C)."""
    lost = np.zeros(sensor.shape[1], dtype=np.int64)
    for _, piece in blocks(sensor):
        lost += np.isnan(piece).sum(axis=0)
    return lost


def check_channels(path: Path, recording: Recording) -> None:
    """Refuse a channel without any value.

    Raises:
        BadInputError: names the channels.
    """
    silent = np.flatnonzero(count_lost(recording.sensor) == len(recording.sensor))
    if len(silent):
        names = ", ".join(recording.channel_names[channel] for channel in silent)
        remedy = "leave the recording out, or set `missing.all_nan_channel: zero` to read it as silent"
        raise BadInputError(path, f"channel {names}", found="only NaN", expected="some numbers", remedy=remedy)


class SensorSpool:
    """The values of one recording's channels, added piece by piece.

    A value that float32 cannot hold is refused only when the rows are read: readers first have the rest of the
    file and its times to blame.
    """

    def __init__(self, path: Path, folder: Path | None, *, channels: Sequence[str], first_line: int) -> None:
        self._path, self._channels, self._line = path, channels, first_line
        self._spool = Spool(folder, (len(channels),), "float32")
        self._refusal: BadInputError | None = None

    def append(self, values: NDArray[np.float64]) -> None:
        """Add the next samples (n, C)."""
        if self._refusal is not None:
            return
        try:
            check_sizes(self._path, values, first_line=self._line, channels=self._channels)
        except BadInputError as error:
            self._refusal = error
            return
        self._spool.append(values.astype(np.float32))
        self._line += len(values)

    def rows(self) -> RowFile:
        """All samples (T, C) f32.

        Raises:
            BadInputError: a value is too large; names line and channel.
        """
        if self._refusal is not None:
            raise self._refusal
        return self._spool.rows()
