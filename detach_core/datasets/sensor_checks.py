"""Checks that every dataset's sensor stream must pass before it is believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.errors import BadInputError
from detach_core.contracts.recording import Recording
from detach_core.signals.resampling import sampling_rate_hz


def check_increasing(path: Path, time_s: NDArray[np.float64], *, first_line: int, column: str) -> None:
    """Refuse time that stands still or runs backwards.

    Raises:
        BadInputError: names the line.
    """
    if not np.isfinite(time_s).all():
        line = first_line + int(np.flatnonzero(~np.isfinite(time_s))[0])
        raise BadInputError(
            path, f"line {line}, column {column}", found="NaN", expected="a time", remedy="remove the line"
        )
    steps = np.diff(time_s)
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0]) + 1
        found = f"{time_s[row]:.3f} s after {time_s[row - 1]:.3f} s"
        remedy = "sort the lines by time, or bring the file again"
        place = f"line {first_line + row}, column {column}"
        raise BadInputError(path, place, found=found, expected="increasing time", remedy=remedy)


def check_rate(path: Path, time_s: NDArray[np.float64], *, sensor_hz: float, tolerance: float) -> None:
    """Refuse a stream whose rate is not the configured one (relative tolerance), or that has a single sample.

    Raises:
        BadInputError: as said.
    """
    if len(time_s) < 2:
        remedy = "bring the file again"
        raise BadInputError(path, "file", found=f"{len(time_s)} samples", expected="at least two", remedy=remedy)
    rate_hz = sampling_rate_hz(time_s)
    if abs(rate_hz / sensor_hz - 1) > tolerance:
        found, expected = f"{rate_hz:.3f} samples/s", f"{sensor_hz:g} (`native.sensor_hz`)"
        remedy = "set `native.sensor_hz` to the file's rate"
        raise BadInputError(path, "time column", found=found, expected=expected, remedy=remedy)


def check_channels(path: Path, recording: Recording) -> None:
    """Refuse a channel without any value.

    Raises:
        BadInputError: names the channels.
    """
    lost = np.flatnonzero(np.isnan(recording.sensor).all(axis=0))
    if len(lost):
        names = ", ".join(recording.channel_names[channel] for channel in lost)
        remedy = "leave the recording out, or set `missing.all_nan_channel: zero` to read it as silent"
        raise BadInputError(path, f"channel {names}", found="only NaN", expected="some numbers", remedy=remedy)
