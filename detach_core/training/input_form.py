"""From stored bytes to what the networks see: RGB in [0, 1], motion as differences and flow (decisions.md, D1).

Decoded video is channels-last in memory: (B, F, H, W, C) underneath, handed out as (B, C, F, H, W).
"""

from __future__ import annotations

import torch
from torch import Tensor

FLOW_UNIT_PX = 4.0
FLOW_LIMIT = 4.0
CODE_RANGE = 127.0


def decode_frames(rgb: Tensor) -> Tensor:
    """RGB in [0, 1], (..., H, W, 3) float32, from bytes of that shape."""
    return rgb.to(torch.float32).mul_(1.0 / 255.0)


def decode_flow(code: Tensor, max_px: float) -> Tensor:
    """Flow in units of four pixels, clipped to [-4, 4], from its square-root companded int8 code.

    The same values as `contracts.flow.flow_table` over four pixels; computed, because a table look-up needs
    eight bytes of index for one byte of code.
    """
    value = code.to(torch.float32).mul_((max_px / FLOW_UNIT_PX) ** 0.5 / CODE_RANGE)
    value = value.abs().mul_(value)
    # The companding never exceeds max_px, so at the usual range there is nothing to clip.
    return value if max_px <= FLOW_UNIT_PX * FLOW_LIMIT else value.clamp_(-FLOW_LIMIT, FLOW_LIMIT)


def decode_differences(rgb: Tensor) -> Tensor:
    """RGB of each frame minus that of the frame before, (B, F-1, H, W, 3) in [-1, 1], from bytes (B, F, H, W, 3).

    Raises:
        ValueError: fewer than two frames, or another shape.
    """
    if rgb.ndim != 5 or rgb.shape[1] < 2:
        raise ValueError(f"expected (B, F >= 2, H, W, 3), got {tuple(rgb.shape)}")
    value = decode_frames(rgb)
    return value[:, 1:] - value[:, :-1]


def join_motion(differences: Tensor, flow: Tensor) -> Tensor:
    """Motion (B, F-1, H, W, 5): differences of frames, then the flow between the same frames.

    Args:
        differences: (B, F-1, H, W, 3).
        flow: (B, F, H, W, 2), into each frame; what led into the first frame lies outside the window.

    Raises:
        ValueError: shapes that do not fit.
    """
    if flow.ndim != 5 or flow[:, 1:].shape[:4] != differences.shape[:4]:
        raise ValueError(f"expected flow of one frame more than {tuple(differences.shape)}, got {tuple(flow.shape)}")
    return torch.cat([differences, flow[:, 1:]], dim=-1)


def channels_first(video: Tensor) -> Tensor:
    """The view (B, C, ..., H, W) of (B, ..., H, W, C); memory stays channels-last, which convolutions want."""
    return video.movedim(-1, 1)
