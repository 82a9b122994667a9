"""Control: hand-made statistics of each channel, on the same input form as every method (D12)."""

from __future__ import annotations

import torch
from torch import Tensor

from detach_core.encoders.sensor_spatial import upper_quantile
from detach_core.methods.batch import InputShape
from detach_core.methods.controls.settings import StatisticsSettings
from detach_core.methods.method import ActivationStatistics, Embedding, Method

FEATURES = (
    "mean",
    "std",
    "min",
    "max",
    "last - first",
    "slope",
    "mean absolute difference",
    "quantile of the absolute deviation",
)


def channel_statistics(sensor: Tensor, quantile: float) -> Tensor:
    """The statistics that FEATURES names, (B, C, 8), of windows (B, C, L); the slope is per window length."""
    length = sensor.shape[-1]
    time = torch.linspace(-0.5, 0.5, length, dtype=sensor.dtype, device=sensor.device)
    deviation = sensor - sensor.median(dim=-1, keepdim=True).values
    return torch.stack(
        [
            sensor.mean(dim=-1),
            sensor.std(dim=-1, correction=0),
            sensor.amin(dim=-1),
            sensor.amax(dim=-1),
            sensor[..., -1] - sensor[..., 0],
            (sensor * time).sum(dim=-1) / time.square().sum(),
            sensor.diff(dim=-1).abs().mean(dim=-1),
            upper_quantile(deviation.abs(), quantile),
        ],
        dim=-1,
    )


class Statistics(Method[StatisticsSettings]):
    """Eight numbers a channel; nothing is trained."""

    settings_type = StatisticsSettings
    probed = "statistics"

    def __init__(self, settings: StatisticsSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.quantile = settings.input.activation_quantile

    @property
    def embedding_dim(self) -> int:
        """Eight times the channels."""
        return len(FEATURES) * self.shape.channels

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """All channels' statistics in a row."""
        return Embedding(channel_statistics(sensor, self.quantile).flatten(1))
