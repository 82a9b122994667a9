"""PRIMUS's changed view of a sensor window: noise, scale, negation, shuffled pieces.

All draws come from one CPU generator, so that a GPU run sees the same ones. Every window has draws of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# Deviations of the noise (in those of the pretraining windows) and of the factor, as in the official code.
NOISE, SCALE = 0.1, 0.25


class SensorViews:
    """Applies some of `noise`, `scale`, `negate`, `permute` in the given order; `segments`: pieces of `permute`."""

    def __init__(self, transforms: Sequence[str], *, segments: int, generator: torch.Generator) -> None:
        known: dict[str, Callable[[Tensor], Tensor]] = {
            "noise": lambda sensor: add_noise(sensor, generator),
            "scale": lambda sensor: scale_channels(sensor, generator),
            "negate": negate,
            "permute": lambda sensor: permute_segments(sensor, segments, generator),
        }
        unknown = [name for name in transforms if name not in known]
        if unknown:
            raise ValueError(f"a transform must be one of {', '.join(known)}, got {unknown[0]!r}")
        self._steps = [known[name] for name in transforms]

    def __call__(self, sensor: Tensor) -> Tensor:
        """A changed copy of windows (B, C, L)."""
        for step in self._steps:
            sensor = step(sensor)
        return sensor


def add_noise(sensor: Tensor, generator: torch.Generator) -> Tensor:
    """Independent Gaussian noise on every sample."""
    noise = torch.randn(sensor.shape, generator=generator, dtype=sensor.dtype)
    return sensor + NOISE * noise.to(sensor.device)


def scale_channels(sensor: Tensor, generator: torch.Generator) -> Tensor:
    """Each channel of each window times its own factor around 1.

    Note (differs from the official code): there one factor per time step acts on all channels.
    """
    factor = 1.0 + SCALE * torch.randn(*sensor.shape[:2], 1, generator=generator, dtype=sensor.dtype)
    return sensor * factor.to(sensor.device)


def negate(sensor: Tensor) -> Tensor:
    """Upside down."""
    return -sensor


def permute_segments(sensor: Tensor, segments: int, generator: torch.Generator) -> Tensor:
    """Each window cut at places of its own into `segments` pieces, which come back in an order of its own.

    Note (differs from the official code): there the cuts of all windows of a batch are one draw without replacement
    from the samples of a window, which fails for larger batches.

    Raises:
        ValueError: more pieces than samples.
    """
    batch, _, length = sensor.shape
    if segments > length:
        raise ValueError(f"a window of {length} samples cannot be cut into {segments} pieces")
    cuts = torch.rand(batch, length - 1, generator=generator).topk(segments - 1, dim=1).indices + 1
    rank = torch.rand(batch, segments, generator=generator).argsort(dim=1)
    time = torch.arange(length)
    piece = (time[None, :, None] >= cuts[:, None, :]).sum(dim=2)
    # Samples sorted by the new rank of their piece, then by time: the source of each new sample.
    source = (rank.gather(1, piece) * length + time).argsort(dim=1).to(sensor.device)
    return sensor.gather(2, source[:, None, :].expand_as(sensor))
