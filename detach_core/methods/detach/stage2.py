"""DETACH, Stage 2 (paper, Sec. 3.2): temporal encoders trained by a weighted contrast over frozen Stage-1 features.

Trainable are the two temporal encoders. Negatives at the same place count more (they differ in motion), negatives that
move alike as well count less (they are likely the same action). Weights come from the frozen spatial features and from
slow copies of the temporal encoders, or from what the windows leave changed, and carry no gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.encoders.blocks import FrozenEncoder, MomentumEncoder, momentum_for, share_of_start_left
from detach_core.losses import unit_rows
from detach_core.methods.batch import (
    MOTION,
    SENSOR,
    InputShape,
    WindowBatch,
    WindowsAccess,
    required,
    starting_with,
)
from detach_core.methods.detach import networks
from detach_core.methods.detach.clusters import nearest_centroid
from detach_core.methods.detach.losses import weighted_info_nce, weighted_info_nce_at_chance
from detach_core.methods.detach.negatives import (
    PairFeatures,
    PairMonitor,
    cosine_matrix,
    negative_weights,
    pair_similarities,
)
from detach_core.methods.detach.net_change import FLOW_CHANNELS, StandardTrend, fit_trends, net_change
from detach_core.methods.detach.networks import SpatialVideo
from detach_core.methods.detach.settings import DetachSettings
from detach_core.methods.method import ActivationStatistics, Embedding, Method, join_halves

Pair = tuple[Tensor, Tensor]
_FROZEN = ("sensor_spatial.", "video_spatial.")


class Detach(Method[DetachSettings]):
    """E_st and E_vt over frozen E_ss, P_q and E_vs."""

    settings_type = DetachSettings
    probed = "sensor spatial + temporal"
    modalities = frozenset({SENSOR, MOTION})

    def __init__(self, settings: DetachSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        spatial = settings.spatial_settings
        if spatial is None:
            raise ValueError("Stage 2 is built from the settings of its Stage 1, but `spatial_settings` is None")
        self.sensor_spatial = FrozenEncoder(
            networks.sensor_spatial(spatial, shape, activation, mode=spatial.activation)
        )
        self.video_spatial = SpatialVideo(spatial).eval().requires_grad_(False)
        self.video_init = self.video_spatial.video_init
        self.sensor_temporal = networks.sensor_temporal(
            settings.sensor_temporal, settings.encoders, shape, cue=settings.temporal_cue
        )
        self.video_temporal = networks.video_temporal(settings)
        by_change = settings.temporal_similarity == "net_change"
        self.trend = StandardTrend(shape.channels) if by_change else None
        self.slow: nn.ModuleDict | None = None
        if settings.momentum_encoder and not by_change:
            online = {"sensor": self.sensor_temporal, "video": self.video_temporal}
            self.slow = nn.ModuleDict({name: MomentumEncoder(encoder) for name, encoder in online.items()})
        if settings.temporal_similarity == "cluster_centred":
            self.register_buffer("centroid", torch.zeros(spatial.clusters, spatial.encoders.dim))
        frozen = [self.sensor_spatial, self.video_spatial.encoder]
        self.row_networks = [*frozen, self.sensor_temporal, self.video_temporal, *(self.slow or {}).values()]
        self.num_epochs, self.batch_size = settings.epochs, settings.batch_size
        self.momentum, self._epoch_steps = settings.momentum, 0
        self._at_chance: list[Tensor] = []

    @property
    def embedding_dim(self) -> int:
        """Twice d."""
        return 2 * int(self.settings.encoders.dim)

    @property
    def video_modalities(self) -> frozenset[str]:
        """Motion, and the input of the spatial video encoder."""
        return frozenset({MOTION, self.video_spatial.modality})

    def train(self, mode: bool = True) -> Detach:
        """Training mode for the temporal encoders; Stage 1 stays frozen, BatchNorm too."""
        super().train(mode)
        self.video_spatial.eval()
        return self

    def load_spatial(self, tensors: Mapping[str, Tensor]) -> None:
        """E_ss, P_q and E_vs from Stage 1's checkpoint, and its centroids where T is centred by cluster."""
        self.sensor_spatial.encoder.load_state_dict(starting_with(tensors, "sensor."))
        self.video_spatial.load_state_dict(starting_with(tensors, "video."))
        if (centroid := self._buffers.get("centroid")) is not None:
            centroid.copy_(tensors["memory.centroid"])

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """Eqs. 5-6 of the sensor."""
        return join_halves(self.sensor_spatial(sensor), self.sensor_temporal(sensor))

    def embed_video(self, batch: WindowBatch) -> Embedding:
        """Eqs. 5-6 of the video."""
        return join_halves(self.video_spatial.feature(batch), self.video_temporal(self._motion(batch)))

    def _motion(self, batch: WindowBatch) -> Tensor:
        motion = required(batch.motion)
        if self.settings.flow:
            return motion
        seen = torch.ones(motion.shape[1], device=motion.device)
        seen[-FLOW_CHANNELS:] = 0.0
        return motion * seen.view(1, -1, 1, 1, 1)

    @torch.no_grad()
    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Frozen features of all windows, unaugmented, and the momentum for a run of `num_steps`."""
        self.eval()
        fit_trends(self, windows)
        modalities = {SENSOR, self.video_spatial.modality} | ({MOTION} if self.trend is not None else set())
        sensor, video, change = [], [], []
        for batch in windows.batches("pretrain", modalities=modalities):
            sensor.append(unit_rows(self.sensor_spatial(required(batch.sensor))))
            video.append(unit_rows(self.video_spatial.feature(batch)))
            change.append(self._change_of(batch))
        self._sensor_spatial, self._video_spatial = torch.cat(sensor), torch.cat(video)
        self._change = tuple(torch.cat(part) for part in zip(*change, strict=True))
        self._pairs = PairMonitor(windows.truth("pretrain"))
        self._epoch_steps = num_steps // self.num_epochs
        self.momentum = momentum_for(self.settings.momentum, num_steps, self.settings.momentum_left)
        offset = cosine_matrix(self._video_spatial, self._sensor_spatial)
        num_pairs = len(offset) * (len(offset) - 1)
        diagonal = float(offset.diagonal().mean())
        others = float((offset.sum() - offset.diagonal().sum()) / max(num_pairs, 1))
        return {
            "momentum": self.momentum if self.slow is not None else None,
            "spatial_offset": {"diagonal": diagonal, "off_diagonal": others, "sd": float(offset.std())},
        }

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """Eqs. 12-13."""
        motion, sensor_window = self._motion(batch), required(batch.sensor)
        video, sensor = self.video_temporal(motion), self.sensor_temporal(sensor_window)
        slow = self._weighing(motion, sensor_window, online=(video.detach(), sensor.detach()))
        video_spatial, sensor_spatial = self._video_spatial[batch.position], self._sensor_spatial[batch.position]
        change = tuple(part[batch.position] for part in self._change)
        pairs = self._pair_values(batch, self._pair_features(video_spatial, sensor_spatial, slow, change))
        self._pairs.add(batch.position, **pairs)
        self._at_chance.append(weighted_info_nce_at_chance(pairs["weight"]))
        loss = weighted_info_nce(
            self._contrasted(video_spatial, video),
            self._contrasted(sensor_spatial, sensor),
            pairs["weight"],
            self.settings.temperature,
        )
        return {"contrastive": loss}

    def chance_losses(self) -> dict[str, float]:
        """By the weights of the epoch's steps, which change with the features."""
        at_chance, self._at_chance = self._at_chance, []
        return {"contrastive": float(torch.stack(at_chance).mean())} if at_chance else {}

    @torch.no_grad()
    def pair_values(self, batch: WindowBatch) -> dict[str, Tensor]:
        """For figures: `spatial_similarity` A, `temporal_similarity` T (never across) and `weight` W, each (B, B)."""
        motion, sensor = self._motion(batch), required(batch.sensor)
        slow = None
        if self.trend is None:
            online = {"video": self.video_temporal, "sensor": self.sensor_temporal}
            encoders = online if self.slow is None else self.slow
            slow = encoders["video"](motion), encoders["sensor"](sensor)
        spatial = self.video_spatial.feature(batch), self.sensor_spatial(sensor)
        return self._pair_values(batch, self._pair_features(*spatial, slow, self._change_of(batch)))

    @torch.no_grad()
    def _weighing(self, motion: Tensor, sensor: Tensor, online: Pair) -> Pair | None:
        """Temporal features of video and sensors behind T; None where T needs none."""
        if self.trend is not None:
            return None
        return online if self.slow is None else (self.slow["video"](motion), self.slow["sensor"](sensor))

    def _change_of(self, batch: WindowBatch) -> tuple[Tensor, ...]:
        """Parts of the windows' net change; () where T is of something else."""
        return () if self.trend is None else net_change(self.trend, required(batch.sensor), self._motion(batch))

    def _pair_features(
        self, video_spatial: Tensor, sensor_spatial: Tensor, temporal: Pair | None, change: tuple[Tensor, ...]
    ) -> PairFeatures:
        centroid = self._buffers.get("centroid")
        cluster = None if centroid is None else nearest_centroid(unit_rows(sensor_spatial), centroid)
        video, sensor = temporal if temporal is not None else (None, None)
        return PairFeatures(video_spatial, sensor_spatial, video, sensor, change, cluster)

    def _contrasted(self, spatial: Tensor, temporal: Tensor) -> Tensor:
        parts = {"spatial": unit_rows(spatial), "temporal": unit_rows(temporal)}
        return torch.cat([parts[name] for name in self.settings.z_parts], dim=1)

    @torch.no_grad()
    def _pair_values(self, batch: WindowBatch, features: PairFeatures) -> dict[str, Tensor]:
        """Similarities and W, each (B, B); plain InfoNCE's W is 1 (Table 3)."""
        settings = self.settings
        similarities = pair_similarities(features, settings.temporal_similarity, gain=settings.temporal_gain)
        if settings.contrastive == "infonce":
            weight = torch.ones(len(batch), len(batch), device=batch.position.device).fill_diagonal_(0.0)
        else:
            weight = negative_weights(
                similarities,
                settings.hardness,
                settings.damping,
                spatial_weight=settings.spatial_weight,
                temporal_weight=settings.temporal_weight,
                normalise=settings.normalise_weights,
            )
        if settings.mask_overlap:
            weight = weight * ~self._overlaps(batch)
        return {
            "spatial_similarity": similarities.spatial,
            "temporal_similarity": similarities.temporal,
            "weight": weight,
        }

    def _overlaps(self, batch: WindowBatch) -> Tensor:
        """(B, B) bool: windows of one recording that share some time."""
        window_s = self.shape.length / self.shape.sensor_hz
        near = (batch.start_s[:, None] - batch.start_s).abs() < window_s - 1e-6
        return near & (batch.recording[:, None] == batch.recording)

    def after_step(self) -> None:
        """Update of the momentum encoders."""
        if self.slow is not None:
            for name, online in (("sensor", self.sensor_temporal), ("video", self.video_temporal)):
                slow = self.slow[name]
                assert isinstance(slow, MomentumEncoder)
                slow.update(online, self.momentum)

    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Share of the start left in the momentum encoders, and similarities and weights by kind of negative."""
        left = share_of_start_left(self.momentum, epoch * self._epoch_steps) if self.slow is not None else None
        return {"momentum_left": left, "pairs": self._pairs.report()}

    def snapshot_state(self) -> dict[str, Tensor]:
        """Trainable networks and momentum encoders; the frozen ones are in the checkpoint."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith(_FROZEN)}
