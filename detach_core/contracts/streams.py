"""Picture streams behind `windows.h5`: frames and flow of each recording, stored once in the shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.frames import read_flow, read_frames
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
    """A virtual dataset (N, *window) of overlapping windows, so that any viewer of HDF5 shows them and none is stored.

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
