"""Settings of the controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from detach_core.methods.registry import MethodSettings, NetworkSettings, SensorTemporal, TemporalCue, TrainedSettings
from detach_core.settings.base import Range


@dataclass(frozen=True)
class RandomEncoderSettings(NetworkSettings):
    """Control: DETACH's own sensor networks at initialisation."""

    sensor_temporal: SensorTemporal = "cnn_gru_attention"
    """temporal sensor encoder"""
    temporal_cue: TemporalCue = "none"
    """trend: its feature plus a projection of the channels' net change"""


@dataclass(frozen=True)
class StatisticsSettings(MethodSettings):
    """Control: hand-made statistics of the sensor window."""


@dataclass(frozen=True)
class SupervisedSettings(TrainedSettings):
    """Control: the same sensor networks, end to end on the labels of the pretraining part."""

    paper_steps: Annotated[int, Range(ge=1)] | None = 3600
    """a ceiling and no baseline, so its rate is one at which it converges (docs/choices.md)"""
    sensor_temporal: SensorTemporal = "cnn_gru_attention"
    """temporal sensor encoder"""
    temporal_cue: TemporalCue = "none"
    """trend: its feature plus a projection of the channels' net change"""
