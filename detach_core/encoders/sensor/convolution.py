"""The convolutional front that Table 6's encoders B and C share: it keeps time in order and shortens it four times."""

from __future__ import annotations

from torch import Tensor, nn

KERNELS = (5, 3, 3)
DILATIONS = (1, 2, 4)
POOLS = (2, 2, 1)


class SameConvolutions(nn.Module):
    """(B, C, L) -> (B, width, L // 4): three convolutions of growing dilation with BatchNorm and ReLU."""

    def __init__(self, channels: int, widths: tuple[int, int, int], length: int) -> None:
        """Args: channels, length: of a window; widths: channels after each convolution.

        Raises:
            ValueError: for windows shorter than four samples.
        """
        super().__init__()
        if length < 4:
            raise ValueError(f"a window of {length} samples is too short for the convolutions; at least 4")
        blocks: list[nn.Module] = []
        wide = channels
        for kernel, dilation, pool, narrow in zip(KERNELS, DILATIONS, POOLS, widths, strict=True):
            # BatchNorm subtracts the mean, so a bias would have no effect.
            convolution = nn.Conv1d(wide, narrow, kernel, dilation=dilation, padding="same", bias=False)
            blocks += [convolution, nn.BatchNorm1d(narrow), nn.ReLU(inplace=True)]
            if pool > 1:
                blocks.append(nn.MaxPool1d(pool))
            wide = narrow
        self.blocks = nn.Sequential(*blocks)

    def forward(self, sensor: Tensor) -> Tensor:
        """Features (B, width, L // 4) of windows (B, C, L)."""
        features: Tensor = self.blocks(sensor)
        return features
