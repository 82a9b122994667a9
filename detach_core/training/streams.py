"""Video of windows, cut from streams that lie whole in memory as bytes, moved by a few pixels on the way."""

from __future__ import annotations

import torch
from torch import Tensor


class ByteStream:
    """A stream of pictures (T, H, W, C) uint8 or int8 on one device."""

    def __init__(self, stream: Tensor) -> None:
        if stream.ndim != 4:
            raise ValueError(f"expected (T, H, W, C), got {tuple(stream.shape)}")
        self.height, self.width, self.channels = stream.shape[1:]
        self._lines = stream.reshape(-1, self.width * self.channels)

    def gather(self, first: Tensor, num_frames: int, shift: Tensor | None = None) -> Tensor:
        """The `num_frames` pictures from each row of `first` on, (B, F, H, W, C) in the stream's type.

        Args:
            first: (B,) int64, row of each window's first picture.
            num_frames: F.
            shift: (B, 2) int64, pixels by which the picture moves down and right; its border goes on. None: not at all.
        """
        device = self._lines.device
        line = torch.arange(self.height)
        frame = first.cpu()[:, None] + torch.arange(num_frames)
        if shift is None:
            lines = (frame[:, :, None] * self.height + line).flatten()
            return self._cut(lines.to(device), len(first), num_frames)
        moved = (line - shift.cpu()[:, :1]).clamp_(0, self.height - 1)
        lines = (frame[:, :, None] * self.height + moved[:, None, :]).flatten()
        return self._move_right(self._cut(lines.to(device), len(first), num_frames), shift[:, 1])

    def _cut(self, lines: Tensor, batch: int, num_frames: int) -> Tensor:
        pictures = self._lines.index_select(0, lines)
        return pictures.view(batch, num_frames, self.height, self.width, self.channels)

    def _move_right(self, pictures: Tensor, columns: Tensor) -> Tensor:
        """`pictures` moved by whole columns: one copy for each distance, which is faster than an index per pixel."""
        moved = torch.empty_like(pictures)
        for distance in torch.unique(columns).tolist():
            chosen = (columns == distance).nonzero().squeeze(1).to(pictures.device)
            column = (torch.arange(self.width) - distance).clamp_(0, self.width - 1).to(pictures.device)
            part = pictures[chosen]
            moved[chosen] = part if distance == 0 else part.index_select(3, column)
        return moved
