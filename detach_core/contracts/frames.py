"""Pictures of a shard: `frames.h5`, the small frames, and `flow.h5`, the optical flow between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import ArtifactReader, create_artifact, create_stream, open_artifact, write_json
from detach_core.contracts.provenance import Provenance

FRAMES_SCHEMA = "detach.frames/2"
"""`frames.h5`: the small frames of one shard at the working rate, each recording one contiguous, uncompressed stream.

`rgb` (F, H, W, 3) u8 is the working grid, `luma` (F, 2H, 2W) u8 the grey picture at twice the grid, for
optical flow. Row k stands for the tick `time_s[k]` = k / working_hz on the recording's clock and holds the picture
nearest to it, shown at `picture_s[k]`. A row whose picture lies too far from its tick shows nothing of that moment.
"""


# Far below a frame, far above the rounding of a time in float64.
_EPSILON_S = 1e-6

_KINDS = {"float": float, "int": int}


@dataclass(frozen=True)
class VideoTiming:
    """Summary of a video's time stamps; times in seconds of the recording, 0 where not applicable.

    `rate_hz` is pictures per second from the first to the last; a gap is longer than two usual intervals; `damaged`
    pictures were left out, as were `disordered` ones, which came after a later one. `unseen` is the number of rows
    whose picture lies more than `tolerance_s` from their tick, `farthest_s` the largest such distance of all rows.
    """

    start_s: float
    offset_s: float
    rate_hz: float
    pictures: int
    damaged: int
    disordered: int
    gaps: int
    gaps_s: float
    longest_gap_s: float
    gap_at_s: float
    farthest_s: float
    tolerance_s: float
    unseen: int


@dataclass(frozen=True)
class FrameStream:
    """One recording's frames: `rgb` and `luma` are memory-mapped, read-only; `video` is their source file."""

    rgb: NDArray[np.uint8]
    luma: NDArray[np.uint8]
    time_s: NDArray[np.float64]
    picture_s: NDArray[np.float64]
    video: str
    timing: VideoTiming

    @property
    def num_frames(self) -> int:
        """Rows of the stream."""
        return len(self.rgb)

    def seen(self, tolerance_s: float) -> NDArray[np.bool_]:
        """(F,) whether a row's picture lies at most `tolerance_s` from its tick."""
        return rows_seen(self.time_s, self.picture_s, tolerance_s)


def rows_seen(time_s: NDArray[np.float64], picture_s: NDArray[np.float64], tolerance_s: float) -> NDArray[np.bool_]:
    """(F,) whether the picture of `picture_s` (F,) lies at most `tolerance_s` from the tick of `time_s` (F,)."""
    return np.asarray(np.abs(picture_s - time_s) <= tolerance_s + _EPSILON_S)


@dataclass(frozen=True)
class FrameFile:
    """Content of `frames.h5`; `image_px` is (width, height) of the grid."""

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
        """The empty `rgb` and `luma` datasets of one recording; every row must be written.

        Until `tell_timing` is called, the picture of every row has the row's own time.
        """
        width, height = self.image_px
        group = self.file.create_group(recording_id)
        group.attrs["video"] = video
        group["time_s"] = group["picture_s"] = np.arange(num_frames, dtype=np.float64) / self.working_hz
        self._write(group, VideoTiming(0.0, 0.0, self.working_hz, num_frames, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0))
        rgb = create_stream(group, "rgb", (num_frames, height, width, 3), "uint8")
        return rgb, create_stream(group, "luma", (num_frames, 2 * height, 2 * width), "uint8")

    def tell_timing(self, recording_id: str, picture_s: NDArray[np.float64], timing: VideoTiming) -> None:
        """Write the time of each row's picture (F,), in seconds of the recording, and the summary of the stamps."""
        group = self.file[recording_id]
        group["picture_s"][...] = picture_s
        self._write(group, timing)

    @staticmethod
    def _write(group: h5py.Group, timing: VideoTiming) -> None:
        for name, value in asdict(timing).items():
            group.attrs[name] = value


@contextmanager
def create_frames(
    path: Path | str, *, working_hz: float, image_px: Sequence[int], provenance: Provenance
) -> Iterator[FrameWriter]:
    """A writer of `frames.h5`; the file is created when the block succeeds."""
    width, height = (int(length) for length in image_px)
    with create_artifact(path, schema=FRAMES_SCHEMA, provenance=provenance) as file:
        file.attrs["working_hz"] = float(working_hz)
        write_json(file, image_px=[width, height])
        yield FrameWriter(file, float(working_hz), (width, height))


def read_frames(path: Path | str) -> FrameFile:
    """The frames that `create_frames` wrote, without reading a picture.

    Raises:
        ContractError: the file violates its contract.
    """
    with open_artifact(path, schema=FRAMES_SCHEMA, rule="extract_frames") as reader:
        working_hz = reader.attribute("working_hz", float)
        width, height = read_image_px(reader)
        streams: dict[str, FrameStream] = {}
        for name in reader.file:
            rgb: NDArray[Any] = reader.stream(f"{name}/rgb", dtype="uint8", shape=(None, height, width, 3))
            luma = reader.stream(f"{name}/luma", dtype="uint8", shape=(len(rgb), 2 * height, 2 * width))
            time_s = reader.dataset(f"{name}/time_s", dtype="float64", shape=(len(rgb),), finite=True)[()]
            picture_s = reader.dataset(f"{name}/picture_s", dtype="float64", shape=(len(rgb),), finite=True)[()]
            if (np.diff(picture_s) < 0).any():
                raise reader.error(f"{name}/picture_s", expected="times that do not decrease", found="others")
            timing = _read_timing(reader, name)
            if (unseen := int((~rows_seen(time_s, picture_s, timing.tolerance_s)).sum())) != timing.unseen:
                raise reader.error(f"{name}@unseen", expected=f"{unseen}, by picture_s", found=str(timing.unseen))
            streams[name] = FrameStream(rgb, luma, time_s, picture_s, reader.attribute("video", str, name), timing)
        return FrameFile(Path(path), working_hz, (width, height), streams, reader.provenance())


def _read_timing(reader: ArtifactReader, name: str) -> VideoTiming:
    values = {field.name: reader.attribute(field.name, _KINDS[str(field.type)], name) for field in fields(VideoTiming)}
    for field, value in values.items():
        if value < 0 and field not in ("start_s", "offset_s", "gap_at_s"):
            raise reader.error(f"{name}@{field}", expected="a number of at least 0", found=str(value))
    return VideoTiming(**values)


def read_image_px(reader: ArtifactReader) -> tuple[int, int]:
    """(width, height) of the working grid, from an artifact of frames or flow.

    Raises:
        ContractError: it has another value.
    """
    size = reader.json("image_px", list)
    if len(size) != 2 or not all(type(length) is int and length > 0 for length in size):
        raise reader.error("/@image_px", expected="two whole numbers above 0", found=str(size)[:80])
    return size[0], size[1]


FLOW_SCHEMA = "detach.flow/1"
"""`flow.h5`: optical flow between consecutive working frames, one contiguous int8 stream per recording.

Row i leads from frame i - 1 to frame i (row 0 is zero), (x, y) in pixels of the working grid, square-root companded:
q = round(sign(f) sqrt(|f| / max_px) 127). Small motion keeps fine steps where a linear code would round it to zero.
"""

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
    """Content of `flow.h5`; streams (F, H, W, 2) i8 are mapped into memory, read-only."""

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
    """A writer of `flow.h5`; the file is created when the block succeeds."""
    width, height = (int(length) for length in image_px)
    with create_artifact(path, schema=FLOW_SCHEMA, provenance=provenance) as file:
        file.attrs["max_px"] = float(max_px)
        file.attrs["working_hz"] = float(working_hz)
        file.attrs["method"] = method
        write_json(file, image_px=[width, height])
        yield FlowWriter(file, (width, height))


def read_flow(path: Path | str) -> FlowFile:
    """The flow that `create_flow` wrote, without reading a picture.

    Raises:
        ContractError: the file violates its contract.
    """
    with open_artifact(path, schema=FLOW_SCHEMA, rule="flow") as reader:
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
