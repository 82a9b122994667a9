"""Checks of every dataset's sensor stream, and its rows gathered in bounded memory.

Times and sensors may be rows in a file; they are gone through in pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recording import Recording
from detach_core.contracts.rows import RowFile, Rows, Spool, blocks
from detach_core.foundation.errors import BadInputError
from detach_core.signals.resampling import sampling_rate_hz
from detach_core.signals.sample_times import first_surplus, stamped_clock

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
