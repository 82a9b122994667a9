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
        self._size = self.width * self.channels
        # A line's width of padding before and after, so that a moved first or last line can be read as well.
        flat = stream.new_zeros(stream.numel() + 2 * self._size)
        flat[self._size : -self._size] = stream.reshape(-1)
        self._from = flat.unfold(0, self._size, 1)

    def gather(self, first: Tensor, num_frames: int, shift: Tensor | None = None, *, step: int = 1) -> Tensor:
        """`num_frames` pictures from each row of `first` on, every `step`-th, (B, F, H, W, C) in the stream's type.

        Args:
            first: (B,) int64, row of each window's first picture.
            num_frames: F.
            shift: (B, 2) int64 on the CPU, pixels by which the picture moves down and right; its border goes on. None:
                not at all.
            step: 2 leaves out every other picture.
        """
        batch = len(first)
        shift = torch.zeros(batch, 2, dtype=torch.int64) if shift is None else shift
        frame = first.cpu()[:, None] + step * torch.arange(num_frames)
        row = (torch.arange(self.height) - shift[:, :1]).clamp_(0, self.height - 1)
        line = frame[:, :, None] * self.height + row[:, None, :]
        # A line read from some pixels earlier on is a line moved right: no pixel is copied twice.
        start = (line + 1) * self._size - shift[:, 1, None, None] * self.channels
        lines = self._from.index_select(0, start.flatten().to(self._from.device))
        pictures = lines.view(batch, num_frames, self.height, self.width, self.channels)
        return self._mend_borders(pictures, shift[:, 1].tolist())

    def _mend_borders(self, pictures: Tensor, shift: list[int]) -> Tensor:
        """Where a moved line shows its neighbour's end, its own border goes on instead."""
        for picture, right in zip(pictures, shift, strict=True):
            if right > 0:
                picture[..., :right, :] = picture[..., right : right + 1, :]
            elif right < 0:
                picture[..., right:, :] = picture[..., right - 1 : right, :]
        return pictures
