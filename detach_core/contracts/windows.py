"""`windows.h5`: the packed windows of a dataset, unnormalised, the same for every split, and their picture streams.

Sensor windows and mean frames are stored; frames and flow lie once in the shards and appear here as virtual datasets.
A window covers [start_s, start_s + window_s) of its recording. Labels index `class_names`, -1 is none. Windows of
sensors alone have no streams, 0 frames, mean frames without pixels, and first_frame 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.frames import read_flow, read_frames
from detach_core.contracts.hdf5 import ArtifactReader, create_artifact, create_stream, open_artifact, write_json
from detach_core.contracts.provenance import Provenance
from detach_core.contracts.rows import Rows, blocks, open_rows
from detach_core.foundation.errors import ContractError

Stream = tuple[NDArray[np.uint8], NDArray[np.int8]]


@dataclass(frozen=True)
class StreamSource:
    """One recording's streams: the files, relative to `windows.h5`'s folder, and their number of rows."""

    recording: str
    frames: str
    flow: str
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """This source as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Streams:
    """All recordings' streams in memory, one behind the other; window n is the rows `first[n]` to `first[n] + F`."""

    rgb: NDArray[np.uint8]
    flow: NDArray[np.int8]
    first: NDArray[np.int64]


def open_streams(folder: Path, sources: Sequence[StreamSource]) -> list[Stream]:
    """Each recording's (rgb (T, H, W, 3) u8, flow (T, H, W, 2) i8), mapped into memory, read-only.

    Raises:
        ContractError: a shard is missing or no longer holds what was packed.
    """
    frames = {name: read_frames(folder / name).streams for name in {item.frames for item in sources}}
    flows = {name: read_flow(folder / name).streams for name in {item.flow for item in sources}}
    streams = []
    for item in sources:
        for path, rows in (
            (item.frames, len(frames[item.frames][item.recording].rgb) if item.recording in frames[item.frames] else 0),
            (item.flow, len(flows[item.flow].get(item.recording, ()))),
        ):
            if rows != item.rows:
                remedy = "rerun the rule `pack` (snakemake --forcerun pack)"
                raise ContractError(
                    folder / path, item.recording, expected=f"{item.rows} rows", found=f"{rows} rows", remedy=remedy
                )
        streams.append((frames[item.frames][item.recording].rgb, flows[item.flow][item.recording]))
    return streams


def load_streams(streams: Sequence[Stream], recording: NDArray[np.int32], first_frame: NDArray[np.int64]) -> Streams:
    """The streams copied into two arrays, and each window's first row in them."""
    start = np.cumsum([0, *(len(rgb) for rgb, _ in streams)])[:-1]
    rgb = np.concatenate([rgb for rgb, _ in streams])
    flow = np.concatenate([flow for _, flow in streams])
    return Streams(rgb, flow, (start[recording] + first_frame).astype(np.int64))


def write_virtual(
    file: h5py.File,
    name: str,
    *,
    sources: Sequence[tuple[str, str, int]],
    recording: NDArray[np.int32],
    first_frame: NDArray[np.int64],
    window: tuple[int, ...],
    dtype: str,
) -> None:
    """A virtual dataset (N, *window) of overlapping windows, visible in any HDF5 viewer without being stored.

    Args:
        file: the open `windows.h5`.
        name: the dataset's name.
        sources: each recording's (file, dataset, rows).
        recording: (N,) the recording of each window.
        first_frame: (N,) its first row there.
        window: (F, ...) one window's shape.
        dtype: its type.
    """
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.VIRTUAL)
    properties.set_obj_track_times(False)  # the same content gives the same bytes
    target = h5py.h5s.create_simple((len(recording), *window))
    origins = [
        (path.encode(), node.encode(), h5py.h5s.create_simple((rows, *window[1:]))) for path, node, rows in sources
    ]
    rest = window[1:]
    for row, count, step in _even_runs(recording, first_frame):
        path, node, origin = origins[int(recording[row])]
        # A selection cannot overlap itself: of windows that do, every second, third, ... is taken in one go.
        apart = min(-(-window[0] // step), count)
        for lag in range(apart):
            num = len(range(lag, count, apart))
            _select(target, (row + lag, 0), (num, 1), (apart, window[0]), (1, window[0]), rest)
            _select(origin, (int(first_frame[row + lag]),), (num,), (max(apart * step, window[0]),), window[:1], rest)
            properties.set_virtual(target, path, node, origin)
    target.select_all()
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype), logical=True), target, properties)


def _even_runs(recording: NDArray[np.int32], first_frame: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """(first window, how many, rows from one to the next) of windows that follow evenly in one recording.

    They are told to HDF5 at once: it takes some 10 kB of memory for each thing that it is told.
    """
    row, total = 0, len(recording)
    steps = np.where(np.diff(recording) == 0, np.diff(first_frame), 0)
    while row < total:
        step = int(steps[row]) if row < len(steps) else 0
        end = row + 1
        while step > 0 and end < total and steps[end - 1] == step:
            end += 1
        yield row, end - row, max(step, 1)
        row = end


def _select(
    space: h5py.h5s.SpaceID,
    start: tuple[int, ...],
    count: tuple[int, ...],
    stride: tuple[int, ...],
    block: tuple[int, ...],
    rest: tuple[int, ...],
) -> None:
    """Select blocks along the first axes of `space`, and all of the others, which are as long as `rest`."""
    zeros, ones = (0,) * len(rest), (1,) * len(rest)
    space.select_hyperslab((*start, *zeros), (*count, *ones), (*stride, *rest), (*block, *rest))


SCHEMA = "detach.windows/3"

NO_FLOW = "none"
"""`flow_method` of windows without a video"""

RULE = "pack"

_TABLE = {
    "recording": "int32",
    "subject": "int32",
    "start_s": "float64",
    "first_frame": "int64",
    "label": "int32",
    "instance": "int32",
    "location": "int32",
}

_TEXTS = ("dataset", "source", "label_unit", "location_source", "flow_method")

_NUMBERS = ("sensor_hz", "working_hz", "window_s", "stride_s", "max_nan_share", "flow_max_px")

_NAMES = (
    *("class_names", "class_places", "class_actions", "location_names"),
    *("channel_names", "channel_units", "recording_names", "subject_names"),
)


@dataclass(frozen=True)
class ClassAspect:
    """The places, or the actions, of a dataset's classes.

    Attributes:
        names: each once, in the order of the classes.
        of_class: index into `names` of each class, -1 for a class without one.
    """

    names: tuple[str, ...]
    of_class: tuple[int, ...]

    @classmethod
    def of_names(cls, of_class: Sequence[str]) -> ClassAspect:
        """The aspect that has these names, "" where a class has none."""
        names = tuple(dict.fromkeys(name for name in of_class if name))
        return cls(names, tuple(names.index(name) if name else -1 for name in of_class))


@dataclass(frozen=True, eq=False)
class Windows:
    """All windows of a dataset; `sensor` and `mean_frame` are arrays, or rows that are read or computed on demand.

    Shapes: sensor (N, C, L) f32 in native units, finite; mean_frame (N, H, W, 3) u8; the table's columns (N,).
    recording, subject, label, instance and location are indices with -1 for none (instance: unique over the dataset;
    location: -1 is unknown, for monitoring only); first_frame is the window's first row in its recording's streams.
    class_places and class_actions are the place and the action of each class, "" for a class without. In a
    window, a channel with a share of NaN above max_nan_share was set to 0; flow_method is that of the shards' flow.
    """

    path: Path
    sensor: Rows
    mean_frame: Rows
    recording: NDArray[np.int32]
    subject: NDArray[np.int32]
    start_s: NDArray[np.float64]
    first_frame: NDArray[np.int64]
    label: NDArray[np.int32]
    instance: NDArray[np.int32]
    location: NDArray[np.int32]
    dataset: str
    source: str
    label_unit: str
    class_names: tuple[str, ...]
    class_places: tuple[str, ...]
    class_actions: tuple[str, ...]
    location_names: tuple[str, ...]
    location_source: str
    channel_names: tuple[str, ...]
    channel_units: tuple[str, ...]
    recording_names: tuple[str, ...]
    subject_names: tuple[str, ...]
    sensor_hz: float
    working_hz: float
    window_s: float
    stride_s: float
    frames_per_window: int
    max_nan_share: float
    flow_method: str
    flow_max_px: float
    streams: tuple[StreamSource, ...]
    provenance: Provenance

    @property
    def num_windows(self) -> int:
        """Number N of windows."""
        return len(self.sensor)

    @property
    def has_video(self) -> bool:
        """Whether the windows show pictures."""
        return self.frames_per_window > 0

    @cached_property
    def end_s(self) -> NDArray[np.float64]:
        """(N,) exclusive end of each window in seconds."""
        return self.start_s + self.window_s

    @cached_property
    def places(self) -> ClassAspect:
        """The places of the classes."""
        return ClassAspect.of_names(self.class_places)

    @cached_property
    def actions(self) -> ClassAspect:
        """The actions of the classes."""
        return ClassAspect.of_names(self.class_actions)

    def open_streams(self) -> list[Stream]:
        """Each recording's (rgb, flow), mapped into memory."""
        return open_streams(self.path.parent, self.streams)

    def load_streams(self) -> Streams:
        """All recordings' streams in memory, with each window's first row."""
        return load_streams(self.open_streams(), self.recording, self.first_frame)


def write_windows(path: Path | str, windows: Windows) -> None:
    """Write `windows` to `path`; `windows.path` is not used."""
    with create_artifact(path, schema=SCHEMA, provenance=windows.provenance) as file:
        for name in _TEXTS + _NUMBERS:
            file.attrs[name] = getattr(windows, name)
        file.attrs["frames_per_window"] = windows.frames_per_window
        write_json(file, **{name: list(getattr(windows, name)) for name in _NAMES})
        write_json(file, streams=[item.to_dict() for item in windows.streams])
        for name, rows, dtype in (("sensor", windows.sensor, "float32"), ("mean_frame", windows.mean_frame, "uint8")):
            dataset = create_stream(file, name, rows.shape, dtype)
            for first, block in blocks(rows):
                dataset[first : first + len(block)] = block
        for name, dtype in _TABLE.items():
            file[name] = getattr(windows, name).astype(dtype, copy=False)
        height, width = windows.mean_frame.shape[1:3]
        for name, depth, dtype in (("rgb", 3, "uint8"), ("flow", 2, "int8")) if windows.has_video else ():
            write_virtual(
                file,
                name,
                sources=[
                    (item.frames if name == "rgb" else item.flow, f"{item.recording}/{name}", item.rows)
                    for item in windows.streams
                ],
                recording=windows.recording,
                first_frame=windows.first_frame,
                window=(windows.frames_per_window, height, width, depth),
                dtype=dtype,
            )


def read_windows(path: Path | str) -> Windows:
    """The windows that `write_windows` wrote; frames and flow are left in the shards.

    Raises:
        ContractError: the file violates its contract.
    """
    windows = open_windows(path)
    return replace(windows, sensor=np.asarray(windows.sensor), mean_frame=np.asarray(windows.mean_frame))


def open_windows(path: Path | str) -> Windows:
    """The same with `sensor` and `mean_frame` left in the file, whose rows are read on demand.

    Raises:
        ContractError: as `read_windows`.
    """
    with open_artifact(path, schema=SCHEMA, rule=RULE) as reader:
        names = {name: reader.names(name) for name in _NAMES}
        sensor = open_rows(reader, "sensor", dtype="float32", shape=(None, len(names["channel_names"]), None))
        if not all(np.isfinite(block).all() for _, block in blocks(sensor)):
            raise reader.error("sensor", expected="finite values", found="NaN or infinity")
        count = len(sensor)
        table = {
            name: reader.dataset(name, dtype=dtype, shape=(count,), finite=dtype == "float64")[()]
            for name, dtype in _TABLE.items()
        }
        fields: dict[str, Any] = {
            "sensor": sensor,
            "mean_frame": open_rows(reader, "mean_frame", dtype="uint8", shape=(count, None, None, 3)),
            **table,
            **{name: reader.label(name) for name in _TEXTS},
            **{name: reader.attribute(name, float) for name in _NUMBERS},
            **names,
            "frames_per_window": reader.attribute("frames_per_window", int),
            "streams": _read_sources(reader),
        }
        windows = Windows(path=Path(path), provenance=reader.provenance(), **fields)
        _check_indices(reader, windows)
        return windows


def _read_sources(reader: ArtifactReader) -> tuple[StreamSource, ...]:
    items = reader.json("streams", list)
    kinds = {"recording": str, "frames": str, "flow": str, "rows": int}
    if not all(isinstance(item, dict) and {key: type(item[key]) for key in item} == kinds for item in items):
        found = json.dumps(items)[:80]
        raise reader.error("/@streams", expected="{recording, frames, flow, rows} each", found=found)
    return tuple(StreamSource(**item) for item in items)


def _check_indices(reader: ArtifactReader, windows: Windows) -> None:
    bounds = {
        "recording": (0, len(windows.recording_names)),
        "subject": (0, len(windows.subject_names)),
        "label": (-1, len(windows.class_names)),
        "location": (-1, len(windows.location_names)),
    }
    for name, (low, high) in bounds.items():
        values = getattr(windows, name)
        if values.size and (values.min() < low or values.max() >= high):
            found = f"{values.min()}..{values.max()}"
            raise reader.error(name, expected=f"values {low}..{high - 1}", found=found)
    for name in ("class_places", "class_actions"):
        if len(getattr(windows, name)) != len(windows.class_names):
            found = f"{len(getattr(windows, name))} names"
            raise reader.error(f"/@{name}", expected=f"one for each of {len(windows.class_names)} classes", found=found)
    streams = len(windows.recording_names) if windows.has_video else 0
    if len(windows.streams) != streams:
        raise reader.error("/@streams", expected=f"{streams} streams", found=f"{len(windows.streams)}")
    if not windows.has_video:
        return
    rows = np.array([item.rows for item in windows.streams], dtype=np.int64)
    end = windows.first_frame + windows.frames_per_window
    if windows.num_windows and (windows.first_frame.min() < 0 or (end > rows[windows.recording]).any()):
        raise reader.error("first_frame", expected="windows inside their streams", found="a window beyond the end")
