"""Changes of a window's video that leave its meaning (decisions.md, D9b): the same for all frames of a window.

Brightness, contrast and colour are gains and an offset per window and colour, so they act on frame differences as on
frames (an offset leaves a difference alone), and nothing is computed twice. No flips: where something is, is the label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from detach_core.training.noise import NoisePool

_MIDDLE_GREY = 0.5
# The difference of two independent noises of equal deviation.
_DIFFERENCE = 2.0**0.5


@dataclass(frozen=True)
class VideoChange:
    """What one batch draws: gain and offset (B, 3), whether to blur (B,), translation dy, dx in pixels (B, 2)."""

    gain: Tensor
    offset: Tensor
    blurred: Tensor
    shift: Tensor


class VideoAugmentation:
    """Draws and applies one change per window; `settings` is the config's `augmentation.video`."""

    def __init__(self, settings: Mapping[str, float], *, generator: torch.Generator, device: torch.device) -> None:
        self.settings = settings
        self.generator = generator
        self.device = device
        self._noise: dict[int, NoisePool] = {}

    def draw(self, batch: int) -> VideoChange:
        """The changes of a batch of windows."""
        settings = self.settings
        unit = torch.rand(batch, 8, generator=self.generator) * 2.0 - 1.0
        contrast = 1.0 + settings["contrast"] * unit[:, :1]
        gain = contrast * (1.0 + settings["colour"] * unit[:, 1:4])
        offset = settings["brightness"] * unit[:, 4:5] + settings["colour"] * unit[:, 5:8] * _MIDDLE_GREY
        limit = int(settings["shift_px"])
        shift = torch.randint(-limit, limit + 1, (batch, 2), generator=self.generator)
        blurred = torch.rand(batch, generator=self.generator) < settings["blur_probability"]
        return VideoChange(gain.to(self.device), offset.to(self.device), blurred.to(self.device), shift)

    def change_frames(self, frames: Tensor, change: VideoChange, *, averaged: int = 1) -> Tensor:
        """Changed RGB (B, ..., H, W, 3) in [0, 1]; `averaged` is over how many frames each is a mean (less noise)."""
        frames = _blur(frames, change.blurred)
        gain, offset = (_per_colour(value, frames) for value in (change.gain, change.offset))
        frames = (frames - _MIDDLE_GREY) * gain + (_MIDDLE_GREY + offset)
        return self._add_noise(frames, self.settings["noise"] * averaged**-0.5).clamp_(0.0, 1.0)

    def change_motion(self, motion: Tensor, change: VideoChange) -> Tensor:
        """Changed motion (B, F-1, H, W, 5): differences follow the frames, flow keeps its size."""
        motion = _blur(motion, change.blurred)
        full_gain = torch.cat([change.gain, torch.ones_like(change.gain[:, :2])], dim=1)
        motion = motion * _per_colour(full_gain, motion)
        self._add_noise(motion[..., :3], self.settings["noise"] * _DIFFERENCE)
        return motion

    def _add_noise(self, video: Tensor, deviation: float) -> Tensor:
        size = video[0].numel()
        if size not in self._noise:
            self._noise[size] = NoisePool(size, generator=self.generator, device=self.device)
        return video.add_(self._noise[size].draw(len(video)).view(video.shape), alpha=deviation)


def _per_colour(value: Tensor, video: Tensor) -> Tensor:
    return value.view(len(value), *([1] * (video.ndim - 2)), -1)


def _blur(video: Tensor, chosen: Tensor) -> Tensor:
    """`video` (B, ..., H, W, C) with the chosen windows smoothed by a 2 x 2 box, the cheapest blur there is."""
    index = chosen.nonzero().squeeze(1)
    if not len(index):
        return video
    part = video[index]
    down = torch.cat([part[..., 1:, :, :], part[..., -1:, :, :]], dim=-3)
    part = part.lerp_(down, 0.5)
    right = torch.cat([part[..., 1:, :], part[..., -1:, :]], dim=-2)
    return video.index_copy(0, index, part.lerp_(right, 0.5))
