"""Settings of IMU2CLIP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from detach_core.methods.registry import Epochs, VideoTrainedSettings
from detach_core.settings.base import Range


@dataclass(frozen=True)
class Imu2ClipSettings(VideoTrainedSettings):
    """IMU2CLIP without its text terms."""

    epochs: Epochs = 100
    """epochs before `epoch_share`, chosen like the rate"""
    lr: Annotated[float, Range(gt=0, le=1)] | None = 6e-4
    """learning rate before the scale rule, chosen by cross-validation (docs/choices.md); null takes `optimizer.lr`"""
    temperature: Annotated[float, Range(ge=0.01, le=1)] = 0.1
    """initial value of the learned temperature"""
    length: Annotated[int, Range(ge=141, le=10_000)] = 400
    """samples that a window is resampled to (200 Hz in its paper): at 2 s, ten steps reach the GRU"""
    authors_adaptation: bool = False
    """128 samples padded to 150, as DETACH's authors: one step reaches the GRU"""
