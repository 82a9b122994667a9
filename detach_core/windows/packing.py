"""Packing: windows of one recording, windows without missing samples, and the checks of a shard's three artifacts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.frames import FlowFile, FrameFile, read_flow, read_frames
from detach_core.contracts.recording import Recording, RecordingFile, read_recordings
from detach_core.contracts.rows import LazyRows, Rows
from detach_core.foundation.errors import ContractError
from detach_core.windows.labels import centre_annotation, dominant_location


def fill_missing(windows: NDArray[np.float32], *, max_nan_share: float) -> NDArray[np.float32]:
    """`windows` (N, C, L) without NaN: channels with a larger share of NaN are 0, others interpolated over time.

    Before the first and behind the last sample of a window, that sample is repeated.
    """
    lost = np.isnan(windows)
    filled = windows.copy()
    share = lost.mean(axis=2)
    # A channel without any sample cannot be interpolated, whatever share is allowed.
    filled[(share > max_nan_share) | (share == 1.0)] = 0.0
    position = np.arange(windows.shape[2])
    for window, channel in zip(*np.nonzero((share > 0) & (share <= max_nan_share) & (share < 1.0)), strict=True):
        gap = lost[window, channel]
        filled[window, channel, gap] = np.interp(position[gap], position[~gap], windows[window, channel, ~gap])
    return filled


# Far below a sample, far above the rounding of a time in float64.
_EPSILON_S = 1e-6


def window_starts(*, begin_s: float, end_s: float, length_s: float, stride_s: float) -> NDArray[np.float64]:
    """The starts k * stride_s (k whole) of all windows that lie inside [begin_s, end_s).

    Raises:
        ValueError: length or stride is not positive.
    """
    if length_s <= 0 or stride_s <= 0:
        raise ValueError(f"length and stride must be positive, got {length_s} s and {stride_s} s")
    first = math.ceil((begin_s - _EPSILON_S) / stride_s)
    last = math.floor((end_s - length_s + _EPSILON_S) / stride_s)
    return np.arange(first, last + 1, dtype=np.float64) * stride_s


def first_rows(start_s: NDArray[np.float64], *, origin_s: float, rate_hz: float) -> NDArray[np.int64]:
    """The row nearest to each start, of a stream whose row k is at origin_s + k / rate_hz."""
    # floor(x + 0.5), as np.rint would send halves to even rows and so jitter the spacing of windows.
    return np.floor((start_s - origin_s) * rate_hz + 0.5).astype(np.int64)


def rows_per_window(length_s: float, rate_hz: float) -> int:
    """Number of rows of a stream at `rate_hz` in a window."""
    return math.floor(length_s * rate_hz + 0.5)


class SensorWindows(LazyRows):
    """The windows (N, C, L) f32 without NaN that begin at the rows `first` (N,) of `sensor` (T, C); cut when read."""

    def __init__(self, sensor: Rows, first: NDArray[np.int64], length: int, *, max_nan_share: float) -> None:
        self._sensor, self._first, self._max_nan_share = sensor, first, max_nan_share
        self.shape, self.dtype = (len(first), sensor.shape[1], length), np.dtype(np.float32)

    def read(self, first: int, end: int) -> NDArray[np.float32]:
        """The windows [first, end)."""
        samples = np.empty((end - first, self.shape[2], self.shape[1]), dtype=np.float32)
        for window, row in enumerate(self._first[first:end].tolist()):
            samples[window] = self._sensor[row : row + self.shape[2]]
        return fill_missing(samples.transpose(0, 2, 1), max_nan_share=self._max_nan_share)

    def only(self, kept: NDArray[np.bool_]) -> SensorWindows:
        """The windows where `kept` is true."""
        return SensorWindows(self._sensor, self._first[kept], self.shape[2], max_nan_share=self._max_nan_share)


@dataclass(frozen=True, eq=False)
class RecordingWindows:
    """One recording's windows: sensor (N, C, L) f32 without NaN, and a row of each table column (N,) per window.

    `annotation` is the position of the window's annotation in the recording's list, -1 for none of the classes;
    `location` the true one, -1 where none is in use, absent where it is unknown. `unseen` is the number of windows that
    the sensors have and the video does not show: past its end, or where a row of it has no picture.
    """

    sensor: SensorWindows
    start_s: NDArray[np.float64]
    first_frame: NDArray[np.int64]
    label: NDArray[np.int64]
    annotation: NDArray[np.int64]
    location: NDArray[np.int64] | None
    unseen: int = 0

    def only(self, kept: NDArray[np.bool_]) -> RecordingWindows:
        """The windows where `kept` is true."""
        location = None if self.location is None else self.location[kept]
        return RecordingWindows(
            self.sensor.only(kept),
            self.start_s[kept],
            self.first_frame[kept],
            self.label[kept],
            self.annotation[kept],
            location,
            self.unseen,
        )


def cut_windows(
    recording: Recording,
    *,
    seen: NDArray[np.bool_],
    working_hz: float,
    length_s: float,
    stride_s: float,
    max_nan_share: float,
) -> RecordingWindows:
    """All windows of `recording` that lie inside its sensors and whose video rows all have a picture.

    Args:
        recording: sensors and annotations.
        seen: (F,) whether the row k / working_hz of the video shows its moment.
        working_hz: rate of these rows.
        length_s: length of a window.
        stride_s: from one window's start to the next.
        max_nan_share: of a channel in a window, beyond which it becomes 0 there.
    """
    origin_s, sensor_hz = float(recording.time_s[0]), recording.sensor_hz
    length, frames = rows_per_window(length_s, sensor_hz), rows_per_window(length_s, working_hz)
    begin_s, sensor_end_s = max(origin_s, 0.0), origin_s + len(recording.sensor) / sensor_hz
    start_s = window_starts(begin_s=begin_s, end_s=sensor_end_s, length_s=length_s, stride_s=stride_s)
    video_end_s = min(sensor_end_s, len(seen) / working_hz)
    inside = len(window_starts(begin_s=begin_s, end_s=video_end_s, length_s=length_s, stride_s=stride_s))
    # Rounding to the nearest row may leave the stream by one row at its end.
    first = first_rows(start_s, origin_s=origin_s, rate_hz=sensor_hz)
    whole = (first >= 0) & (first + length <= len(recording.sensor))
    first_frame = first_rows(start_s, origin_s=0.0, rate_hz=working_hz)
    unseen_before = np.concatenate([[0], np.cumsum(~seen)])
    last = np.minimum(first_frame + frames, len(seen))
    shown = (np.arange(len(start_s)) < inside) & (first_frame + frames <= len(seen))
    shown &= unseen_before[last] == unseen_before[np.minimum(first_frame, len(seen))]
    unseen, whole = int((whole & ~shown).sum()), whole & shown
    start_s, first, first_frame = start_s[whole], first[whole], first_frame[whole]
    label, annotation = _labels(recording, start_s + length_s / 2)
    return RecordingWindows(
        sensor=SensorWindows(recording.sensor, first, length, max_nan_share=max_nan_share),
        start_s=start_s,
        first_frame=first_frame,
        label=label,
        annotation=annotation,
        location=None if recording.location is None else dominant_location(recording.location, first, length),
        unseen=unseen,
    )


def _labels(recording: Recording, centre_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    events = recording.annotations
    annotation = centre_annotation(centre_s, [event.start_s for event in events], [event.end_s for event in events])
    # The last entry answers for annotation -1.
    label = np.array([*(event.label for event in events), -1], dtype=np.int64)[annotation]
    return label, np.where(label >= 0, annotation, -1)


@dataclass(frozen=True)
class Shard:
    """Sensors, frames and flow of the same recordings."""

    sensors: RecordingFile
    frames: FrameFile
    flow: FlowFile


def open_shards(
    sensor_paths: Sequence[Path | str],
    frames_paths: Sequence[Path | str],
    flow_paths: Sequence[Path | str],
    *,
    class_names: Sequence[str],
) -> list[Shard]:
    """The shards of one dataset.

    Raises:
        ContractError: an artifact breaks its contract, lacks a recording, or differs from the others in channels, rates
            or sizes.
    """
    shards = []
    first: Shard | None = None
    for paths in zip(sensor_paths, frames_paths, flow_paths, strict=True):
        shard = Shard(read_recordings(paths[0]), read_frames(paths[1]), read_flow(paths[2]))
        first = first or shard
        _require_equal(paths[0], "ingest", "class names", shard.sensors.class_names, tuple(class_names))
        _require_equal(paths[1], "extract_frames", "grid", _grid(shard.frames), _grid(first.frames))
        _require_equal(paths[2], "flow", "grid", _grid(shard.flow), _grid(first.frames))
        _require_equal(paths[2], "flow", "max_px", shard.flow.max_px, first.flow.max_px)
        _require_equal(paths[2], "flow", "method", shard.flow.method, first.flow.method)
        for recording in shard.sensors.recordings:
            reference = first.sensors.recordings[0]
            name = recording.recording_id
            _require_equal(paths[0], "ingest", f"{name}: channels", _channels(recording), _channels(reference))
            _require_equal(paths[1], "extract_frames", "recordings", name in shard.frames.streams, True)
            rows = len(shard.flow.streams.get(name, ()))
            _require_equal(paths[2], "flow", f"{name}: rows", rows, shard.frames.streams[name].num_frames)
        shards.append(shard)
    return shards


def _grid(artifact: FrameFile | FlowFile) -> tuple[float, tuple[int, int]]:
    return artifact.working_hz, artifact.image_px


def _channels(recording: Recording) -> tuple[float, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return recording.sensor_hz, recording.channel_names, recording.channel_units, recording.location_names


def _require_equal(path: Path | str, rule: str, field: str, found: object, expected: object) -> None:
    if found != expected:
        remedy = f"rerun the rule `{rule}` (snakemake --forcerun {rule})"
        raise ContractError(path, field, expected=str(expected)[:200], found=str(found)[:200], remedy=remedy)
