"""`frames.h5`: the small frames of one shard at the working rate, each recording one contiguous, uncompressed stream.

`rgb` (F, H, W, 3) u8 is the working grid, `luma` (F, 2H, 2W) u8 the grey picture at twice the grid, for
optical flow. Row k shows the moment k / working_hz on the recording's clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import ArtifactReader, create_artifact, create_stream, open_artifact, write_json
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.frames/1"


@dataclass(frozen=True)
class FrameStream:
    """One recording's frames: `rgb` and `luma` are mapped into memory, read-only; `video` is where they came from."""

    rgb: NDArray[np.uint8]
    luma: NDArray[np.uint8]
    time_s: NDArray[np.float64]
    video: str

    @property
    def num_frames(self) -> int:
        """Rows of the stream."""
        return len(self.rgb)


@dataclass(frozen=True)
class FrameFile:
    """All that `frames.h5` holds; `image_px` is (width, height) of the grid."""

    path: Path
    working_hz: float
    image_px: tuple[int, int]
    streams: dict[str, FrameStream]
    provenance: Provenance


@dataclass(frozen=True)
class FrameWriter:
    """An open `frames.h5` to which recordings are added."""

    file: h5py.File
    working_hz: float
    image_px: tuple[int, int]

    def add_recording(self, recording_id: str, *, num_frames: int, video: str) -> tuple[h5py.Dataset, h5py.Dataset]:
        """The empty `rgb` and `luma` datasets of one recording; every row must be written."""
        width, height = self.image_px
        group = self.file.create_group(recording_id)
        group.attrs["video"] = video
        group["time_s"] = np.arange(num_frames, dtype=np.float64) / self.working_hz
        rgb = create_stream(group, "rgb", (num_frames, height, width, 3), "uint8")
        return rgb, create_stream(group, "luma", (num_frames, 2 * height, 2 * width), "uint8")


@contextmanager
def create_frames(
    path: Path | str, *, working_hz: float, image_px: Sequence[int], provenance: Provenance
) -> Iterator[FrameWriter]:
    """A writer of `frames.h5`; the file appears when the block ends well."""
    width, height = (int(length) for length in image_px)
    with create_artifact(path, schema=SCHEMA, provenance=provenance) as file:
        file.attrs["working_hz"] = float(working_hz)
        write_json(file, image_px=[width, height])
        yield FrameWriter(file, float(working_hz), (width, height))


def read_frames(path: Path | str) -> FrameFile:
    """The frames that `create_frames` wrote, without reading a picture.

    Raises:
        ContractError: the file is not what the contract says.
    """
    with open_artifact(path, schema=SCHEMA, rule="extract_frames") as reader:
        working_hz = reader.attribute("working_hz", float)
        width, height = read_image_px(reader)
        streams: dict[str, FrameStream] = {}
        for name in reader.file:
            rgb: NDArray[Any] = reader.stream(f"{name}/rgb", dtype="uint8", shape=(None, height, width, 3))
            luma = reader.stream(f"{name}/luma", dtype="uint8", shape=(len(rgb), 2 * height, 2 * width))
            time_s = reader.dataset(f"{name}/time_s", dtype="float64", shape=(len(rgb),), finite=True)[()]
            streams[name] = FrameStream(rgb, luma, time_s, reader.attribute("video", str, name))
        return FrameFile(Path(path), working_hz, (width, height), streams, reader.provenance())


def read_image_px(reader: ArtifactReader) -> tuple[int, int]:
    """(width, height) of the working grid, as an artifact of frames or flow says it.

    Raises:
        ContractError: it says something else.
    """
    size = reader.json("image_px", list)
    if len(size) != 2 or not all(type(length) is int and length > 0 for length in size):
        raise reader.error("/@image_px", expected="two whole numbers above 0", found=str(size)[:80])
    return size[0], size[1]
