"""Video encoders: a 2D CNN on the mean frame, a 3D CNN on frame differences and optical flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool3d, linear, pad

from detach_core.encoders.blocks import Size, flat_frames, for_size
from detach_core.losses import unit_rows

TimeAverage = Literal["pixels", "features"]


@dataclass(frozen=True)
class SpatialWidths:
    """(kernel, stride, channels) of each convolution, and the channels of each branch."""

    convolutions: tuple[tuple[int, int, int], ...]
    branch: int


SPATIAL_PAPER = SpatialWidths(convolutions=((7, 2, 64), (3, 2, 128), (3, 2, 256), (3, 2, 256)), branch=256)


# Patches that do not overlap are one matrix product, the fastest convolution there is on a CPU.
SPATIAL_SMALL = SpatialWidths(convolutions=((4, 4, 32), (3, 2, 32), (3, 2, 64)), branch=64)


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
        widths = for_size(size, small=SPATIAL_SMALL, paper=SPATIAL_PAPER)
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
        flat = flat_frames(frames, self.time_average)
        right, bottom = -flat.shape[3] % self.patch, -flat.shape[2] % self.patch
        if right or bottom:
            flat = pad(
                flat, (0, right, 0, bottom), mode="replicate"
            )  # whole patches, without an edge that is not there
        flat = flat.contiguous(memory_format=torch.channels_last)
        features: Tensor = self.convolutions(flat)
        return features if frames.ndim == 4 else features.reshape(*frames.shape[:2], *features.shape[1:]).mean(dim=1)

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


StepAverage = Literal["steps", "differences"]

Triple = tuple[int, int, int]


# (kernel, stride, padding, channels) of each convolution, over (time, height, width).
Layer = tuple[Triple, Triple, Triple, int]

TEMPORAL_PAPER: tuple[Layer, ...] = tuple(((3, 3, 3), (1, 2, 2), (1, 1, 1), width) for width in (32, 64, 256))


# Patches that do not overlap are one matrix product, the fastest convolution there is on a CPU. A step of padding in
# time lets the pairs of steps cover an odd number of them.
TEMPORAL_SMALL: tuple[Layer, ...] = (
    ((2, 4, 4), (2, 4, 4), (1, 0, 0), 16),
    ((3, 3, 3), (1, 2, 2), (1, 1, 1), 32),
    ((3, 3, 3), (1, 2, 2), (1, 1, 1), 64),
)


class TemporalCnn3d(nn.Module):
    """(B, in_channels, F - 1, H, W) -> (B, dim) of cosines: 3D convolutions, mean over space and time, projection.

    The projection compares directions: its input and its rows both have length 1.
    """

    def __init__(
        self, *, dim: int, size: Size, in_channels: int = 5, time_average: StepAverage = "steps", cells: int = 1
    ) -> None:
        """Args: in_channels: 3 of difference, 2 of flow; time_average: `steps` takes their mean; cells: parts a side.

        Note (differs from paper): `differences`, the authors' release, averages differences of consecutive steps, which
        leaves the last step minus the first. With more than one of `cells` the last map is averaged over each part of
        the picture, so the feature depends on where something moved.

        Raises:
            ValueError: for an unknown size or time_average.
        """
        super().__init__()
        if time_average not in ("steps", "differences") or cells < 1:
            found = f"{time_average!r} and {cells}"
            raise ValueError(f"time_average must be 'steps' or 'differences' and cells at least 1, got {found}")
        self.time_average, self.in_channels, self.cells = time_average, in_channels, cells
        layers = for_size(size, small=TEMPORAL_SMALL, paper=TEMPORAL_PAPER)
        self.patch: Triple = layers[0][1] if layers[0][0] == layers[0][1] else (1, 1, 1)
        blocks: list[nn.Module] = []
        wide = in_channels
        for kernel, stride, padding, narrow in layers:
            convolution = nn.Conv3d(wide, narrow, kernel, stride=stride, padding=padding, bias=False)
            blocks += [convolution, nn.BatchNorm3d(narrow), nn.ReLU(inplace=True)]
            wide = narrow
        self.convolutions = nn.Sequential(*blocks)
        self.projection = nn.Parameter(torch.empty(dim, wide * cells**2))
        nn.init.normal_(self.projection)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def feature_map(self, motion: Tensor) -> Tensor:
        """Map (B, channels, steps, h, w) after the convolutions.

        Args:
            motion: (B, in_channels, F - 1, H, W).

        Raises:
            ValueError: on another shape.
        """
        if motion.ndim != 5 or motion.shape[1] != self.in_channels:
            raise ValueError(f"expected motion (B, {self.in_channels}, F - 1, H, W), got {tuple(motion.shape)}")
        _, patch_height, patch_width = self.patch
        right, bottom = -motion.shape[4] % patch_width, -motion.shape[3] % patch_height
        if right or bottom:
            motion = pad(motion, (0, right, 0, bottom))  # no motion beyond the border, rather than a border left out
        features: Tensor = self.convolutions(motion.contiguous(memory_format=torch.channels_last_3d))
        return features

    def forward(self, motion: Tensor) -> Tensor:
        """Feature (B, dim); shapes as in `feature_map`."""
        steps = self._averaged(self.feature_map(motion))
        if self.time_average == "differences":
            whole = steps.diff(dim=2).mean(dim=2) if steps.shape[2] > 1 else torch.zeros_like(steps[:, :, 0])
        else:
            whole = steps.mean(dim=2)
        return linear(unit_rows(whole), unit_rows(self.projection))

    def _averaged(self, features: Tensor) -> Tensor:
        """Means (B, channels cells^2, steps) over the cells of a map (B, channels, steps, h, w)."""
        if self.cells == 1:
            return features.mean(dim=(3, 4))
        cells = adaptive_avg_pool3d(features, (features.shape[2], self.cells, self.cells))
        return cells.permute(0, 1, 3, 4, 2).flatten(1, 3)
