"""Randomness of a training: seeds, generators, the order of batches, and the augmentation of windows.

Augmentation preserves labels. Sensor windows are in the normal form, in standard deviations of the pretraining windows.
All draws come from one CPU generator. Brightness, contrast and colour are gains and an offset per window and colour, so
they act on frame differences as on frames (an offset leaves a difference alone), and nothing is computed twice. Flow is
left as it is but for the translation. No flips: where something is, is the label.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from detach_core.settings.shared import SensorAugmentationSettings, VideoAugmentationSettings


def derived_seed(seed: int, purpose: str) -> int:
    """A seed in [0, 2^63) for `purpose`: equal arguments give equal seeds on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "little") >> 1


def make_generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for `purpose`. Draws are made on the CPU so that a GPU run has the same ones."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose))


def seed_everything(seed: int) -> None:
    """Seed torch's and numpy's global generators: initial weights and dropout come from them."""
    torch.manual_seed(derived_seed(seed, "weights"))
    np.random.seed(derived_seed(seed, "numpy") % 2**32)


def global_random_state(device: torch.device) -> dict[str, Tensor]:
    """State of torch's and numpy's global generators, and of the GPU's on a GPU."""
    _, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    state = {
        "torch": torch.get_rng_state(),
        "numpy": torch.tensor([*np.asarray(keys).tolist(), place, has_gauss], dtype=torch.int64),
        "numpy_gauss": torch.tensor(gauss, dtype=torch.float64),
    }
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_global_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Restoration of the state that `global_random_state` returned on the same kind of device."""
    torch.set_rng_state(state["torch"])
    *keys, place, has_gauss = state["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), place, has_gauss, float(state["numpy_gauss"])))
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def window_batches(num_windows: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Positions (batch_size,) of windows in random order; the incomplete last batch is dropped."""
    order = torch.randperm(num_windows, generator=generator)
    for start in range(0, num_windows - batch_size + 1, batch_size):
        yield order[start : start + batch_size]


def recordings_per_batch(recording: Tensor, batch_size: int) -> int:
    """Number of whole recordings nearest to `batch_size` windows; at least one."""
    num_recordings = len(torch.unique(recording))
    return max(1, min(num_recordings, round(batch_size * num_recordings / len(recording))))


def recording_batches(recording: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Positions of all windows of a few recordings, which come in random order; an incomplete last batch is dropped.

    Args:
        recording: (N,) recording of each window.
        batch_size: about how many windows a batch should have.
        generator: of the order.
    """
    ids = torch.unique(recording)
    size = recordings_per_batch(recording, batch_size)
    order = ids[torch.randperm(len(ids), generator=generator)]
    for start in range(0, len(ids) - size + 1, size):
        chosen = order[start : start + size]
        yield torch.isin(recording, chosen).nonzero().squeeze(1)


def steps_per_epoch(recording: Tensor, batch_size: int, unit: str) -> int:
    """Number of batches of an epoch."""
    if unit == "recording":
        return len(torch.unique(recording)) // recordings_per_batch(recording, batch_size)
    return len(recording) // batch_size


# Enough starts that two batches of a run hardly ever share one, in 4 MB beside the batch itself.
NUM_STARTS = 1 << 20


class NoisePool:
    """Standard normal noise, cut from one pool at a random start for each batch."""

    def __init__(self, *, generator: torch.Generator, device: torch.device) -> None:
        self.generator = generator
        self.device = device
        self._pool = torch.empty(0)
        self._drawn_at: Tensor | None = None

    def draw(self, shape: torch.Size) -> Tensor:
        """Noise of `shape`, float32: a view of the pool, not to be written to."""
        size = shape.numel()
        if len(self._pool) < size + NUM_STARTS:
            self._drawn_at = self.generator.get_state()
            self._pool = torch.randn(size + NUM_STARTS, generator=self.generator).to(self.device)
        start = int(torch.randint(NUM_STARTS, (1,), generator=self.generator))
        return self._pool[start : start + size].view(shape)

    def state(self) -> dict[str, Tensor]:
        """State of the generator before it drew the pool, and the pool's length; {} before the first draw."""
        return {} if self._drawn_at is None else {"drawn_at": self._drawn_at, "length": torch.tensor(len(self._pool))}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Redraw the pool of `state`; the pool's own generator does not advance."""
        self._pool, self._drawn_at = torch.empty(0), None
        if state:
            self._drawn_at = state["drawn_at"]
            generator = torch.Generator().set_state(self._drawn_at)
            self._pool = torch.randn(int(state["length"]), generator=generator).to(self.device)


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
