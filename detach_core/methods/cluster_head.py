"""Where the softmax of Eq. 1 comes from (paper, Sec. 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.losses.pseudo_label import cosine_logits


class ClusterHead(nn.Module):
    """Cluster logits (B, K) of sensor features, by `cluster_head`.

    `cosine`: cosine with the memory's centroids over a temperature (the authors' code). `learnable`: the same with
    prototypes that are trained (the paper's words). `linear`: a classifier of its own (ODC).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        dim, clusters = settings["encoders"]["dim"], settings["clusters"]
        self.kind, self.temperature = settings["cluster_head"], settings["cluster_temperature"]
        self.prototype = nn.Parameter(torch.zeros(clusters, dim)) if self.kind == "learnable" else None
        self.classifier = nn.Linear(dim, clusters) if self.kind == "linear" else None

    @torch.no_grad()
    def start(self, centroid: Tensor) -> None:
        """Learnable prototypes start at the first centroids."""
        if self.prototype is not None:
            self.prototype.copy_(centroid)

    def forward(self, feature: Tensor, centroid: Tensor) -> Tensor:
        """Logits (B, K) of features (B, d), given the memory's centroids (K, d)."""
        if self.classifier is not None:
            logits: Tensor = self.classifier(feature)
            return logits
        return cosine_logits(feature, centroid if self.prototype is None else self.prototype, self.temperature)
