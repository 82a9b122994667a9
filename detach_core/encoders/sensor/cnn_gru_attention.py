"""The default temporal sensor encoder, 1D CNN, GRU and attention (paper, Sec. 3.2; Table 6 C)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from detach_core.encoders.sensor.convolution import SameConvolutions
from detach_core.encoders.size import Size, for_size

GROUPS = 8


@dataclass(frozen=True)
class Widths:
    """Channels after each convolution, and the GRU's state in each direction."""

    convolutions: tuple[int, int, int]
    hidden: int


PAPER = Widths(convolutions=(32, 64, 128), hidden=256)
SMALL = Widths(convolutions=(32, 32, 64), hidden=32)


class CnnGruAttention(nn.Module):
    """(B, C, L) -> (B, dim): convolutions, GRU in both directions, attention and mean over time, projection."""

    def __init__(self, *, channels: int, length: int, dim: int, size: Size) -> None:
        """Args: channels, length: of a window; dim: of the feature.

        Raises:
            ValueError: for an unknown size or windows too short for the convolutions.
        """
        super().__init__()
        widths = for_size(size, small=SMALL, paper=PAPER)
        self.convolutions = SameConvolutions(channels, widths.convolutions, length)
        self.normalisation = nn.GroupNorm(GROUPS, widths.convolutions[-1])
        self.recurrence = nn.GRU(widths.convolutions[-1], widths.hidden, batch_first=True, bidirectional=True)
        width = 2 * widths.hidden
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, dim)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L)."""
        steps, _ = self.recurrence(self.normalisation(self.convolutions(sensor)).transpose(1, 2))
        query, key, value = self.query_key_value(steps).chunk(3, dim=-1)
        attended = scaled_dot_product_attention(query, key, value)
        feature: Tensor = self.projection(attended.mean(dim=1))
        return feature
