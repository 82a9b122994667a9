"""Registry of methods, and their common settings; those of a single method are in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from detach_core.settings.base import Derived, Plugin, Range, Registry, Settings, Share
from detach_core.settings.shared import (
    AugmentationSettings,
    EncoderSettings,
    InputSettings,
    OptimizerSettings,
    VideoStartSettings,
)

SensorTemporal = Literal["cnn_gru", "transformer", "cnn_gru_attention"]

TemporalCue = Literal["none", "trend"]

Epochs = Annotated[int, Range(ge=1, le=10_000)]

BatchSize = Annotated[int, Range(ge=2, le=65_536)]


@dataclass(frozen=True)
class MethodSettings(Settings):
    """Settings of every method and control."""

    needs_spatial: ClassVar[bool] = False
    """whether it builds on a Stage 1"""
    takes_weight_file: ClassVar[bool] = False
    """whether its video network may start from `video.init`"""
    takes_video_network: ClassVar[bool] = False
    """whether its video network is that of `video.network`"""
    counts_of_epochs: ClassVar[frozenset[str]] = frozenset()
    """fields that `epoch_share` of a dataset shortens"""
    input: InputSettings = InputSettings()

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of its embedding that a row of `halves` may probe instead of the whole; they may depend on settings."""
        return ()


@dataclass(frozen=True)
class NetworkSettings(MethodSettings):
    """Settings of a method with networks."""

    encoders: EncoderSettings = EncoderSettings()


@dataclass(frozen=True)
class VideoNetworkSettings(NetworkSettings):
    """Settings of a method with a video network."""

    video: VideoStartSettings = VideoStartSettings()


@dataclass(frozen=True)
class TrainedSettings(NetworkSettings):
    """Settings of a method that is trained by steps of AdamW."""

    counts_of_epochs: ClassVar[frozenset[str]] = frozenset({"epochs"})

    epochs: Epochs = 50
    """epochs over the pretraining windows, before `epoch_share`"""
    batch_size: BatchSize = 64
    """windows (or recordings) of a step"""
    paper_steps: Annotated[int, Range(ge=1)] | None = 800
    """steps of the paper's run: lr x steps is kept; null keeps the learning rate"""
    lr: Annotated[float, Range(gt=0, le=1)] | None = None
    """the method's own learning rate before the scale rule; null takes `optimizer.lr`"""
    augmentation: AugmentationSettings = AugmentationSettings()
    optimizer: OptimizerSettings = OptimizerSettings()


@dataclass(frozen=True)
class VideoTrainedSettings(TrainedSettings, VideoNetworkSettings):
    """Settings of a trained method with the shared video trunk."""

    takes_weight_file: ClassVar[bool] = True
    takes_video_network: ClassVar[bool] = True


@dataclass(frozen=True)
class SecondStageSettings(VideoTrainedSettings):
    """Settings of a method that builds on a Stage 1; a method narrows the type of the Stage 1's settings."""

    needs_spatial: ClassVar[bool] = True
    takes_video_network: ClassVar[bool] = False

    spatial_settings: Annotated[VideoNetworkSettings | None, Derived()] = None


SnapshotShares = Annotated[tuple[Share, ...], Range(min_length=1)]

if TYPE_CHECKING:
    from detach_core.methods.batch import InputShape
    from detach_core.methods.method import ActivationStatistics, AnyMethod
    from detach_core.settings.base import Settings

DETACH_STAGE_1 = "detach_spatial"

METHODS: Registry[AnyMethod] = Registry(
    "method",
    {
        DETACH_STAGE_1: Plugin("detach_core.methods.detach", "SpatialSettings", "stage1:DetachSpatial"),
        "detach": Plugin("detach_core.methods.detach", "DetachSettings", "stage2:Detach"),
        "imu2clip": Plugin("detach_core.methods.imu2clip", "Imu2ClipSettings", "method:Imu2Clip"),
        "primus": Plugin("detach_core.methods.primus", "PrimusSettings", "method:Primus"),
        "comodo": Plugin("detach_core.methods.comodo", "ComodoSettings", "method:Comodo"),
        "cav_mae": Plugin("detach_core.methods.cav_mae", "CavMaeSettings", "method:CavMae"),
        "random_encoder": Plugin("detach_core.methods.controls", "RandomEncoderSettings", "method:RandomEncoder"),
        "statistics": Plugin("detach_core.methods.controls", "StatisticsSettings", "method:Statistics"),
        "supervised": Plugin("detach_core.methods.controls", "SupervisedSettings", "method:Supervised"),
    },
)


def build_method(
    name: str, *, settings: Settings, shape: InputShape, activation: ActivationStatistics = None
) -> AnyMethod:
    """The untrained method `name`.

    Args:
        name: of `METHODS`, or `module:Class`.
        settings: of the method's own type.
        shape: of its windows.
        activation: mean and std of the pretraining windows' activation vector; None when a checkpoint brings them.

    Raises:
        LookupError: an unknown name.
    """
    return METHODS.implementation(name)(settings, shape, activation)
