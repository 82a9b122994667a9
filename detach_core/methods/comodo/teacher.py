"""The teacher of COMODO: the video trunk, which learns alone from two views of each window and then never moves again.

Note (differs from the official code): there the teacher is TimeSformer or VideoMAE with weights from Kinetics, under an
untrained random MLP that brings it to the student's width. Here it learns from the pretraining windows without labels,
and its feature has the student's width, so there is no random MLP whose luck would count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from detach_core.losses.contrastive import two_view_contrast, unit_rows
from detach_core.methods.batch import FRAMES, WindowBatch, WindowsAccess, required
from detach_core.methods.comodo.settings import ComodoSettings
from detach_core.methods.video_trunk import VideoTrunk

Views = tuple[WindowBatch, WindowBatch]


class ComodoTeacher(nn.Module):
    """Embedding (B, 2 d) of unit length. Trained by SimCLR's loss on it, without a head that would be thrown away."""

    centre: Tensor

    def __init__(self, settings: ComodoSettings) -> None:
        super().__init__()
        self.trunk = VideoTrunk(settings.encoders, settings.video)
        self.dim = self.trunk.dim
        self.temperature, self.is_centred = settings.teacher_contrast, settings.centre_teacher
        self.register_buffer("centre", torch.zeros(self.dim))
        self.is_frozen = False
        self._found: list[Tensor] = []

    def forward(self, batch: WindowBatch) -> Tensor:
        """Embedding (B, 2 d): the trunk's feature without the mean of all, if that is taken off, at unit length."""
        return unit_rows(self.trunk(batch) - self.centre)

    def train(self, mode: bool = True) -> Self:
        """Training mode as long as it learns; then its BatchNorm neither counts nor uses the batch."""
        return super().train(mode and not self.is_frozen)

    def loss(self, views: Views) -> Tensor:
        """SimCLR's loss of two views of the same windows; counts how often they find each other."""
        first, second = (self.trunk(view) for view in views)
        with torch.no_grad():
            similarity = unit_rows(first) @ unit_rows(second).T
            own = similarity.diagonal()[:, None]
            # Ties count against the row, as in all retrieval: who says the same of everything finds nothing.
            self._found.append(((similarity >= own).sum(dim=1) == 1).double().mean())
            self._gallery = len(own)
        return two_view_contrast(first, second, self.temperature)

    def retrieval(self) -> dict[str, Any]:
        """Share of first views nearest to their own second view among a batch's, since last asked; {} when none was."""
        if not self._found:
            return {}
        share = float(torch.stack(self._found).mean())
        self._found = []
        return {"gallery": self._gallery, "r1": share}

    def stop_learning(self) -> None:
        """From here on nothing moves the teacher."""
        self.is_frozen = True
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def freeze(self, windows: WindowsAccess) -> Tensor:
        """Embeddings (N, 2 d) of all pretraining windows, unaugmented, by a teacher that has stopped learning."""
        self.stop_learning()
        batches = windows.batches("pretrain", modalities={FRAMES})
        feature: Tensor = torch.cat([self.trunk(batch) for batch in batches])
        if self.is_centred:
            self.centre.copy_(feature.mean(dim=0))
        return unit_rows(feature - self.centre)


def alternate_frames(first: WindowBatch, second: WindowBatch) -> Views:
    """Two views of the same windows: the even frames of `first` and the odd ones of `second`, equally many.

    Half of the frames cost half of a step, and a window's halves differ as its moments do. A single frame is both.
    """
    one, other = required(first.frames), required(second.frames)
    half = one.shape[2] // 2
    if not half:
        return first, second
    return replace(first, frames=one[:, :, : 2 * half : 2]), replace(second, frames=other[:, :, 1::2])


def mean_cosine(embedding: Tensor) -> float:
    """Mean cosine of all pairs of rows (N, D) of unit length; near 1 where all windows look alike to the teacher."""
    count = len(embedding)
    total = embedding.double().sum(dim=0).square().sum()
    return float((total - count) / max(count * (count - 1), 1))
