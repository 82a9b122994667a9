"""Batches of windows for methods, and the video networks that the baselines share.

Names of classes reach a method only as `label` in its batches if it `uses_labels`; `Truth` is for monitoring alone.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from detach_core.encoders.blocks import decomposed_feature
from detach_core.encoders.video_networks import TemporalCnn3d
from detach_core.encoders.video_weights import build_trunk
from detach_core.foundation.errors import UserError
from detach_core.settings.shared import SCRATCH, EncoderSettings, VideoNetwork, VideoStartSettings

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


def sensor_batches(windows: WindowsAccess) -> Iterator[Tensor]:
    """(B, C, L) of the pretraining windows in order, unaugmented."""
    return (required(batch.sensor) for batch in windows.batches("pretrain", modalities={SENSOR}))


def all_sensors(windows: WindowsAccess) -> Tensor:
    """(N, C, L) of the pretraining windows in order, unaugmented."""
    return torch.cat(list(sensor_batches(windows)))


@torch.no_grad()
def calibrate_batch_norm(
    network: nn.Module, batches: Iterable[Tensor], embed: Callable[[Tensor], object] | None = None
) -> None:
    """Calibration of BatchNorm in `network` by the statistics of `batches`; evaluation mode afterwards.

    Args:
        network: whose layers are calibrated.
        batches: sensor windows (B, C, L) of the pretraining part. A batch of one has no variance where BatchNorm has a
            single number of each window.
        embed: what sends them through the layers; None: the network itself.

    Raises:
        ValueError: such a batch of one.
    """
    network.eval()
    layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    usual = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # every batch counts alike
        layer.train()
    for batch in batches:
        (embed or network)(batch)
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum
    network.eval()
    for layer in layers:
        layer.eval()


def starting_with(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors of one network, without its name in front."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


class VideoTrunk(nn.Module, ABC):
    """Feature (B, 2 d) of a window's video: as wide as DETACH's two halves together.

    Attributes:
        dim: 2 d.
        modalities: what its batches must hold.
        spatial: its two-dimensional network, which starts from `video.init`.
        video_init: where that network started, as the tables print it: `scratch`, or a weight file's name and digest.
        networks: all of its networks, each of which treats a batch's rows one by one.
    """

    modalities: frozenset[str]
    spatial: nn.Module

    def __init__(self, encoders: EncoderSettings) -> None:
        super().__init__()
        self.dim = 2 * encoders.dim
        self.video_init = SCRATCH

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The two-dimensional network."""
        return [self.spatial]

    def has_video(self, batch: WindowBatch) -> bool:
        """Whether the batch holds what this trunk looks at."""
        return all(getattr(batch, name) is not None for name in self.modalities)


class DecomposedTrunk(VideoTrunk):
    """DETACH's two video networks, both trained: the mean frame for where, differences and flow for how (Eqs. 5-6).

    The second is convolved over time, so that a clip played backwards has another feature.
    """

    modalities = frozenset({MEAN_FRAME, MOTION})

    def __init__(self, encoders: EncoderSettings, start: VideoStartSettings) -> None:
        super().__init__(encoders)
        self.spatial, self.video_init = build_trunk(start, dim=encoders.dim, size=encoders.size, time_average="pixels")
        self.temporal = TemporalCnn3d(dim=encoders.dim, size=encoders.size)

    @property
    def networks(self) -> Sequence[nn.Module]:
        """Both networks."""
        return [self.spatial, self.temporal]

    def forward(self, batch: WindowBatch) -> Tensor:
        """Feature (B, 2 d): both halves at unit length, side by side."""
        return decomposed_feature(self.spatial(required(batch.mean_frame)), self.temporal(required(batch.motion)))


class FramesTrunk(VideoTrunk):
    """One network on every frame, whose maps are averaged before the branches: a bag of frames, without their order."""

    modalities = frozenset({FRAMES})

    def __init__(self, encoders: EncoderSettings, start: VideoStartSettings) -> None:
        super().__init__(encoders)
        self.spatial, self.video_init = build_trunk(start, dim=self.dim, size=encoders.size, time_average="features")

    def forward(self, batch: WindowBatch) -> Tensor:
        """Feature (B, 2 d)."""
        feature: Tensor = self.spatial(required(batch.frames).transpose(1, 2))
        return feature


def build_video(encoders: EncoderSettings, start: VideoStartSettings) -> VideoTrunk:
    """The video network that `video.network` names."""
    trunks: dict[VideoNetwork, type[DecomposedTrunk | FramesTrunk]] = {
        "decomposed": DecomposedTrunk,
        "frames": FramesTrunk,
    }
    return trunks[start.network](encoders, start)


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
