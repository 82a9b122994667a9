"""`truth/{recording}.h5`: what the simulator knows of a recording. Tests and monitoring read it, no result does.

`location` (T,) i16 says, at the sensors' rate from time 0, which fixture is really in use (-1: none); further arrays
are the simulator's own and pass through unchecked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import ArtifactReader, create_artifact, open_artifact, write_json
from detach_core.contracts.row_files import RowFile, open_rows
from detach_core.contracts.rows import blocks

SCHEMA = "detach.truth/1"
RULE = "simulate_home"
_OWN = "location"


@dataclass(frozen=True)
class Truth:
    """One recording's truth: `location` (T,) i16 indexes `location_names`, -1 is none; `extra` by name."""

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
    """Write one recording's truth.

    Raises:
        ValueError: `location` is not one-dimensional or leaves the range of the names, or an extra takes its name.
    """
    location = np.asarray(location)
    if location.ndim != 1 or (location.size and (location.min() < -1 or location.max() >= len(location_names))):
        raise ValueError(f"location must be (T,) with values -1..{len(location_names) - 1}")
    if _OWN in extra:
        raise ValueError(f"`{_OWN}` is the contract's own dataset")
    with create_artifact(path, schema=SCHEMA, provenance=None) as file:
        file.attrs["sensor_hz"] = float(sensor_hz)
        write_json(file, location_names=list(location_names))
        file[_OWN] = location.astype(np.int16)
        for name in sorted(extra):
            file[name] = np.asarray(extra[name])


def read_truth(path: Path | str) -> Truth:
    """The truth that `write_truth` wrote.

    Raises:
        ContractError: the file is not what the contract says.
    """
    with open_artifact(path, schema=SCHEMA, rule=RULE) as reader:
        location = _open_location(reader)
        extra = {name: reader.any_dataset(name)[()] for name in reader.file if name != _OWN}
        return Truth(location.sensor_hz, np.asarray(location.rows), location.names, extra)


def open_location(path: Path | str) -> Location:
    """The truth's location alone, left in the file.

    Raises:
        ContractError: the file is not what the contract says.
    """
    with open_artifact(path, schema=SCHEMA, rule=RULE) as reader:
        return _open_location(reader)


def _open_location(reader: ArtifactReader) -> Location:
    names = reader.names("location_names")
    rows = open_rows(reader, _OWN, dtype="int16", shape=(None,))
    if any(block.min() < -1 or block.max() >= len(names) for _, block in blocks(rows)):
        raise reader.error(_OWN, expected=f"values -1..{len(names) - 1}", found="values outside")
    return Location(reader.attribute("sensor_hz", float), rows, names)
