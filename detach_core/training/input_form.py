"""From stored bytes to what the networks see: RGB in [0, 1], motion as differences and flow (decisions.md, D1).

Decoded video is channels-last in memory: (B, F, H, W, C) underneath, handed out as (B, C, F, H, W).
"""

from __future__ import annotations

import torch
from torch import Tensor

FLOW_UNIT_PX = 4.0
FLOW_LIMIT = 4.0
CODE_RANGE = 127.0
MOTION_CHANNELS = 5


def decode_frames(rgb: Tensor) -> Tensor:
    """RGB in [0, 1], (..., H, W, 3) float32, from bytes of that shape."""
    return rgb.to(torch.float32).mul_(1.0 / 255.0)


def decode_flow(code: Tensor, max_px: float) -> Tensor:
    """Flow in units of four pixels, clipped to [-4, 4], from its square-root companded int8 code.

    The same values as `contracts.flow.flow_table` over four pixels; computed, because a table look-up needs
    eight bytes of index for one byte of code.
    """
    value = code.to(torch.float32)
    value = value.abs().mul_(value).mul_(max_px / (CODE_RANGE * CODE_RANGE * FLOW_UNIT_PX))
    # The companding never exceeds max_px, so at the usual range there is nothing to clip.
    return value if max_px <= FLOW_UNIT_PX * FLOW_LIMIT else value.clamp_(-FLOW_LIMIT, FLOW_LIMIT)


def decode_motion(rgb: Tensor, flow: Tensor, max_px: float) -> Tensor:
    """Motion between consecutive frames, (B, F-1, H, W, 5) float32.

    Args:
        rgb: (B, F, H, W, 3) uint8.
        flow: (B, F, H, W, 2) int8, from the frame before to each frame; the first frame's lies outside the window.
        max_px: the companding range of the flow.

    Raises:
        ValueError: fewer than two frames, or shapes that do not fit.
    """
    if rgb.ndim != 5 or rgb.shape[1] < 2 or flow.shape[:4] != rgb.shape[:4]:
        raise ValueError(f"expected (B, F >= 2, H, W, 3) and (B, F, H, W, 2), got {rgb.shape} and {flow.shape}")
    motion = torch.empty((rgb.shape[0], rgb.shape[1] - 1, *rgb.shape[2:4], MOTION_CHANNELS), device=rgb.device)
    value = decode_frames(rgb)
    torch.sub(value[:, 1:], value[:, :-1], out=motion[..., :3])
    motion[..., 3:] = decode_flow(flow[:, 1:], max_px)
    return motion


def channels_first(video: Tensor) -> Tensor:
    """The view (B, C, ..., H, W) of (B, ..., H, W, C); memory stays channels-last, which convolutions want."""
    return video.movedim(-1, 1)
