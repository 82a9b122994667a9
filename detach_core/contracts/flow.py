"""`flow.h5`: optical flow between consecutive working frames, one contiguous int8 stream per recording.

Row i leads from frame i - 1 to frame i (row 0 is zero), (x, y) in pixels of the working grid, square-root companded:
q = round(sign(f) sqrt(|f| / max_px) 127). Small motion keeps fine steps where a linear code would round it to zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.frames import read_image_px
from detach_core.contracts.hdf5 import create_artifact, create_stream, open_artifact, write_json
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.flow/1"
_STEPS = 127


def compand(flow: NDArray[np.float32], max_px: float) -> NDArray[np.int8]:
    """Flow in grid pixels as int8; what is beyond `max_px` is clipped to it."""
    magnitude = np.sqrt(np.minimum(np.abs(flow), max_px) / max_px) * _STEPS
    code: NDArray[np.int8] = np.copysign(np.rint(magnitude), flow).astype(np.int8)
    return code


def flow_table(max_px: float) -> NDArray[np.float32]:
    """Flow in grid pixels of each code: (256,) f32, to be indexed with q + 128."""
    code = np.arange(-128, 128, dtype=np.float64)
    # compand never writes -128; it decodes as -127 so that the table stays odd-symmetric and in range.
    code = np.maximum(code, -_STEPS)
    return (np.sign(code) * (code / _STEPS) ** 2 * max_px).astype(np.float32)


@dataclass(frozen=True)
class FlowFile:
    """All that `flow.h5` holds; streams (F, H, W, 2) i8 are mapped into memory, read-only."""

    path: Path
    max_px: float
    working_hz: float
    image_px: tuple[int, int]
    method: str
    streams: dict[str, NDArray[np.int8]]
    provenance: Provenance


@dataclass(frozen=True)
class FlowWriter:
    """An open `flow.h5` to which recordings are added."""

    file: h5py.File
    image_px: tuple[int, int]

    def add_recording(self, recording_id: str, *, num_frames: int) -> h5py.Dataset:
        """The empty `flow` dataset of one recording; every row must be written."""
        width, height = self.image_px
        group = self.file.create_group(recording_id)
        return create_stream(group, "flow", (num_frames, height, width, 2), "int8")


@contextmanager
def create_flow(
    path: Path | str,
    *,
    max_px: float,
    working_hz: float,
    image_px: Sequence[int],
    method: str,
    provenance: Provenance,
) -> Iterator[FlowWriter]:
    """A writer of `flow.h5`; the file appears when the block ends well."""
    width, height = (int(length) for length in image_px)
    with create_artifact(path, schema=SCHEMA, provenance=provenance) as file:
        file.attrs["max_px"] = float(max_px)
        file.attrs["working_hz"] = float(working_hz)
        file.attrs["method"] = method
        write_json(file, image_px=[width, height])
        yield FlowWriter(file, (width, height))


def read_flow(path: Path | str) -> FlowFile:
    """The flow that `create_flow` wrote, without reading a picture.

    Raises:
        ContractError: the file is not what the contract says.
    """
    with open_artifact(path, schema=SCHEMA, rule="flow") as reader:
        max_px = reader.attribute("max_px", float)
        if max_px <= 0:
            raise reader.error("/@max_px", expected="a number above 0", found=str(max_px))
        width, height = read_image_px(reader)
        streams: dict[str, NDArray[np.int8]] = {
            name: reader.stream(f"{name}/flow", dtype="int8", shape=(None, height, width, 2)) for name in reader.file
        }
        return FlowFile(
            Path(path),
            max_px,
            reader.attribute("working_hz", float),
            (width, height),
            reader.label("method"),
            streams,
            reader.provenance(),
        )
