"""Sensor encoders of the baselines: stacked convolutions with a GRU (IMU2CLIP, PRIMUS), a channel-wise CNN (COMODO).

The windows of IMU2CLIP and PRIMUS last 5 s; ours last 2 s and must be resampled before, so that enough steps reach the
GRU.

Note (differs from the official code): there the GRU runs over the convolutions' channels with time as the feature axis,
which fixes the window's length. Here it runs over time, as the authors of DETACH adapted it. COMODO's student is Mantis
or MOMENT, pretrained on other time series; here a 1D CNN takes their place and starts from nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d, interpolate, pad

from detach_core.encoders.blocks import Size, for_size

KERNELS = (10, 5, 5)

DILATION = 2

POOL = 3

WIDTH = 32

GROUPS = 4


class StackedConvGru(nn.Module):
    """(B, C, L) -> (B, dim): the last state of a GRU over the convolutions' steps."""

    def __init__(self, *, channels: int, length: int, dim: int, steps: int | None = None) -> None:
        """Args: channels, length: of a (resampled) window; dim: of the feature; steps: of the last pooling.

        With `steps` the last block pools to so many whatever the length (PRIMUS), without by 3 as the others do.

        Raises:
            ValueError: for windows so short that nothing is left for the GRU.
        """
        super().__init__()
        left = convolved_length(length, adaptive=steps is not None)
        if left < 1:
            least = next(n for n in range(1, 2000) if convolved_length(n, adaptive=steps is not None) >= 1)
            raise ValueError(f"a window of {length} samples is too short for the convolutions; at least {least}")
        self.steps = steps or left
        blocks: list[nn.Module] = [nn.GroupNorm(1, channels)]
        wide = channels
        for index, kernel in enumerate(KERNELS):
            blocks.append(nn.Conv1d(wide, WIDTH, kernel, dilation=DILATION, bias=False))
            last = index == len(KERNELS) - 1
            blocks.append(nn.AdaptiveAvgPool1d(steps) if last and steps is not None else nn.MaxPool1d(POOL))
            wide = WIDTH
        blocks.append(nn.GroupNorm(GROUPS, WIDTH))
        self.convolutions = nn.Sequential(*blocks)
        self.recurrence = nn.GRU(WIDTH, dim, batch_first=True)

    def sequence(self, sensor: Tensor) -> Tensor:
        """Input of the GRU for windows (B, C, L): (B, steps, 32)."""
        steps: Tensor = self.convolutions(sensor).transpose(1, 2)
        return steps

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L)."""
        feature: Tensor = self.recurrence(self.sequence(sensor))[1][-1]
        return feature


def convolved_length(length: int, *, adaptive: bool) -> int:
    """Number of steps left of `length` samples; `adaptive` counts those that enter the last pooling."""
    for index, kernel in enumerate(KERNELS):
        length = max(length - (kernel - 1) * DILATION, 0)
        if not (adaptive and index == len(KERNELS) - 1):
            length //= POOL
    return length


def resample(sensor: Tensor, length: int) -> Tensor:
    """Windows (B, C, L) at `length` samples over the same time, linearly interpolated; the ends stay where they are."""
    if sensor.shape[-1] == length:
        return sensor
    return interpolate(sensor, size=length, mode="linear", align_corners=True)


def pad_to(sensor: Tensor, length: int) -> Tensor:
    """Windows (B, C, L) with zeros at their end up to `length` samples.

    Raises:
        ValueError: they are longer.
    """
    missing = length - sensor.shape[-1]
    if missing < 0:
        raise ValueError(f"windows of {sensor.shape[-1]} samples do not fit into {length}")
    return pad(sensor, (0, missing)) if missing else sensor


def time_deviation(steps: Tensor) -> float:
    """Mean standard deviation over time of (B, steps, channels): 0 if a recurrent network has no time to use."""
    return float(steps.detach().std(dim=1, correction=0).mean())


CHANNEL_WISE_KERNELS = (5, 5, 3)

STRIDE = 2


# Time is kept this coarsely, so that a channel's feature tells before from after.
STEPS = 4


@dataclass(frozen=True)
class ChannelWiseWidths:
    """Channels after each convolution, and the number of final features per sensor channel."""

    convolutions: tuple[int, int, int]
    feature: int


CHANNEL_WISE_PAPER = ChannelWiseWidths(convolutions=(64, 128, 256), feature=256)  # Mantis gives 256 numbers a channel

CHANNEL_WISE_SMALL = ChannelWiseWidths(convolutions=(16, 32, 32), feature=32)


class ChannelWiseCnn(nn.Module):
    """(B, C, L) -> (B, C * width): convolutions over time shared by all channels, then a projection of the steps."""

    def __init__(self, *, channels: int, size: Size) -> None:
        """Args: channels: of a window, of any length; size: of the networks.

        Raises:
            ValueError: for an unknown size.
        """
        super().__init__()
        widths = for_size(size, small=CHANNEL_WISE_SMALL, paper=CHANNEL_WISE_PAPER)
        self.width = widths.feature
        self.dim = channels * widths.feature
        blocks: list[nn.Module] = []
        wide = 1
        for kernel, narrow in zip(CHANNEL_WISE_KERNELS, widths.convolutions, strict=True):
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
