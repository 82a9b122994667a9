"""How things move: a 3D CNN on frame differences and optical flow (paper, Sec. 3.2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from detach_core.encoders.size import Size, for_size
from detach_core.losses.contrastive import unit_rows

TimeAverage = Literal["steps", "differences"]
Triple = tuple[int, int, int]
# (kernel, stride, padding, channels) of each convolution, over (time, height, width).
Layer = tuple[Triple, Triple, Triple, int]

PAPER: tuple[Layer, ...] = tuple(((3, 3, 3), (1, 2, 2), (1, 1, 1), width) for width in (32, 64, 256))
# Patches that do not overlap are one matrix product, the fastest convolution there is on a CPU. A step of padding in
# time lets the pairs of steps cover an odd number of them.
SMALL: tuple[Layer, ...] = (
    ((2, 4, 4), (2, 4, 4), (1, 0, 0), 16),
    ((3, 3, 3), (1, 2, 2), (1, 1, 1), 32),
    ((3, 3, 3), (1, 2, 2), (1, 1, 1), 64),
)


class TemporalCnn3d(nn.Module):
    """(B, in_channels, F - 1, H, W) -> (B, dim) of cosines: 3D convolutions, mean over space and time, projection.

    The projection compares directions: its input and its rows both have length 1.
    """

    def __init__(self, *, dim: int, size: Size, in_channels: int = 5, time_average: TimeAverage = "steps") -> None:
        """Args: in_channels: 3 of the difference and 2 of the flow; time_average: `steps` takes their mean.

        Note (differs from paper): `differences`, the authors' release, averages differences of consecutive steps, which
        leaves the last step minus the first.

        Raises:
            ValueError: for an unknown size or time_average.
        """
        super().__init__()
        if time_average not in ("steps", "differences"):
            raise ValueError(f"time_average must be 'steps' or 'differences', got {time_average!r}")
        self.time_average, self.in_channels = time_average, in_channels
        layers = for_size(size, small=SMALL, paper=PAPER)
        self.patch: Triple = layers[0][1] if layers[0][0] == layers[0][1] else (1, 1, 1)
        blocks: list[nn.Module] = []
        wide = in_channels
        for kernel, stride, padding, narrow in layers:
            convolution = nn.Conv3d(wide, narrow, kernel, stride=stride, padding=padding, bias=False)
            blocks += [convolution, nn.BatchNorm3d(narrow), nn.ReLU(inplace=True)]
            wide = narrow
        self.convolutions = nn.Sequential(*blocks)
        self.projection = nn.Parameter(torch.empty(dim, wide))
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
        steps = self.feature_map(motion).mean(dim=(3, 4))
        if self.time_average == "differences":
            whole = steps.diff(dim=2).mean(dim=2) if steps.shape[2] > 1 else torch.zeros_like(steps[:, :, 0])
        else:
            whole = steps.mean(dim=2)
        return linear(unit_rows(whole), unit_rows(self.projection))
