"""Stage 1's video: where things happen in the picture, and which of the sensor's clusters that is (paper, Sec. 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.encoders.video.start import build_trunk
from detach_core.methods.batch import FRAMES, MEAN_FRAME, WindowBatch, WindowsAccess
from detach_core.methods.networks import required


class SpatialVideo(nn.Module):
    """E_vs and g_v: a spatial feature (B, d) of the video, and cluster logits (B, K) on it.

    `video_init` says where E_vs started: `scratch`, or the name and digest of a weight file.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        dim = settings["encoders"]["dim"]
        self.averages_pixels = settings["video_time_average"] == "pixels"
        self.encoder, self.video_init = build_trunk(
            settings["video"],
            dim=dim,
            size=settings["encoders"]["size"],
            time_average=settings["video_time_average"],
        )
        self.classifier = nn.Linear(dim, settings["clusters"])

    @property
    def modality(self) -> str:
        """What it looks at: the mean frame, or all frames where their features are averaged."""
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
        """Logits (N, K) of all pretraining windows without augmentation: a frozen network need be asked only once."""
        return torch.cat([self(batch) for batch in windows.batches("pretrain", modalities={self.modality})])
