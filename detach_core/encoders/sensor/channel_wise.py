"""The student of COMODO: one small network looks at each channel alone, and the channels' features stand side by side.

Note (differs from the official code): its student is Mantis or MOMENT, pretrained on other time series; here a 1D CNN
takes their place and starts from nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d

from detach_core.encoders.size import Size, for_size

KERNELS = (5, 5, 3)
STRIDE = 2
# Time is kept this coarsely, so that a channel's feature tells before from after.
STEPS = 4


@dataclass(frozen=True)
class Widths:
    """Channels after each convolution, and numbers that stand for a sensor channel in the end."""

    convolutions: tuple[int, int, int]
    feature: int


PAPER = Widths(convolutions=(64, 128, 256), feature=256)  # Mantis gives 256 numbers a channel
SMALL = Widths(convolutions=(16, 32, 32), feature=32)


class ChannelWiseCnn(nn.Module):
    """(B, C, L) -> (B, C * width): the same convolutions over time for every channel, then its few steps projected."""

    def __init__(self, *, channels: int, size: Size) -> None:
        """Args: channels: of a window, of any length; size: of the networks.

        Raises:
            ValueError: for an unknown size.
        """
        super().__init__()
        widths = for_size(size, small=SMALL, paper=PAPER)
        self.width = widths.feature
        self.dim = channels * widths.feature
        blocks: list[nn.Module] = []
        wide = 1
        for kernel, narrow in zip(KERNELS, widths.convolutions, strict=True):
            # BatchNorm subtracts the mean, so a bias would have no effect.
            blocks += [
                nn.Conv2d(wide, narrow, (1, kernel), stride=(1, STRIDE), padding=(0, kernel // 2), bias=False),
                nn.BatchNorm2d(narrow),
                nn.ReLU(inplace=True),
            ]
            wide = narrow
        self.convolutions = nn.Sequential(*blocks)
        self.projection = nn.Linear(wide * STEPS, widths.feature)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def channel_features(self, sensor: Tensor) -> Tensor:
        """Feature (B, C, width) of each channel of windows (B, C, L)."""
        # Channels lie along a picture's height, which the kernels do not span: faster on a CPU than B * C signals.
        picture = sensor[:, None].contiguous(memory_format=torch.channels_last)
        steps = self.convolutions(picture).transpose(1, 2)
        few = adaptive_avg_pool1d(steps.flatten(0, 1), STEPS).reshape(*steps.shape[:2], -1)
        feature: Tensor = self.projection(few)
        return feature

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, C * width) of windows (B, C, L)."""
        return self.channel_features(sensor).flatten(1)
