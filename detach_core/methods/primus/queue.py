"""PRIMUS's queue: features of the windows seen last, first in, first out, with where each window comes from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from detach_core.methods.batch import WindowBatch

# Starts are floats: two windows exactly `exclude_s` apart shall count as that near.
TOLERANCE_S = 1e-6


class QueueEntries(NamedTuple):
    """One row per window.

    Attributes:
        video: (Q, D) feature of the video.
        ssl: (Q, D) feature of the sensor.
        position: (Q,) place of the window in its part.
        recording: (Q,) its recording.
        start_s: (Q,) its start on the recording's clock.
    """

    video: Tensor
    ssl: Tensor
    position: Tensor
    recording: Tensor
    start_s: Tensor


class NeighbourQueue:
    """At most `size` entries, the oldest first. It is a plain object: state of the training, not of the method."""

    def __init__(self, size: int) -> None:
        """Args: size: how many entries it keeps.

        Raises:
            ValueError: less than one.
        """
        if size < 1:
            raise ValueError(f"a queue needs room for an entry, got size {size}")
        self.size = size
        self._entries: QueueEntries | None = None

    def __len__(self) -> int:
        """How many entries it has."""
        return 0 if self._entries is None else len(self._entries.position)

    @property
    def entries(self) -> QueueEntries:
        """What it holds.

        Raises:
            ValueError: nothing yet.
        """
        if self._entries is None:
            raise ValueError("the queue is empty: `before_training` fills it")
        return self._entries

    @entries.setter
    def entries(self, entries: QueueEntries) -> None:
        """Take over what another queue held."""
        self._entries = entries

    def push(self, batch: WindowBatch, *, video: Tensor, ssl: Tensor) -> None:
        """Append features (B, D) of `batch` in its order and drop the oldest entries beyond `size`."""
        new = QueueEntries(video.detach(), ssl.detach(), batch.position, batch.recording, batch.start_s)
        if self._entries is not None:
            new = QueueEntries(*(torch.cat(pair) for pair in zip(self._entries, new, strict=True)))
        self._entries = QueueEntries(*(value[-self.size :] for value in new))

    def too_near(self, batch: WindowBatch, *, exclude_s: float) -> Tensor:
        """(B, Q) bool: entries that are the same window, or of the same recording and at most `exclude_s` away."""
        entries = self.entries
        same = batch.position[:, None] == entries.position
        near = (batch.start_s[:, None] - entries.start_s).abs() <= exclude_s + TOLERANCE_S
        return same | (near & (batch.recording[:, None] == entries.recording))
