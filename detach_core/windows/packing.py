"""Packing: the label and place of a window, windows of one recording without missing samples, and checks of a shard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.frames import FlowFile, FrameFile, read_flow, read_frames
from detach_core.contracts.recording import Places, Recording, RecordingFile, read_recordings
from detach_core.contracts.rows import LazyRows, Rows, blocks
from detach_core.foundation.errors import ContractError

NONE = -1

_WINDOWS_AT_ONCE = 1024


def centre_annotation(
    centre_s: NDArray[np.float64], start_s: Sequence[float], end_s: Sequence[float]
) -> NDArray[np.int64]:
    """(N,) the annotation [start_s, end_s) that holds each centre, the one that starts last if several do; -1 for none.

    Of several that start together, the last one counts as the latest.

    Raises:
        ValueError: the starts are not in order.
    """
    starts, ends = np.asarray(start_s, dtype=np.float64), np.asarray(end_s, dtype=np.float64)
    if (np.diff(starts) < 0).any():
        raise ValueError("annotations must be ordered by their start")
    # Between two edges the same annotation rules; before the first edge, none does.
    edges = np.unique(np.concatenate([starts, ends]))
    ruling, running, new = [NONE], list[int](), 0
    for edge in edges:
        while new < len(starts) and starts[new] <= edge:
            running.append(new)
            new += 1
        # One that has ended below another that has not is dropped once that one has ended too.
        while running and ends[running[-1]] <= edge:
            running.pop()
        ruling.append(running[-1] if running else NONE)
    return np.asarray(ruling, dtype=np.int64)[np.searchsorted(edges, centre_s, side="right")]


def runs(values: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """The (value, first row, row behind the last) of each run of equal values."""
    if not len(values):
        return []
    edges = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    return [(int(values[first]), int(first), int(end)) for first, end in pairwise(edges)]


def dominant_location(location: Rows, first: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """(N,) the location in use for most of each window's rows, -1 where none is in use; the lower index wins a tie.

    Args:
        location: (T,) which is in use, -1 for none; read some windows at a time.
        first: (N,) each window's first row.
        length: rows of a window.
    """
    found = np.full(len(first), NONE, dtype=np.int64)
    for window in range(0, len(first), _WINDOWS_AT_ONCE):
        rows = first[window : window + _WINDOWS_AT_ONCE]
        inside = np.stack([location[row : row + length] for row in rows.tolist()])
        count = int(inside.max(initial=NONE)) + 1
        if count > 0:
            share = (inside[:, :, None] == np.arange(count)).sum(axis=1)
            found[window : window + len(rows)] = np.where(share.max(axis=1) > 0, share.argmax(axis=1), NONE)
    return found


def most_active_place(windows: Rows, places: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """(N,) the place whose channels changed most often in each window (N, C, L), ties broken by the longest activity.

    A channel rests at its most frequent value of all windows, whatever its polarity. -1 where nothing was active.
    """
    resting, found = _resting_value(windows), np.full(len(windows), NONE, dtype=np.int64)
    for first, piece in blocks(windows):
        changes = (np.diff(piece, axis=2) != 0).sum(axis=2)
        active = (piece != resting[None, :, None]).sum(axis=2)
        # A change outweighs any time of being active; the two never mix.
        score = changes * (piece.shape[2] + 1) + active
        place_score = np.stack([score[:, list(channels)].sum(axis=1) for channels in places], axis=1)
        best = np.where(place_score.max(axis=1) > 0, place_score.argmax(axis=1), NONE)
        found[first : first + len(piece)] = best
    return found


def _resting_value(windows: Rows) -> NDArray[np.float32]:
    # What is kept is a count for each value that occurs: few for switches, as many as there are for other sensors.
    counted = [(np.empty(0, np.float32), np.empty(0, np.int64)) for _ in range(windows.shape[1])]
    for _, piece in blocks(windows):
        for channel, (values, counts) in enumerate(counted):
            new, new_counts = np.unique(piece[:, channel], return_counts=True)
            both, place = np.unique(np.concatenate([values, new]), return_inverse=True)
            total = np.zeros(len(both), np.int64)
            np.add.at(total, place, np.concatenate([counts, new_counts]))
            counted[channel] = both, total
    resting = [values[counts.argmax()] if len(values) else 0.0 for values, counts in counted]
    return np.array(resting, dtype=np.float32)


NOWHERE = "none"


def locate_windows(
    sensor: Rows,
    label: NDArray[np.int64],
    *,
    truth: NDArray[np.int64] | None,
    truth_names: Sequence[str],
    places: Places,
) -> tuple[NDArray[np.int32], tuple[str, ...], str]:
    """(location (N,), its names, its source). "none" is a separate place; -1 means unknown.

    Args:
        sensor: (N, C, L) all windows.
        label: (N,) class of each, -1 for none.
        truth: (N,) the simulation's location, -1 where nothing is in use; None for real recordings.
        truth_names: names of the simulation's locations.
        places: the dataset's places.
    """
    if truth is not None:
        return _with_nowhere(truth, truth_names), (*truth_names, NOWHERE), "simulation truth"
    if any(place >= 0 for place in places.of_class):
        return np.array([*places.of_class, -1], dtype=np.int32)[label], places.names, "label"
    if not places.names:
        return np.full(len(label), -1, dtype=np.int32), (), "unknown"
    active = most_active_place(sensor, places.channels)
    return _with_nowhere(active, places.names), (*places.names, NOWHERE), "active switch"


def _with_nowhere(location: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int32]:
    return np.where(location < 0, len(names), location).astype(np.int32)


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
    the sensors have and the video does not show: before its start, past its end, or where a row of it has no picture.
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
    seen: NDArray[np.bool_] | None,
    working_hz: float,
    length_s: float,
    stride_s: float,
    max_nan_share: float,
) -> RecordingWindows:
    """All windows of `recording` that lie inside its sensors and whose video rows all have a picture.

    Args:
        recording: sensors and annotations.
        seen: (F,) whether the row k / working_hz of the video shows its moment; None for a recording without video.
        working_hz: rate of these rows.
        length_s: length of a window.
        stride_s: from one window's start to the next.
        max_nan_share: of a channel in a window, beyond which it becomes 0 there.
    """
    origin_s, sensor_hz = float(recording.time_s[0]), recording.sensor_hz
    length = rows_per_window(length_s, sensor_hz)
    begin_s, sensor_end_s = origin_s, origin_s + len(recording.sensor) / sensor_hz
    start_s = window_starts(begin_s=begin_s, end_s=sensor_end_s, length_s=length_s, stride_s=stride_s)
    # Rounding to the nearest row may leave the stream by one row at its end.
    first = first_rows(start_s, origin_s=origin_s, rate_hz=sensor_hz)
    whole = (first >= 0) & (first + length <= len(recording.sensor))
    shown, first_frame = np.ones(len(start_s), dtype=bool), np.zeros(len(start_s), dtype=np.int64)
    if seen is not None:
        first_frame = first_rows(start_s, origin_s=0.0, rate_hz=working_hz)
        video_end_s = min(sensor_end_s, len(seen) / working_hz)
        inside = len(window_starts(begin_s=begin_s, end_s=video_end_s, length_s=length_s, stride_s=stride_s))
        shown = _shown(first_frame, rows_per_window(length_s, working_hz), seen)
        shown &= (np.arange(len(start_s)) < inside) & (start_s > -_EPSILON_S)
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


def _shown(first_frame: NDArray[np.int64], frames: int, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) whether all of the `frames` rows from `first_frame` (N,) on exist and show their moment."""
    unseen_before = np.concatenate([[0], np.cumsum(~seen)])
    first, last = (np.clip(row, 0, len(seen)) for row in (first_frame, first_frame + frames))
    inside = (first_frame >= 0) & (first_frame + frames <= len(seen))
    return np.asarray(inside & (unseen_before[last] == unseen_before[first]))


def _labels(recording: Recording, centre_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    events = recording.annotations
    annotation = centre_annotation(centre_s, [event.start_s for event in events], [event.end_s for event in events])
    # The last entry answers for annotation -1.
    label = np.array([*(event.label for event in events), -1], dtype=np.int64)[annotation]
    return label, np.where(label >= 0, annotation, -1)


_VideoPaths = tuple[Path | str, Path | str]


@dataclass(frozen=True)
class Shard:
    """Sensors, and where there is a video frames and flow, of the same recordings."""

    sensors: RecordingFile
    video: ShardVideo | None


@dataclass(frozen=True)
class ShardVideo:
    """Frames and flow of the same recordings."""

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
    shards: list[Shard] = []
    videos: list[_VideoPaths | None] = [*zip(frames_paths, flow_paths, strict=True)] or [None] * len(sensor_paths)
    for path, of_video in zip(sensor_paths, videos, strict=True):
        shard = Shard(read_recordings(path), of_video and ShardVideo(read_frames(of_video[0]), read_flow(of_video[1])))
        shards.append(shard)
        reference = shards[0].sensors.recordings[0]
        _require_equal(path, "ingest", "class names", shard.sensors.class_names, tuple(class_names))
        for recording in shard.sensors.recordings:
            name = recording.recording_id
            _require_equal(path, "ingest", f"{name}: channels", _channels(recording), _channels(reference))
        if of_video and shard.video and shards[0].video:
            _check_video(of_video, shard.video, shards[0].video, shard.sensors)
    return shards


def _check_video(paths: _VideoPaths, video: ShardVideo, first: ShardVideo, sensors: RecordingFile) -> None:
    """Refuse frames and flow unlike the first shard's, or without one of the recordings."""
    _require_equal(paths[0], "extract_frames", "grid", _grid(video.frames), _grid(first.frames))
    _require_equal(paths[1], "flow", "grid", _grid(video.flow), _grid(first.frames))
    _require_equal(paths[1], "flow", "max_px", video.flow.max_px, first.flow.max_px)
    _require_equal(paths[1], "flow", "method", video.flow.method, first.flow.method)
    for recording in sensors.recordings:
        name = recording.recording_id
        _require_equal(paths[0], "extract_frames", "recordings", name in video.frames.streams, True)
        rows = len(video.flow.streams.get(name, ()))
        _require_equal(paths[1], "flow", f"{name}: rows", rows, video.frames.streams[name].num_frames)


def _grid(artifact: FrameFile | FlowFile) -> tuple[float, tuple[int, int]]:
    return artifact.working_hz, artifact.image_px


def _channels(recording: Recording) -> tuple[float, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return recording.sensor_hz, recording.channel_names, recording.channel_units, recording.location_names


def _require_equal(path: Path | str, rule: str, field: str, found: object, expected: object) -> None:
    if found != expected:
        remedy = f"rerun the rule `{rule}` (snakemake --forcerun {rule})"
        raise ContractError(path, field, expected=str(expected)[:200], found=str(found)[:200], remedy=remedy)
