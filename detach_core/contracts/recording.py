"""Recordings of a shard: `sensor.h5`, sensors and annotations, and the simulator's `truth/{recording}.h5`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import ArtifactReader, create_artifact, create_stream, open_artifact, write_json
from detach_core.contracts.provenance import Provenance
from detach_core.contracts.rows import RowFile, Rows, blocks, open_rows

SENSOR_SCHEMA = "detach.sensor/2"
"""`sensor.h5`: the recordings of one shard, with sensors in native units (NaN kept) and annotations.

One group per recording. Time is in seconds on the recording's clock, 0 at the first video frame; intervals are half
open. Arrays are written and read by rows, so that memory does not grow with a recording's length.
"""

_ANNOTATION = np.dtype([("start_s", "f8"), ("end_s", "f8"), ("label", "i4"), ("instance", "i4")])


@dataclass(frozen=True)
class Annotation:
    """Annotated activity in [start_s, end_s): an index into the class names, or -1 for another known activity."""

    start_s: float
    end_s: float
    label: int


@dataclass(frozen=True)
class Recording:
    """One continuous capture.

    `sensor` (T, C) f32 in native units lies at `sensor_hz` from `time_s[0]` on. `location` (T,) i16 is the simulation's
    truth of the fixture in use (-1: none), absent from real recordings. `remarks` are sentences for the log. The three
    are arrays in memory or rows that lie in a file.
    """

    recording_id: str
    subject: str
    sensor: Rows
    time_s: Rows
    sensor_hz: float
    channel_names: tuple[str, ...]
    channel_units: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    video_path: Path | None
    video_hz: float
    location: Rows | None = None
    location_names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Places:
    """Places of actions: names, the place of each class (-1: unknown) and the channels that watch each place."""

    names: tuple[str, ...]
    of_class: tuple[int, ...]
    channels: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class RecordingFile:
    """Content of `sensor.h5`; `class_actions` holds "" for a class without an action."""

    dataset: str
    class_names: tuple[str, ...]
    class_actions: tuple[str, ...]
    places: Places
    recordings: tuple[Recording, ...]
    provenance: Provenance


def write_recordings(
    path: Path | str,
    recordings: Iterable[Recording],
    *,
    dataset: str,
    class_names: Sequence[str],
    class_actions: Sequence[str],
    places: Places,
    provenance: Provenance,
) -> None:
    """Write one shard's recordings one by one, so that only one is in memory at a time.

    Raises:
        ValueError: a recording's arrays do not fit each other.
    """
    with create_artifact(path, schema=SENSOR_SCHEMA, provenance=provenance) as file:
        file.attrs["dataset"] = dataset
        write_json(file, class_names=list(class_names), class_actions=list(class_actions))
        write_json(file, place_names=places.names, class_places=places.of_class, place_channels=places.channels)
        names = []
        for item in recordings:
            _write_recording(file.create_group(item.recording_id), item)
            names.append(item.recording_id)
        write_json(file, recording_names=names)


def _write_recording(group: h5py.Group, item: Recording) -> None:
    length, channels = item.sensor.shape
    if (len(item.time_s), len(item.channel_names), len(item.channel_units)) != (length, channels, channels):
        raise ValueError(f"{item.recording_id}: sensor {item.sensor.shape} does not fit its times or its names")
    _write_rows(group, "sensor", item.sensor, "float32")
    _write_rows(group, "time_s", item.time_s, "float64")
    rows = [(event.start_s, event.end_s, event.label, i) for i, event in enumerate(item.annotations)]
    group.create_dataset("annotations", data=np.array(rows, dtype=_ANNOTATION))
    group.attrs["subject"] = item.subject
    group.attrs["sensor_hz"] = float(item.sensor_hz)
    group.attrs["video_hz"] = float(item.video_hz)
    write_json(group, channel_names=item.channel_names, channel_units=item.channel_units)
    if item.location is not None:
        _write_rows(group, "location", item.location, "int16")
        write_json(group, location_names=item.location_names)


def _write_rows(group: h5py.Group, name: str, rows: Rows, dtype: str) -> None:
    dataset = create_stream(group, name, rows.shape, dtype)
    for first, block in blocks(rows):
        dataset[first : first + len(block)] = block.astype(dtype, copy=False)


def read_recordings(path: Path | str) -> RecordingFile:
    """The recordings that `write_recordings` wrote; their arrays stay in the file until rows of them are read.

    Raises:
        ContractError: the file violates its contract.
    """
    with open_artifact(path, schema=SENSOR_SCHEMA, rule="ingest") as reader:
        class_names, class_actions = reader.names("class_names"), reader.names("class_actions")
        if len(class_actions) != len(class_names):
            raise reader.error("/@class_actions", expected="one for each class", found=f"{len(class_actions)} actions")
        places = _read_places(reader)
        if len(places.of_class) != len(class_names) or len(places.channels) != len(places.names):
            raise reader.error("/@class_places", expected="one for each class and place", found="another number")
        names = reader.names("recording_names")
        recordings = tuple(_read_recording(reader, name, len(class_names)) for name in names)
        return RecordingFile(
            dataset=reader.label("dataset"),
            class_names=class_names,
            class_actions=class_actions,
            places=places,
            recordings=recordings,
            provenance=reader.provenance(),
        )


def _read_places(reader: ArtifactReader) -> Places:
    names = reader.names("place_names")
    of_class, channels = reader.json("class_places", list), reader.json("place_channels", list)
    if not all(type(place) is int and -1 <= place < len(names) for place in of_class):
        raise reader.error("/@class_places", expected=f"numbers -1..{len(names) - 1}", found=str(of_class)[:80])
    if not all(isinstance(one, list) and all(type(item) is int and item >= 0 for item in one) for one in channels):
        raise reader.error("/@place_channels", expected="lists of channel numbers", found=str(channels)[:80])
    return Places(names, tuple(of_class), tuple(map(tuple, channels)))


def _read_recording(reader: ArtifactReader, name: str, num_classes: int) -> Recording:
    channel_names = reader.names("channel_names", name)
    sensor = open_rows(reader, f"{name}/sensor", dtype="float32", shape=(None, len(channel_names)))
    if any(np.isinf(block).any() for _, block in blocks(sensor)):
        raise reader.error(f"{name}/sensor", expected="numbers or NaN", found="infinity")
    time_s = open_rows(reader, f"{name}/time_s", dtype="float64", shape=(len(sensor),))
    if not all(np.isfinite(block).all() for _, block in blocks(time_s)):
        raise reader.error(f"{name}/time_s", expected="finite values", found="NaN or infinity")
    table = reader.dataset(f"{name}/annotations", dtype="table", shape=(None,), parts=_ANNOTATION.names or ())[()]
    if table.size and (table["label"].min() < -1 or table["label"].max() >= num_classes):
        raise reader.error(f"{name}/annotations", expected=f"labels -1..{num_classes - 1}", found="labels outside")
    location, location_names = _read_location(reader, name, len(sensor))
    return Recording(
        recording_id=name,
        subject=reader.label("subject", name),
        sensor=sensor,
        time_s=time_s,
        sensor_hz=reader.attribute("sensor_hz", float, name),
        channel_names=channel_names,
        channel_units=reader.names("channel_units", name),
        annotations=tuple(Annotation(float(row[0]), float(row[1]), int(row[2])) for row in table),
        video_path=None,
        video_hz=reader.attribute("video_hz", float, name),
        location=location,
        location_names=location_names,
    )


def _read_location(reader: ArtifactReader, name: str, length: int) -> tuple[Rows | None, tuple[str, ...]]:
    if f"{name}/location" not in reader.file:
        return None, ()
    names = reader.names("location_names", name)
    location = open_rows(reader, f"{name}/location", dtype="int16", shape=(length,))
    if any(block.min() < -1 or block.max() >= len(names) for _, block in blocks(location)):
        raise reader.error(f"{name}/location", expected=f"values -1..{len(names) - 1}", found="values outside")
    return location, names


TRUTH_SCHEMA = "detach.truth/1"
"""`truth/{recording}.h5`: the simulator's ground truth of a recording, for tests, monitoring and cluster evaluation.

`location` (T,) i16 is the fixture truly in use at the sensors' rate from time 0 (-1: none); further arrays
are the simulator's own and pass through unchecked.
"""

TRUTH_RULE = "simulate_home"

_OWN = "location"


@dataclass(frozen=True)
class Truth:
    """Ground truth of one recording: `location` (T,) i16 indexes `location_names`, -1 is none; `extra` by name."""

    sensor_hz: float
    location: NDArray[np.int16]
    location_names: tuple[str, ...]
    extra: dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Location:
    """The fixture in use by time: `rows` (T,) i16 at `sensor_hz` from time 0 index `names`, -1 is none."""

    sensor_hz: float
    rows: RowFile
    names: tuple[str, ...]


def write_truth(
    path: Path | str,
    *,
    sensor_hz: float,
    location: NDArray[np.integer[Any]],
    location_names: Sequence[str],
    extra: Mapping[str, NDArray[Any]],
) -> None:
    """Write the ground truth of one recording.

    Raises:
        ValueError: `location` is not one-dimensional or leaves the range of the names, or an extra takes its name.
    """
    location = np.asarray(location)
    if location.ndim != 1 or (location.size and (location.min() < -1 or location.max() >= len(location_names))):
        raise ValueError(f"location must be (T,) with values -1..{len(location_names) - 1}")
    if _OWN in extra:
        raise ValueError(f"`{_OWN}` is the contract's own dataset")
    with create_artifact(path, schema=TRUTH_SCHEMA, provenance=None) as file:
        file.attrs["sensor_hz"] = float(sensor_hz)
        write_json(file, location_names=list(location_names))
        file[_OWN] = location.astype(np.int16)
        for name in sorted(extra):
            file[name] = np.asarray(extra[name])


def read_truth(path: Path | str) -> Truth:
    """The truth that `write_truth` wrote.

    Raises:
        ContractError: the file violates its contract.
    """
    with open_artifact(path, schema=TRUTH_SCHEMA, rule=TRUTH_RULE) as reader:
        location = _open_location(reader)
        extra = {name: reader.any_dataset(name)[()] for name in reader.file if name != _OWN}
        return Truth(location.sensor_hz, np.asarray(location.rows), location.names, extra)


def open_location(path: Path | str) -> Location:
    """The location of the ground truth alone, left in the file.

    Raises:
        ContractError: the file violates its contract.
    """
    with open_artifact(path, schema=TRUTH_SCHEMA, rule=TRUTH_RULE) as reader:
        return _open_location(reader)


def _open_location(reader: ArtifactReader) -> Location:
    names = reader.names("location_names")
    rows = open_rows(reader, _OWN, dtype="int16", shape=(None,))
    if any(block.min() < -1 or block.max() >= len(names) for _, block in blocks(rows)):
        raise reader.error(_OWN, expected=f"values -1..{len(names) - 1}", found="values outside")
    return Location(reader.attribute("sensor_hz", float), rows, names)
