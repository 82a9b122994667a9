"""Control: DETACH's sensor networks trained end to end on class labels, then probed like every method (D12).

One training serves both protocols of the table: the encoder sees the labels of the *pretrain* part, and the probe those
of its own training part. Where the recording has the label, the loss is on the mean over its windows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from detach_core.methods.batch import InputShape, WindowBatch, required
from detach_core.methods.controls.random_encoder import SensorNetworks
from detach_core.methods.controls.settings import SupervisedSettings
from detach_core.methods.method import ActivationStatistics, Embedding, Method

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
