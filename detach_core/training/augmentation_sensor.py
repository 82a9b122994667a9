"""Small changes of a sensor window that leave its meaning: strength, noise, timing, a lost channel (decisions.md, D9b).

All work on the normal form, in standard deviations of the pretraining windows. All draws come from one CPU generator.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from detach_core.settings.shared import SensorAugmentationSettings
from detach_core.training.noise import NoisePool


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
        """`sensor` read at shifted and gently bent times; beyond its ends the end values go on."""
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
