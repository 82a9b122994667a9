"""In which order training sees its windows: full batches only, a new order every epoch, all from one generator."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def window_batches(num_windows: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Positions (batch_size,) of windows in random order; the incomplete last batch is dropped."""
    order = torch.randperm(num_windows, generator=generator)
    for start in range(0, num_windows - batch_size + 1, batch_size):
        yield order[start : start + batch_size]


def recordings_per_batch(recording: Tensor, batch_size: int) -> int:
    """How many whole recordings come nearest to `batch_size` windows; at least one."""
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
    """How many batches an epoch has."""
    if unit == "recording":
        return len(torch.unique(recording)) // recordings_per_batch(recording, batch_size)
    return len(recording) // batch_size
