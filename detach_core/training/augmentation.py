"""Label-preserving augmentation of sensor windows and their video.

Sensor windows are in the normal form, in standard deviations of the pretraining windows. All draws come from one CPU
generator. Brightness, contrast and colour are gains and an offset per window and colour, so they act on frame
differences as on frames (an offset leaves a difference alone), and nothing is computed twice. Flow is left as it is but
for the translation. No flips: where something is, is the label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from detach_core.settings.shared import SensorAugmentationSettings, VideoAugmentationSettings
from detach_core.training.randomness import NoisePool


class SensorAugmentation:
    """Draws and applies one change per window; `settings` is the config's `augmentation.sensor`."""

    def __init__(
        self,
        settings: SensorAugmentationSettings,
        *,
        sensor_hz: float,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.settings = settings
        self.sensor_hz = sensor_hz
        self.generator = generator
        self.noise = NoisePool(generator=generator, device=device)

    def __call__(self, sensor: Tensor) -> Tensor:
        """A changed copy of `sensor` (B, C, L)."""
        batch, channels = sensor.shape[:2]
        device = sensor.device
        changed = self._retime(sensor)
        scale = 1.0 + self.settings.scale * torch.randn(batch, channels, 1, generator=self.generator)
        kept = torch.rand(batch, channels, 1, generator=self.generator) >= self.settings.channel_dropout
        changed = changed * scale.to(device)
        changed = changed.add_(self.noise.draw(changed.shape), alpha=self.settings.jitter)
        # A lost channel reads as a channel at rest, so it is set after the noise.
        return changed * kept.to(device)

    def _retime(self, sensor: Tensor) -> Tensor:
        """`sensor` at shifted and slightly warped times; end values are held beyond its ends."""
        batch, channels, length = sensor.shape
        time = torch.arange(length, dtype=torch.float32)
        draw = torch.rand(3, batch, 1, generator=self.generator) * 2.0 - 1.0
        shift = draw[0] * self.settings.shift_s * self.sensor_hz
        # Rates stay within 1 - warp to 1 + warp: the derivative of the sine's argument cancels its amplitude.
        bend = draw[1] * self.settings.warp * length / (2.0 * math.pi)
        place = time + shift + bend * torch.sin(2.0 * math.pi * time / length + math.pi * draw[2])
        place = place.clamp(0.0, length - 1.0)
        before = place.floor().clamp(max=max(length - 2, 0))
        weight = (place - before).to(sensor.device)[:, None, :]
        index = before.to(torch.int64).to(sensor.device)[:, None, :].expand(batch, channels, length)
        following = (index + 1).clamp(max=length - 1)
        return torch.lerp(sensor.gather(2, index), sensor.gather(2, following), weight)


_MIDDLE_GREY = 0.5


# The difference of two independent noises of equal deviation.
_DIFFERENCE = 2.0**0.5


@dataclass(frozen=True)
class VideoChange:
    """Changes drawn for one batch.

    Attributes:
        gain: (B, 3), of each colour.
        offset: (B, 3), of each colour.
        num_blurred: the first so many windows are blurred; batches come in random order.
        shift: (B, 2) int64, translation down and right in pixels, on the CPU.
    """

    gain: Tensor
    offset: Tensor
    num_blurred: int
    shift: Tensor


class VideoAugmentation:
    """Draws and applies one change per window; `settings` is the config's `augmentation.video`."""

    def __init__(
        self, settings: VideoAugmentationSettings, *, generator: torch.Generator, device: torch.device
    ) -> None:
        self.settings = settings
        self.generator = generator
        self.device = device
        self.noise = NoisePool(generator=generator, device=device)

    def draw(self, batch: int) -> VideoChange:
        """The changes of a batch of windows."""
        settings = self.settings
        unit = torch.rand(batch, 8, generator=self.generator) * 2.0 - 1.0
        contrast = 1.0 + settings.contrast * unit[:, :1]
        gain = contrast * (1.0 + settings.colour * unit[:, 1:4])
        offset = settings.brightness * unit[:, 4:5] + settings.colour * unit[:, 5:8] * _MIDDLE_GREY
        limit = settings.shift_px
        shift = torch.randint(-limit, limit + 1, (batch, 2), generator=self.generator)
        blurred = torch.rand(batch, generator=self.generator) < settings.blur_probability
        return VideoChange(gain.to(self.device), offset.to(self.device), int(blurred.sum()), shift)

    def blur(self, pictures: Tensor, change: VideoChange) -> Tensor:
        """Bytes (B, ..., H, W, C) whose first windows are smoothed by a 2 x 2 box, in place."""
        part = pictures[: change.num_blurred]
        part[..., :-1, :, :] = _byte_mean(part[..., :-1, :, :], part[..., 1:, :, :])
        part[..., :-1, :] = _byte_mean(part[..., :-1, :], part[..., 1:, :])
        return pictures

    def change_frames(self, frames: Tensor, change: VideoChange, *, averaged: int = 1) -> Tensor:
        """Changed RGB (B, ..., H, W, 3) in [0, 1]; `averaged` is over how many frames each is a mean (less noise)."""
        gain = _per_colour(change.gain, frames)
        offset = _per_colour(change.offset + _MIDDLE_GREY * (1.0 - change.gain), frames)
        changed = torch.addcmul(offset, frames, gain)
        noise = self.noise.draw(frames.shape)
        return changed.add_(noise, alpha=self.settings.noise * averaged**-0.5).clamp_(0.0, 1.0)

    def change_differences(self, differences: Tensor, change: VideoChange) -> Tensor:
        """Changed differences (B, F-1, H, W, 3) of consecutive frames, in place, consistent with the frames."""
        differences.mul_(_per_colour(change.gain, differences))
        return differences.add_(self.noise.draw(differences.shape), alpha=self.settings.noise * _DIFFERENCE)


def _per_colour(value: Tensor, video: Tensor) -> Tensor:
    return value.view(len(value), *([1] * (video.ndim - 2)), -1)


def _byte_mean(first: Tensor, second: Tensor) -> Tensor:
    """The mean of bytes, rounded down, in byte arithmetic: a quarter of the memory traffic of floats."""
    return (first & second) + ((first ^ second) >> 1)
