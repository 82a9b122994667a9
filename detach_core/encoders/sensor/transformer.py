"""A temporal sensor encoder with a Transformer in place of the GRU (Table 6 B)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from detach_core.encoders.sensor.convolution import SameConvolutions
from detach_core.encoders.size import Size, for_size

LAYERS = 2
HEADS = 4
DROPOUT = 0.1


@dataclass(frozen=True)
class Widths:
    """Channels after each convolution (the last is the Transformer's width), and its feed-forward width."""

    convolutions: tuple[int, int, int]
    feed_forward: int


PAPER = Widths(convolutions=(32, 64, 128), feed_forward=512)
SMALL = Widths(convolutions=(32, 32, 64), feed_forward=128)


class ConvolutionTransformer(nn.Module):
    """(B, C, L) -> (B, dim): convolutions, sinusoidal positions, pre-norm Transformer, mean over time, projection."""

    position: Tensor

    def __init__(self, *, channels: int, length: int, dim: int, size: Size) -> None:
        """Args: channels, length: of a window; dim: of the feature.

        Raises:
            ValueError: for an unknown size or windows too short for the convolutions.
        """
        super().__init__()
        widths = for_size(size, small=SMALL, paper=PAPER)
        width = widths.convolutions[-1]
        self.convolutions = SameConvolutions(channels, widths.convolutions, length)
        self.register_buffer("position", sinusoidal_positions(length // 4, width), persistent=False)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, HEADS, widths.feed_forward, DROPOUT, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(LAYERS)
            ),
            nn.LayerNorm(width),
        )
        self.projection = nn.Linear(width, dim)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L).

        Raises:
            ValueError: for windows of another length than the encoder was built for.
        """
        steps = self.convolutions(sensor).transpose(1, 2)
        if steps.shape[1:] != self.position.shape:
            raise ValueError(f"built for windows that give {len(self.position)} steps, got {steps.shape[1]}")
        feature: Tensor = self.projection(self.layers(steps + self.position).mean(dim=1))
        return feature


def sinusoidal_positions(steps: int, width: int) -> Tensor:
    """Sines (even columns) and cosines (odd columns) of wavelengths from 2 pi to 10000 * 2 pi steps: (steps, width)."""
    time = torch.arange(steps, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
    position = torch.zeros(steps, width)
    position[:, 0::2] = torch.sin(time * rate)
    position[:, 1::2] = torch.cos(time * rate)
    return position
