"""The base sensor encoder, 1D CNN and GRU (paper, Sec. 3.1; Table 6 A)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from detach_core.encoders.size import Size, for_size

KERNELS = (5, 3, 3)
DILATION = 2
GROUPS = 4


@dataclass(frozen=True)
class Widths:
    """Channels after each convolution, and the steps that the GRU reads."""

    convolutions: tuple[int, int, int]
    steps: int


PAPER = Widths(convolutions=(32, 64, 64), steps=32)
SMALL = Widths(convolutions=(32, 32, 32), steps=8)


class CnnGru(nn.Module):
    """(B, C, L) -> (B, dim): three dilated convolutions, group normalisation, the last state of a GRU."""

    def __init__(self, *, channels: int, length: int, dim: int, size: Size) -> None:
        """Args: channels, length: of a window; dim: of the feature.

        Raises:
            ValueError: for an unknown size or windows too short for the convolutions.
        """
        super().__init__()
        widths = for_size(size, small=SMALL, paper=PAPER)
        if convolved_length(length) < 1:
            raise ValueError(f"a window of {length} samples is too short for the convolutions of cnn_gru; at least 36")
        blocks: list[nn.Module] = []
        wide = channels
        for index, (kernel, narrow) in enumerate(zip(KERNELS, widths.convolutions, strict=True)):
            blocks += [
                nn.Conv1d(wide, narrow, kernel, dilation=DILATION, bias=False),
                nn.ReLU(inplace=True),
                nn.BatchNorm1d(narrow),
            ]
            blocks.append(nn.MaxPool1d(2) if index < 2 else nn.AdaptiveAvgPool1d(widths.steps))
            wide = narrow
        self.convolutions = nn.Sequential(*blocks)
        self.normalisation = nn.GroupNorm(GROUPS, wide)
        self.recurrence = nn.GRU(wide, dim, batch_first=True)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L)."""
        steps = self.normalisation(self.convolutions(sensor)).transpose(1, 2)
        feature: Tensor = self.recurrence(steps)[1][-1]
        return feature


def convolved_length(length: int) -> int:
    """Steps that are left of `length` samples before the adaptive pooling; below 1 when there are none."""
    for index, kernel in enumerate(KERNELS):
        length -= (kernel - 1) * DILATION
        if index < 2:
            length //= 2
    return length
