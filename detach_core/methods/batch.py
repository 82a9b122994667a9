"""Batches of windows for methods, and the video network that the baselines share.

Names of classes reach a method only as `label` in its batches if it `uses_labels`; `Truth` is for monitoring alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from detach_core.encoders.video_weights import build_trunk
from detach_core.foundation.errors import UserError
from detach_core.settings.shared import SCRATCH, EncoderSettings, VideoStartSettings

SENSOR, MEAN_FRAME, MOTION, FRAMES, FRAME = "sensor", "mean_frame", "motion", "frames", "frame"


# Modalities that are cut from the recordings' frames and flow, which must lie in memory for them.
STREAMED = frozenset({MOTION, FRAMES, FRAME})


@dataclass(frozen=True)
class InputShape:
    """Shape of a method's windows, by which it builds its networks."""

    channels: int
    length: int
    frames: int
    height: int
    width: int
    sensor_hz: float
    working_hz: float
    num_classes: int
    label_unit: str

    def as_dict(self) -> dict[str, Any]:
        """This shape as plain values, for the checkpoint."""
        return asdict(self)


@dataclass(frozen=True)
class WindowBatch:
    """Decoded windows of one part. A modality that the method did not request is None.

    Attributes:
        position: (B,) int64, place of each window in its part: stable over epochs, 0 to part size - 1.
        recording: (B,) int64, index of the recording.
        start_s: (B,) float64, start on the recording's clock.
        sensor: (B, C, L) float32 in the normal form of `input.form`.
        mean_frame: (B, 3, H, W) float32 in [0, 1].
        motion: (B, 5, F-1, H, W) float32: RGB differences in [-1, 1], then flow in quarter pixels within [-4, 4].
        frames: (B, 3, F, H, W) float32 in [0, 1], every `input.frames_every`-th frame.
        frame: (B, 3, H, W) float32 in [0, 1]: one frame, drawn anew each time in training, else the middle one.
        label: (B,) int64 class, -1 for none; only for methods that use labels.
    """

    position: Tensor
    recording: Tensor
    start_s: Tensor
    sensor: Tensor | None = None
    mean_frame: Tensor | None = None
    motion: Tensor | None = None
    frames: Tensor | None = None
    frame: Tensor | None = None
    label: Tensor | None = None

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.position)


@dataclass(frozen=True)
class Truth:
    """True places and actions of each window of a part. For monitoring only: no loss may see them.

    Attributes:
        location: (N,) int64, the fixture in use, -1 unknown.
        action: (N,) int64, opening or closing, -1 unknown.
        source: origin of the locations, from `windows.h5`.
    """

    location: Tensor
    action: Tensor
    source: str


class WindowsAccess(Protocol):
    """Access to the pretraining windows (part `pretrain`) and the monitoring windows (`monitor`)."""

    def num_windows(self, part: str) -> int:
        """Number of windows of the part."""

    def truth(self, part: str) -> Truth:
        """Places and classes of the part, for monitoring only."""

    def gather(self, part: str, position: Tensor, *, modalities: Collection[str], augment: bool) -> WindowBatch:
        """The windows of a part at `position`."""

    def batches(self, part: str, *, modalities: Collection[str], limit: int | None = None) -> Iterator[WindowBatch]:
        """All windows of a part in order, unaugmented, or the `limit` that are evenly spread over it."""

    def shuffled(self, batch_size: int) -> Iterator[Tensor]:
        """Positions of the pretraining windows in a new random order, in full batches."""


def required(value: Tensor | None) -> Tensor:
    """`value`, which the batch must hold since the method requested it.

    Raises:
        ValueError: it does not.
    """
    if value is None:
        raise ValueError("the batch lacks a modality that the method's `modalities` name")
    return value


def all_sensors(windows: WindowsAccess) -> Tensor:
    """(N, C, L) of the pretraining windows in order, unaugmented."""
    return torch.cat([required(batch.sensor) for batch in windows.batches("pretrain", modalities={SENSOR})])


def starting_with(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors of one network, without its name in front."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


class VideoTrunk(nn.Module):
    """Feature (B, 2 d) of a window's frames: as wide as DETACH's two halves together.

    The frames' maps are averaged before the branches, so one feature stands for the clip. `video_init` says where the
    network started, as the tables print it: `scratch`, or the name and digest of a weight file.
    """

    modality = FRAMES

    def __init__(self, encoders: EncoderSettings, start: VideoStartSettings) -> None:
        super().__init__()
        self.dim = 2 * encoders.dim
        self.encoder, self.video_init = build_trunk(start, dim=self.dim, size=encoders.size, time_average="features")

    def forward(self, batch: WindowBatch) -> Tensor:
        """Feature (B, 2 d)."""
        feature: Tensor = self.encoder(required(batch.frames).transpose(1, 2))
        return feature


def refuse_weights(start: VideoStartSettings, method: str) -> None:
    """Check that `video.init` names no file for `method`, whose video network is its own and not the trunk.

    Raises:
        UserError: `video.init` names one.
    """
    if start.init != SCRATCH:
        raise UserError(
            f"video.init: {method} has a video network of its own that the weights of {start.init} do not fit; set"
            f" `scratch` for it in its variant's section `video`, or leave it out of the table's rows"
        )
