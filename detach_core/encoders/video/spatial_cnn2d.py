"""Where things are: a 2D CNN on the time-averaged frame (paper, Sec. 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from detach_core.encoders.size import Size, for_size

TimeAverage = Literal["pixels", "features"]


@dataclass(frozen=True)
class Widths:
    """(kernel, stride, channels) of each convolution, and the channels of each branch."""

    convolutions: tuple[tuple[int, int, int], ...]
    branch: int


PAPER = Widths(convolutions=((7, 2, 64), (3, 2, 128), (3, 2, 256), (3, 2, 256)), branch=256)
# Patches that do not overlap are one matrix product, the fastest convolution there is on a CPU.
SMALL = Widths(convolutions=((4, 4, 32), (3, 2, 32), (3, 2, 64)), branch=64)


class SpatialCnn2d(nn.Module):
    """(B, 3, H, W) within [0, 1] -> (B, dim): convolutions, then a branch for the scene and one for objects in it.

    The scene branch averages over the picture; the object branch first weighs each place by a learned attention in (0,
    1).
    """

    def __init__(self, *, dim: int, size: Size, time_average: TimeAverage = "pixels") -> None:
        """Args: dim: of the feature; time_average: `pixels` takes the mean frame, `features` averages all frames' maps.

        Note (differs from paper): the authors' code averages `features`; the paper's text, `pixels`, costs a frame
        only.

        Raises:
            ValueError: for an unknown size or time_average.
        """
        super().__init__()
        if time_average not in ("pixels", "features"):
            raise ValueError(f"time_average must be 'pixels' or 'features', got {time_average!r}")
        self.time_average = time_average
        widths = for_size(size, small=SMALL, paper=PAPER)
        layers: list[nn.Module] = []
        wide = 3
        for kernel, stride, narrow in widths.convolutions:
            layers.append(_convolution(wide, narrow, kernel, stride=stride))
            wide = narrow
        kernel, stride, _ = widths.convolutions[0]
        self.patch = stride if kernel == stride else 1
        self.convolutions = nn.Sequential(*layers)
        self.scene = _convolution(wide, widths.branch, 3, stride=1)
        self.object = _convolution(wide, widths.branch, 3, stride=1)
        self.attention = nn.Conv2d(widths.branch, 1, 1)
        self.projection = nn.Sequential(nn.Linear(2 * widths.branch, dim), nn.LayerNorm(dim))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def feature_map(self, frames: Tensor) -> Tensor:
        """Map (B, channels, h, w) after the shared convolutions.

        Args:
            frames: (B, 3, H, W) mean frames, or (B, F, 3, H, W) frames where `time_average` is `features`.

        Raises:
            ValueError: on another shape.
        """
        dimensions = 4 if self.time_average == "pixels" else 5
        if frames.ndim != dimensions or frames.shape[-3] != 3:
            form = "(B, 3, H, W)" if dimensions == 4 else "(B, F, 3, H, W)"
            raise ValueError(f"time_average {self.time_average!r} expects {form}, got {tuple(frames.shape)}")
        flat = frames.flatten(0, -4)
        right, bottom = -flat.shape[3] % self.patch, -flat.shape[2] % self.patch
        if right or bottom:
            flat = pad(
                flat, (0, right, 0, bottom), mode="replicate"
            )  # whole patches, without an edge that is not there
        flat = flat.contiguous(memory_format=torch.channels_last)
        features: Tensor = self.convolutions(flat)
        return features if dimensions == 4 else features.reshape(*frames.shape[:2], *features.shape[1:]).mean(dim=1)

    def forward(self, frames: Tensor) -> Tensor:
        """Feature (B, dim); shapes as in `feature_map`."""
        features = self.feature_map(frames)
        objects = self.object(features)
        attended = objects * torch.sigmoid(self.attention(objects))
        branches = torch.cat([self.scene(features).mean(dim=(2, 3)), attended.mean(dim=(2, 3))], dim=1)
        feature: Tensor = self.projection(branches)
        return feature


def _convolution(wide: int, narrow: int, kernel: int, *, stride: int) -> nn.Sequential:
    padding = 0 if kernel == stride else kernel // 2
    convolution = nn.Conv2d(wide, narrow, kernel, stride=stride, padding=padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(narrow), nn.ReLU(inplace=True))
