"""Figures about a method in training that no loss sees and no decision uses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from detach_core.methods.batch import SENSOR, WindowsAccess, required
from detach_core.methods.method import AnyMethod

# The gallery. Retrieval gets harder with it, so it is one for all methods and parts.
GALLERY = 128
RANKS = (1, 5)


def recall_at(similarity: Tensor, ranks: tuple[int, ...] = RANKS) -> dict[str, float]:
    """Share of rows whose own column is among the `rank` most similar: `r1`, `r5`; ties count against the row."""
    own = similarity.diagonal()[:, None]
    better = (similarity >= own).sum(dim=1) - 1
    return {f"r{rank}": float((better < rank).double().mean()) for rank in ranks}


@torch.no_grad()
def retrieval(method: AnyMethod, windows: WindowsAccess, part: str) -> dict[str, Any]:
    """Recall of sensor-to-video retrieval and back over evenly spread windows of `part`; {} without a common space."""
    modalities = method.video_modalities | {SENSOR}
    was_training = method.training
    method.eval()
    sensors, videos = [], []
    for batch in windows.batches(part, modalities=modalities, limit=GALLERY):
        video = method.embed_video(batch)
        if video is None:
            break
        sensors.append(method.embed_sensor(required(batch.sensor)).in_shared_space)
        videos.append(video.in_shared_space)
    method.train(was_training)
    if not videos:
        return {}
    similarity = normalize(torch.cat(sensors), dim=1) @ normalize(torch.cat(videos), dim=1).T
    return {
        "gallery": len(similarity),
        "sensor_to_video": recall_at(similarity),
        "video_to_sensor": recall_at(similarity.T),
    }
