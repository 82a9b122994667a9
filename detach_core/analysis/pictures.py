"""What a window shows: its frames, and where they change from one to the next.

What moves is told by the change of brightness and not by optical flow: on smooth walls and in the corners of small
pictures flow reports motion where there is none, in Opportunity's simulated home on more pixels than a person's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.windows import Windows

_LUMA = np.array([0.299, 0.587, 0.114])


class Pictures:
    """Frames and changes of single windows, read from the shards when asked for."""

    def __init__(self, windows: Windows) -> None:
        """Args: windows: those of a dataset; their shards must be there."""
        self._windows = windows
        self._streams = windows.open_streams()

    def frames(self, window: int) -> NDArray[np.uint8]:
        """(F, H, W, 3)."""
        rgb, _ = self._streams[self._windows.recording[window]]
        first = int(self._windows.first_frame[window])
        return np.array(rgb[first : first + self._windows.frames_per_window])

    def change(self, window: int) -> NDArray[np.uint8]:
        """(F - 1, H, W): `brightness_change` of its frames."""
        return brightness_change(self.frames(window))


def brightness_change(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(F - 1, H, W) grey levels by which each pixel differs from its last frame, beyond what the whole picture does.

    The picture's median change is taken off: the camera's exposure moves nothing.
    """
    difference = np.diff(grey_levels(frames), axis=0)
    difference -= np.median(difference, axis=(1, 2), keepdims=True)
    return np.rint(np.abs(difference)).clip(0, 255).astype(np.uint8)


def grey_levels(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(..., H, W) brightness from 0 to 255 of pictures (..., H, W, 3)."""
    levels: NDArray[np.float64] = frames @ _LUMA
    return levels
