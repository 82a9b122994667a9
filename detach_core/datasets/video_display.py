"""Display of a decoded picture (upright, in its true aspect), and its reduction to the working grid."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from detach_core.datasets.video_pictures import Picture
from detach_core.foundation.errors import BadInputError
from detach_core.signals.frames import Fit, fit_picture

_SQUARE = "write it with square pixels, e.g. by ffmpeg -i video.mp4 -vf setsar=1 square.mp4"
_UPRIGHT = "write it upright, as ffmpeg -i video.mp4 upright.mp4 does by itself"
_WIDEST_PIXEL = 16
# Of the larger entries of a display matrix: what is smaller is rounding, not a slant.
_ROUNDING = 0.01


@dataclass(frozen=True)
class Orientation:
    """Orientation that makes a stored picture upright: rows and columns exchanged first, then each mirrored or not."""

    transposed: bool = False
    rows_mirrored: bool = False
    columns_mirrored: bool = False

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the upright picture from those of the stored one, or the other way round."""
        return (height, width) if self.transposed else (width, height)

    def upright(self, planar: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The upright (3H/2, W) planar YUV 4:2:0 picture of a stored one."""
        if self == Orientation():
            return planar
        width, height = planar.shape[1], planar.shape[0] * 2 // 3
        luma = self._turned(planar[:height])
        chroma = planar[height:].reshape(2, height // 2, width // 2)
        turned = np.stack([self._turned(plane) for plane in chroma])
        return np.concatenate([luma, turned.reshape(-1, luma.shape[1])])

    def _turned(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        plane = plane.T if self.transposed else plane
        return plane[:: -1 if self.rows_mirrored else 1, :: -1 if self.columns_mirrored else 1]


def orientation_of(matrix: bytes | None) -> Orientation:
    """The orientation that a display matrix (nine int32 in the machine's order, FFmpeg's DISPLAYMATRIX) asks for.

    Raises:
        ValueError: it asks for an angle that is no multiple of 90 degrees.
    """
    if matrix is None:
        return Orientation()
    # A stored point (x, y) is displayed at (a x + c y, b x + d y).
    a, b, _, c, d = struct.unpack("=9i", matrix)[:5]
    straight, across = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(b), abs(c)) <= _ROUNDING * straight:
        return Orientation(False, rows_mirrored=d < 0, columns_mirrored=a < 0)
    if max(abs(a), abs(d)) <= _ROUNDING * across:
        return Orientation(True, rows_mirrored=b < 0, columns_mirrored=c < 0)
    raise ValueError(f"a picture to be slanted by the matrix {a / 65536:g} {b / 65536:g} {c / 65536:g} {d / 65536:g}")


class PictureFitter:
    """Scales the frames of one video to (3H, 2W) planar YUV 4:2:0 pictures of the grid.

    The first picture's displayed size is the one that `crop_px` counts in; where a later picture has another size, the
    crop keeps its share of the picture.

    Args:
        path: the video, for messages.
        image_px: (width, height) of the grid.
        crop_px: left, top, width, height of what is kept of the displayed picture, or None for all of it.
    """

    def __init__(self, path: Path, *, image_px: Sequence[int], crop_px: Sequence[int] | None) -> None:
        self._path, self._crop_px = path, crop_px
        self.image_px = (image_px[0], image_px[1])
        self._first_px: tuple[int, int] | None = None
        self._fits: dict[tuple[int, int, Fraction, bytes | None], tuple[Fit, Orientation]] = {}
        # One scaler for the whole file: PyAV's frame.reformat would build it anew for each frame.
        self._scaler = VideoReformatter()

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        """The (3H, 2W) picture of the grid.

        Raises:
            BadInputError: it is slanted, its pixels are absurdly wide, or the crop leaves it.
        """
        frame = picture.frame
        data = frame.side_data.get(Type.DISPLAYMATRIX)
        key = (frame.width, frame.height, picture.aspect, None if data is None else bytes(data))
        if key not in self._fits:
            self._fits[key] = self._fit(*key)
        fit, orientation = self._fits[key]
        width, height = orientation.shape(*fit.scaled_px)
        planar: NDArray[Any] = self._scaler.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            interpolation=Interpolation.AREA,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
        ).to_ndarray()
        return fit.cut(orientation.upright(planar))

    def _fit(self, width: int, height: int, aspect: Fraction, matrix: bytes | None) -> tuple[Fit, Orientation]:
        try:
            orientation = orientation_of(matrix)
        except ValueError as error:
            found, expected = str(error), "one turned by a multiple of 90 degrees"
            raise BadInputError(self._path, "picture", found=found, expected=expected, remedy=_UPRIGHT) from None
        if not Fraction(1, _WIDEST_PIXEL) <= aspect <= _WIDEST_PIXEL:
            found, expected = f"pixels {aspect} times as wide as high", f"at most {_WIDEST_PIXEL}, or 1/{_WIDEST_PIXEL}"
            raise BadInputError(self._path, "picture", found=found, expected=expected, remedy=_SQUARE)
        displayed = orientation.shape(max(round(width * aspect), 1), height)
        self._first_px = first = self._first_px or displayed
        crop = self._crop_px
        if crop is not None and displayed != first:
            crop = [length * displayed[axis % 2] // first[axis % 2] for axis, length in enumerate(crop)]
        try:
            return fit_picture(displayed, image_px=self.image_px, crop_px=crop), orientation
        except ValueError as error:
            found, expected, remedy = str(error), "a crop inside the picture", "change `video.crop_px`"
            raise BadInputError(self._path, "picture", found=found, expected=expected, remedy=remedy) from None
