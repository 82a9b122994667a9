"""Lost samples in a window: a channel that lost too much counts as silent, shorter gaps are bridged by lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_missing(windows: NDArray[np.float32], *, max_nan_share: float) -> NDArray[np.float32]:
    """`windows` (N, C, L) without NaN: channels with a larger share of NaN are 0, others interpolated over time.

    Before the first and behind the last sample of a window, that sample is repeated.
    """
    lost = np.isnan(windows)
    filled = windows.copy()
    share = lost.mean(axis=2)
    # A channel without any sample cannot be interpolated, whatever share is allowed.
    filled[(share > max_nan_share) | (share == 1.0)] = 0.0
    position = np.arange(windows.shape[2])
    for window, channel in zip(*np.nonzero((share > 0) & (share <= max_nan_share) & (share < 1.0)), strict=True):
        gap = lost[window, channel]
        filled[window, channel, gap] = np.interp(position[gap], position[~gap], windows[window, channel, ~gap])
    return filled
