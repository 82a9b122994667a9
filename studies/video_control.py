"""Video-only control: an encoder trained on the labels, as a measure of the information in the pixels.

The same video networks as DETACH's (small size) under a classifier, on the labels of pretrain + downstream, tested on
the held-out units. Windows are labelled by fixture and direction; sequences by neither, so for them the
classes are the places in use by the simulation's ground truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from detach_core.contracts.split import read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.encoders.video_networks import SpatialCnn2d, TemporalCnn3d
from detach_core.methods.batch import MEAN_FRAME, MOTION, WindowBatch
from detach_core.settings.shared import AugmentationSettings
from detach_core.training.batches import ResidentWindows

LEARNING_RATE, EPOCHS = 1e-3, 10


@dataclass(frozen=True)
class VideoFigures:
    """Shares of held-out windows: correct `fixture`, and correct `direction` within the true fixture."""

    fixture: float
    direction: float | None
    num_test: int


class VideoOnly(nn.Module):
    """Spatial and temporal video encoders, concatenated, under a linear classifier."""

    def __init__(self, num_classes: int, dim: int = 64) -> None:
        super().__init__()
        self.spatial = SpatialCnn2d(dim=dim, size="small")
        self.temporal = TemporalCnn3d(dim=dim, size="small")
        self.classifier = nn.Sequential(nn.Linear(2 * dim, 128), nn.ReLU(), nn.Linear(128, num_classes))

    def forward(self, batch: WindowBatch) -> Tensor:
        """Logits (B, K)."""
        assert batch.mean_frame is not None
        assert batch.motion is not None
        # Cosines are small numbers; the classifier learns faster when both halves are near unit variance.
        temporal = 8.0 * self.temporal(batch.motion)
        logits: Tensor = self.classifier(torch.cat([self.spatial(batch.mean_frame), temporal], dim=1))
        return logits


def video_targets(windows: Windows) -> tuple[np.ndarray[Any, np.dtype[np.int64]], list[int]]:
    """Targets (N,) of the classification, and the place of each class."""
    if windows.label_unit == "window":
        return windows.label.astype(np.int64), list(windows.places.of_class)
    return windows.location.astype(np.int64), list(range(len(windows.location_names)))


def measure(folder: Path, seed: int, *, augmentation: AugmentationSettings) -> VideoFigures:
    """Train and test on the packed windows of one dataset in `folder`."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    windows, split = read_windows(folder / "windows.h5"), read_split(folder / "default" / "split.json")
    target, places = video_targets(windows)
    known = target >= 0
    fit = np.sort(np.concatenate([split.pretrain, split.downstream]))
    parts = {"pretrain": fit[known[fit]], "test": split.held_out[known[split.held_out]]}
    resident = ResidentWindows(
        windows,
        parts,
        split.normalisation,
        form="centred",
        augmentation=augmentation,
        device=torch.device("cpu"),
        seed=seed,
        with_labels=False,
        with_streams=True,
    )
    network = VideoOnly(len(places))
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    label = torch.from_numpy(target[parts["pretrain"]])
    modalities = {MEAN_FRAME, MOTION}
    for _ in range(EPOCHS):
        network.train()
        for position in resident.shuffled(64):
            batch = resident.gather("pretrain", position, modalities=modalities, augment=True)
            loss = cross_entropy(network(batch), label[position])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(batch) for batch in resident.batches("test", modalities=modalities)])
    return _figures(logits, torch.from_numpy(target[parts["test"]]), torch.tensor(places), windows.label_unit)


def _figures(logits: Tensor, target: Tensor, places: Tensor, label_unit: str) -> VideoFigures:
    probability = logits.softmax(dim=1)
    by_place = torch.zeros(len(probability), int(places.max()) + 1).index_add_(1, places, probability)
    fixture = float((by_place.argmax(dim=1) == places[target]).double().mean())
    if label_unit != "window":
        return VideoFigures(fixture, None, len(target))
    same_place = places[None] == places[target][:, None]
    told = probability.masked_fill(~same_place, -1.0).argmax(dim=1)
    return VideoFigures(fixture, float((told == target).double().mean()), len(target))
