"""Pictures cut into patches; those at the right and lower edge are filled with zeros up to the full size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class PatchGrid:
    """How pictures (B, colours, height, width) are cut into patches of (patch_height, patch_width).

    Raises:
        ValueError: for a size below 1.
    """

    colours: int
    height: int
    width: int
    patch_height: int
    patch_width: int

    def __post_init__(self) -> None:
        """Refuse what has no patches."""
        if min(self.colours, self.height, self.width, self.patch_height, self.patch_width) < 1:
            raise ValueError(f"all sizes of a grid must be at least 1, got {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return -(-self.height // self.patch_height), -(-self.width // self.patch_width)

    @property
    def num_patches(self) -> int:
        """Patches of a picture."""
        return self.shape[0] * self.shape[1]

    @property
    def patch_size(self) -> int:
        """Numbers in a patch."""
        return self.colours * self.patch_height * self.patch_width

    def cut(self, pictures: Tensor) -> Tensor:
        """Patches (B, num_patches, patch_size), row by row of the grid; each is colour by colour, line by line.

        Raises:
            ValueError: for pictures of another size.
        """
        if pictures.ndim != 4 or pictures.shape[1:] != (self.colours, self.height, self.width):
            expected = f"(B, {self.colours}, {self.height}, {self.width})"
            raise ValueError(f"expected pictures {expected}, got {tuple(pictures.shape)}")
        rows, columns = self.shape
        below, right = rows * self.patch_height - self.height, columns * self.patch_width - self.width
        whole = pad(pictures, (0, right, 0, below)) if below or right else pictures
        cells = whole.reshape(len(pictures), self.colours, rows, self.patch_height, columns, self.patch_width)
        return cells.permute(0, 2, 4, 1, 3, 5).reshape(len(pictures), self.num_patches, self.patch_size)

    def real(self) -> Tensor:
        """Which numbers of each patch come from the picture and not from the filling: (num_patches, patch_size)."""
        return self.cut(torch.ones(1, self.colours, self.height, self.width))[0] > 0
