"""A video trunk on a network that was trained on ImageNet: torchvision's ResNet-18, ResNet-50 or ViT-B/32."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from detach_core.encoders.torchvision_guard import import_torchvision
from detach_core.encoders.video.spatial_cnn2d import TimeAverage
from detach_core.foundation.errors import UserError

# What all three saw in their own training.
IMAGE_PX = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Kind:
    """A network of torchvision: its name for readers, the width of its feature, where its classifier hangs."""

    label: str
    width: int
    classifier: str


BACKBONES = {
    "resnet18": Kind("ResNet-18", 512, "fc"),
    "resnet50": Kind("ResNet-50", 2048, "fc"),
    "vit_b_32": Kind("ViT-B/32", 768, "heads"),
}


def build_backbone(network: str) -> nn.Module:
    """The untrained network `network`, (B, 3, 224, 224) -> (B, width), without its classifier.

    Raises:
        UserError: torchvision is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Of its image decoders, which nothing here uses.
            warnings.simplefilter("ignore")
            models = import_torchvision().models
    except ModuleNotFoundError:
        raise UserError(
            f"video.init: {BACKBONES[network].label} needs torchvision, which is not installed; add it at the version"
            " of requirements.lock, or set `scratch`"
        ) from None
    backbone: nn.Module = getattr(models, network)(weights=None)
    setattr(backbone, BACKBONES[network].classifier, nn.Identity())
    return backbone


class BackboneTrunk(nn.Module):
    """(B, 3, H, W) or (B, F, 3, H, W) within [0, 1] -> (B, dim): the backbone's feature and a linear layer.

    Pictures are stretched to the backbone's square, not cropped: where things are must stay in view. Features of
    several frames are averaged before the layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: str, *, dim: int, time_average: TimeAverage) -> None:
        """Args: network: a key of `BACKBONES`; dim: of the feature; time_average: as `SpatialCnn2d`."""
        super().__init__()
        self.time_average = time_average
        self.backbone = build_backbone(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.projection = nn.Linear(BACKBONES[network].width, dim)
        for name, value in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(value).view(1, 3, 1, 1), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Feature (B, dim) of (B, 3, H, W) mean frames, or (B, F, 3, H, W) where `time_average` is `features`.

        Raises:
            ValueError: on another shape.
        """
        dimensions = 4 if self.time_average == "pixels" else 5
        if frames.ndim != dimensions or frames.shape[-3] != 3:
            form = "(B, 3, H, W)" if dimensions == 4 else "(B, F, 3, H, W)"
            raise ValueError(f"time_average {self.time_average!r} expects {form}, got {tuple(frames.shape)}")
        flat = interpolate(frames.flatten(0, -4), (IMAGE_PX, IMAGE_PX), mode="bilinear", antialias=True)
        flat = ((flat - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        feature: Tensor = self.backbone(flat)
        if dimensions == 5:
            feature = feature.reshape(*frames.shape[:2], -1).mean(dim=1)
        projected: Tensor = self.projection(feature)
        return projected
