"""DETACH's networks, built from settings; shared by its two stages and by the controls."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from detach_core.encoders.sensor_networks import Mode, SensorSpatial, build_sensor_encoder
from detach_core.encoders.video_networks import TemporalCnn3d
from detach_core.encoders.video_weights import build_trunk
from detach_core.losses import cosine_logits
from detach_core.methods.batch import (
    FRAMES,
    MEAN_FRAME,
    SENSOR,
    InputShape,
    WindowBatch,
    WindowsAccess,
    all_sensors,
    required,
)
from detach_core.methods.detach.net_change import CuedEncoder
from detach_core.methods.detach.settings import DetachSettings, SpatialSettings
from detach_core.methods.method import ActivationStatistics
from detach_core.methods.registry import SensorTemporal, TemporalCue
from detach_core.settings.shared import EncoderSettings, InputSettings


class HasSensorNetworks(Protocol):
    """Settings from which the spatial sensor network is built."""

    @property
    def input(self) -> InputSettings:
        """Input form."""

    @property
    def encoders(self) -> EncoderSettings:
        """Size of the networks."""


def sensor_spatial(
    settings: HasSensorNetworks, shape: InputShape, activation: ActivationStatistics, *, mode: Mode
) -> SensorSpatial:
    """E_ss with the projection of the activation vector; `mode` is the quantity of which the vector is a quantile."""
    return SensorSpatial(
        channels=shape.channels,
        length=shape.length,
        dim=settings.encoders.dim,
        size=settings.encoders.size,
        normalisation=activation,
        form=settings.input.form,
        quantile=settings.input.activation_quantile,
        mode=mode,
    )


def fit_activation(network: SensorSpatial, windows: WindowsAccess) -> None:
    """Standardise the activation vector of a mode for which the split has no statistics."""
    if network.activation.form == "centred" and network.activation.mode != "abs":
        network.activation.fit_statistics(all_sensors(windows))


@torch.no_grad()
def clean_feature(network: nn.Module, windows: WindowsAccess, position: Tensor) -> Tensor:
    """Features (B, d) of pretraining windows without augmentation, in evaluation mode; the mode is restored."""
    was_training = network.training
    network.eval()
    batch = windows.gather("pretrain", position, modalities={SENSOR}, augment=False)
    feature: Tensor = network(required(batch.sensor))
    network.train(was_training)
    return feature


def sensor_temporal(
    kind: SensorTemporal, encoders: EncoderSettings, shape: InputShape, *, cue: TemporalCue
) -> nn.Module:
    """E_st, one of the encoders of Table 6; with the cue `trend`, plus a projection of the window's net change."""
    encoder = build_sensor_encoder(
        kind,
        channels=shape.channels,
        length=shape.length,
        dim=encoders.dim,
        size=encoders.size,
    )
    return encoder if cue == "none" else CuedEncoder(encoder, channels=shape.channels, dim=encoders.dim)


def video_temporal(settings: DetachSettings) -> TemporalCnn3d:
    """E_vt, the temporal video encoder."""
    return TemporalCnn3d(
        dim=settings.encoders.dim,
        size=settings.encoders.size,
        time_average=settings.time_average,
        cells=settings.video_cells,
    )


class SpatialVideo(nn.Module):
    """E_vs and g_v: a spatial feature (B, d) of the video, and cluster logits (B, K) on it.

    `video_init` is the start of E_vs: `scratch`, or the name and digest of a weight file.
    """

    def __init__(self, settings: SpatialSettings) -> None:
        super().__init__()
        dim = settings.encoders.dim
        self.averages_pixels = settings.video_time_average == "pixels"
        self.encoder, self.video_init = build_trunk(
            settings.video,
            dim=dim,
            size=settings.encoders.size,
            time_average=settings.video_time_average,
        )
        self.classifier = nn.Linear(dim, settings.clusters)

    @property
    def modality(self) -> str:
        """Input modality: the mean frame, or all frames where their features are averaged."""
        return MEAN_FRAME if self.averages_pixels else FRAMES

    def feature(self, batch: WindowBatch) -> Tensor:
        """Spatial feature (B, d)."""
        pixels = required(batch.mean_frame) if self.averages_pixels else required(batch.frames).transpose(1, 2)
        feature: Tensor = self.encoder(pixels)
        return feature

    def forward(self, batch: WindowBatch) -> Tensor:
        """Cluster logits (B, K)."""
        logits: Tensor = self.classifier(self.feature(batch))
        return logits

    @torch.no_grad()
    def logits_of_all(self, windows: WindowsAccess) -> Tensor:
        """Logits (N, K) of all pretraining windows without augmentation: for a frozen network this is done once."""
        return torch.cat([self(batch) for batch in windows.batches("pretrain", modalities={self.modality})])


class ClusterHead(nn.Module):
    """Cluster logits (B, K) of sensor features, by `cluster_head`.

    `cosine`: cosine with the memory's centroids over a temperature (the authors' code). `learnable`: the same with
    prototypes that are trained (the paper's words). `linear`: a classifier of its own (ODC).
    """

    def __init__(self, settings: SpatialSettings) -> None:
        super().__init__()
        dim, clusters = settings.encoders.dim, settings.clusters
        self.kind, self.temperature = settings.cluster_head, settings.cluster_temperature
        self.prototype = nn.Parameter(torch.zeros(clusters, dim)) if self.kind == "learnable" else None
        self.classifier = nn.Linear(dim, clusters) if self.kind == "linear" else None

    @torch.no_grad()
    def start(self, centroid: Tensor) -> None:
        """Initialisation of learnable prototypes by the first centroids."""
        if self.prototype is not None:
            self.prototype.copy_(centroid)

    def forward(self, feature: Tensor, centroid: Tensor) -> Tensor:
        """Logits (B, K) of features (B, d), given the memory's centroids (K, d)."""
        if self.classifier is not None:
            logits: Tensor = self.classifier(feature)
            return logits
        return cosine_logits(feature, centroid if self.prototype is None else self.prototype, self.temperature)
