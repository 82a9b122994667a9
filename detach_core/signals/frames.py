"""Working frames: selection of pictures by time, scaling to the grid, colour conversion.

The grid is W x H pixels; pictures are handled at twice that (2W x 2H), where grey serves optical flow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.rows import LazyRows, Rows

T = TypeVar("T")


def num_ticks(end_s: Fraction, *, interval_s: Fraction, working_hz: float) -> int:
    """Number of ticks k / working_hz, k from 0, of a video whose last picture, at `end_s`, lasts half an interval."""
    return max(math.ceil((end_s + interval_s / 2) * _exact(working_hz)), 0)


def nearest_pictures(
    pictures: Iterable[tuple[Fraction, T]], *, working_hz: float, ticks: int
) -> Iterator[tuple[T, int]]:
    """(picture, number of consecutive ticks k / working_hz to which it is nearest), for pictures with any.

    Exact in whole numbers, so that an hour's ticks do not drift; of two pictures equally near, the later is taken. Only
    one picture is held at a time.

    Args:
        pictures: (time in s, picture) of increasing times.
        working_hz: rate of the ticks.
        ticks: how many there are; the last picture takes those that are left.
    """
    half_rate = _exact(working_hz) / 2
    done = 0
    last: tuple[Fraction, T] | None = None
    for time_s, picture in pictures:
        if last is not None:
            end = min(math.ceil((last[0] + time_s) * half_rate), ticks)
            if end > done:
                yield last[1], end - done
                done = end
        last = (time_s, picture)
    if last is not None and done < ticks:
        yield last[1], ticks - done


def _exact(rate_hz: float) -> Fraction:
    return Fraction(rate_hz).limit_denominator(1_000_000)


@dataclass(frozen=True)
class Fit:
    """Reduction of a picture to 2W x 2H: scaled to `scaled_px` in one go, then cut at `left_px`, `top_px`."""

    scaled_px: tuple[int, int]
    left_px: int
    top_px: int
    image_px: tuple[int, int]

    def cut(self, planar: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The (3H, 2W) planar YUV 4:2:0 picture inside the scaled one, which is planar too."""
        scaled_width, scaled_height = self.scaled_px
        width, height = 2 * self.image_px[0], 2 * self.image_px[1]
        if (scaled_width, scaled_height) == (width, height):
            return planar
        luma = planar[:scaled_height][self.top_px : self.top_px + height, self.left_px : self.left_px + width]
        chroma = planar[scaled_height:].reshape(2, scaled_height // 2, scaled_width // 2)
        top, left = self.top_px // 2, self.left_px // 2
        chroma = chroma[:, top : top + height // 2, left : left + width // 2]
        return np.concatenate([luma, chroma.reshape(-1, width)])


def fit_picture(source_px: Sequence[int], *, image_px: Sequence[int], crop_px: Sequence[int] | None) -> Fit:
    """The fit of a source picture, or of the part `crop_px` (x, y, width, height) of it, to the grid.

    The aspect is kept and the grid is filled: what is too wide or too high is cut off evenly on both sides. Cuts fall
    on even pixels of the doubled grid, as colours are stored there at half the resolution.

    Raises:
        ValueError: the crop leaves the picture.
    """
    source_width, source_height = source_px
    x, y, crop_width, crop_height = crop_px or (0, 0, source_width, source_height)
    if (
        min(crop_width, crop_height) < 1
        or x < 0
        or y < 0
        or x + crop_width > source_width
        or y + crop_height > source_height
    ):
        raise ValueError(f"crop {list(crop_px or ())} leaves the picture of {source_width} x {source_height} pixels")
    width, height = 2 * image_px[0], 2 * image_px[1]
    scale = max(width / crop_width, height / crop_height)
    scaled_width = max(_even(source_width * scale), width)
    scaled_height = max(_even(source_height * scale), height)
    left = _even((x + crop_width / 2) * scaled_width / source_width - width / 2)
    top = _even((y + crop_height / 2) * scaled_height / source_height - height / 2)
    left, top = min(max(left, 0), scaled_width - width), min(max(top, 0), scaled_height - height)
    return Fit((scaled_width, scaled_height), left, top, (image_px[0], image_px[1]))


def rgb_of_planar(planar: NDArray[np.uint8], image_px: tuple[int, int]) -> NDArray[np.uint8]:
    """The (H, W, 3) picture, mean of 2 x 2 pixels, of a (3H, 2W) planar YUV 4:2:0 one (BT.601, limited range)."""
    return np.asarray(cv2.resize(cv2.cvtColor(planar, cv2.COLOR_YUV2RGB_I420), image_px, interpolation=cv2.INTER_AREA))


class MeanFrames(LazyRows):
    """(N, H, W, 3) u8 the time average, rounded, of the rows first[n] to first[n] + length of a stream (T, H, W, 3).

    Averaged when they are read: a window's rows are in memory as long as its own average takes.
    """

    def __init__(self, rgb: Rows, first: NDArray[np.int64], length: int) -> None:
        self._rgb, self._first, self._length = rgb, first, length
        self.shape, self.dtype = (len(first), *rgb.shape[1:]), np.dtype(np.uint8)

    def read(self, first: int, end: int) -> NDArray[np.uint8]:
        """The averages [first, end)."""
        means = np.empty((end - first, *self.shape[1:]), dtype=np.uint8)
        for window, row in enumerate(self._first[first:end].tolist()):
            total = self._rgb[row : row + self._length].sum(axis=0, dtype=np.uint32)
            means[window] = (total + self._length // 2) // self._length
        return means


def _even(value: float) -> int:
    return 2 * round(value / 2)
