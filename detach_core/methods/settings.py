"""Settings that methods have in common; each method's own stand in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from detach_core.settings.base import Derived, Range, Settings, Share
from detach_core.settings.shared import (
    AugmentationSettings,
    EncoderSettings,
    InputSettings,
    OptimizerSettings,
    VideoStartSettings,
)

SensorTemporal = Literal["cnn_gru", "transformer", "cnn_gru_attention"]
Epochs = Annotated[int, Range(ge=1, le=10_000)]
BatchSize = Annotated[int, Range(ge=2, le=65_536)]


@dataclass(frozen=True)
class MethodSettings(Settings):
    """Settings of every method and control."""

    needs_spatial: ClassVar[bool] = False
    """whether it stands on a Stage 1"""
    takes_weight_file: ClassVar[bool] = False
    """whether its video network may start from `video.init`"""
    counts_of_epochs: ClassVar[frozenset[str]] = frozenset()
    """fields that `epoch_share` of a dataset shortens"""

    input: InputSettings = InputSettings()


@dataclass(frozen=True)
class NetworkSettings(MethodSettings):
    """Settings of what has networks."""

    encoders: EncoderSettings = EncoderSettings()


@dataclass(frozen=True)
class VideoNetworkSettings(NetworkSettings):
    """Settings of what has a video network."""

    video: VideoStartSettings = VideoStartSettings()


@dataclass(frozen=True)
class TrainedSettings(NetworkSettings):
    """Settings of a method that is trained by steps of AdamW."""

    counts_of_epochs: ClassVar[frozenset[str]] = frozenset({"epochs"})

    epochs: Epochs = 50
    """passes over the pretraining windows, before `epoch_share`"""
    batch_size: BatchSize = 64
    """windows (or recordings) of a step"""
    paper_steps: Annotated[int, Range(ge=1)] | None = 800
    """steps of the paper's run: lr x steps is kept; null takes the learning rate as it is"""
    lr: Annotated[float, Range(gt=0, le=1)] | None = None
    """the method's own learning rate before the scale rule; null takes `optimizer.lr`"""
    augmentation: AugmentationSettings = AugmentationSettings()
    optimizer: OptimizerSettings = OptimizerSettings()


@dataclass(frozen=True)
class VideoTrainedSettings(TrainedSettings, VideoNetworkSettings):
    """Settings of a trained method with the shared video trunk."""

    takes_weight_file: ClassVar[bool] = True


@dataclass(frozen=True)
class SecondStageSettings(VideoTrainedSettings):
    """Settings of a method that stands on a Stage 1; a method narrows the type of that one's settings to its own."""

    needs_spatial: ClassVar[bool] = True

    spatial_settings: Annotated[VideoNetworkSettings | None, Derived()] = None


SnapshotShares = Annotated[tuple[Share, ...], Range(min_length=1)]
