"""Controls: hand-made statistics, DETACH's sensor networks untrained, and the same networks trained on class labels.

One supervised training serves both protocols of the table: the encoder sees the labels of the *pretrain* part, and the
probe those of its own training part. Where the recording has the label, the loss is on the mean over its windows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from detach_core.encoders.sensor_networks import Mode, upper_quantile
from detach_core.methods.batch import (
    InputShape,
    WindowBatch,
    WindowsAccess,
    calibrate_batch_norm,
    required,
    sensor_batches,
)
from detach_core.methods.controls.settings import RandomEncoderSettings, StatisticsSettings, SupervisedSettings
from detach_core.methods.detach import networks
from detach_core.methods.detach.net_change import fit_trends
from detach_core.methods.method import ActivationStatistics, Embedding, Method, join_halves

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
        """Concatenated statistics of all channels."""
        return Embedding(channel_statistics(sensor, self.quantile).flatten(1))


# The split holds the activation statistics of this mode only, and a control has no Stage 1 to say otherwise.
ACTIVATION_MODE: Mode = "abs"


class SensorNetworks(nn.Module):
    """E_ss with P_q, and E_st: the sensor's half of DETACH."""

    def __init__(
        self,
        settings: RandomEncoderSettings | SupervisedSettings,
        shape: InputShape,
        activation: ActivationStatistics,
    ) -> None:
        super().__init__()
        self.spatial = networks.sensor_spatial(settings, shape, activation, mode=ACTIVATION_MODE)
        self.temporal = networks.sensor_temporal(
            settings.sensor_temporal, settings.encoders, shape, cue=settings.temporal_cue
        )

    def forward(self, sensor: Tensor) -> Embedding:
        """Both halves and the whole, as DETACH's."""
        return join_halves(self.spatial(sensor), self.temporal(sensor))


class RandomEncoder(Method[RandomEncoderSettings]):
    """DETACH's sensor networks, untrained."""

    settings_type = RandomEncoderSettings
    probed = "sensor spatial + temporal"

    def __init__(self, settings: RandomEncoderSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.sensor = SensorNetworks(settings, shape, activation)
        self.requires_grad_(False)

    @property
    def embedding_dim(self) -> int:
        """Twice d."""
        return 2 * int(self.settings.encoders.dim)

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """BatchNorm's statistics, without which the control would differ from training in scale as well."""
        del num_steps
        fit_trends(self.sensor, windows)
        calibrate_batch_norm(self.sensor, sensor_batches(windows))
        return {}

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """Both halves, as DETACH's."""
        embedding: Embedding = self.sensor(sensor)
        return embedding


UNLABELLED = -1


class Supervised(Method[SupervisedSettings]):
    """E_ss with P_q and E_st under a linear classifier."""

    settings_type = SupervisedSettings
    probed = "sensor spatial + temporal"
    uses_labels = True

    def __init__(self, settings: SupervisedSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.sensor = SensorNetworks(settings, shape, activation)
        self.row_networks = [self.sensor.spatial, self.sensor.temporal]
        self.classifier = nn.Linear(self.embedding_dim, shape.num_classes)
        self.batch_unit = shape.label_unit
        self.num_epochs, self.batch_size = settings.epochs, settings.batch_size
        self._right = self._asked = 0

    @property
    def embedding_dim(self) -> int:
        """Twice d."""
        return 2 * int(self.settings.encoders.dim)

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Statistics of a cue."""
        del num_steps
        fit_trends(self.sensor, windows)
        return {}

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """Both halves, as DETACH's."""
        embedding: Embedding = self.sensor(sensor)
        return embedding

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """Cross-entropy of labelled windows, or of whole recordings; 0 where nothing has a label."""
        feature, label = self.embed_sensor(required(batch.sensor)).whole, required(batch.label)
        if self.batch_unit == "recording":
            feature, label = mean_by_recording(feature, label, batch.recording)
        # Halves of length 1 have tiny entries; a linear layer learns at its usual pace when they are near 1.
        logits = self.classifier(feature * self.settings.encoders.dim**0.5)
        known = label != UNLABELLED
        self._right += int((logits.argmax(dim=1) == label)[known].sum())
        self._asked += int(known.sum())
        total = cross_entropy(logits, label, ignore_index=UNLABELLED, reduction="sum")
        return {"classification": total / known.sum().clamp(min=1)}

    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Accuracy on the augmented training windows of this epoch."""
        del epoch
        accuracy = self._right / self._asked if self._asked else None
        self._right = self._asked = 0
        return {"training_accuracy": accuracy}


def mean_by_recording(feature: Tensor, label: Tensor, recording: Tensor) -> tuple[Tensor, Tensor]:
    """The mean feature (R, D) and the label (R,) of each recording; its windows share their label."""
    ids, inverse = torch.unique(recording, return_inverse=True)
    member = torch.nn.functional.one_hot(inverse, len(ids)).to(feature)
    mean = (member.T @ feature) / member.sum(dim=0)[:, None]
    labels = torch.full((len(ids),), UNLABELLED, dtype=label.dtype, device=label.device)
    labels[inverse] = label
    return mean, labels
