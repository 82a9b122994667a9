"""Losses of PRIMUS (Das et al., 2024) with video, an augmented view and nearest neighbours; queue of neighbours.

Official code: `lib/train_modules.py`, 328-410 (the terms) and 12-96, 142-179 (the neighbours). Text terms are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from detach_core.losses import summed_info_nce, unit_rows
from detach_core.methods.batch import Truth, WindowBatch


class Views(NamedTuple):
    """Views of a batch that are contrasted, each (B, D): one row per window.

    Attributes:
        mmcl: the unchanged sensor window, by the head that meets the video.
        video: its video.
        ssl: the unchanged sensor window, by the head that meets the changed view.
        changed_ssl: the changed view, by the same head.
    """

    mmcl: Tensor
    video: Tensor
    ssl: Tensor
    changed_ssl: Tensor


class Neighbours(NamedTuple):
    """Features (B, D) of each window's nearest neighbour, and whether it has one, (B,) bool."""

    video: Tensor
    ssl: Tensor
    found: Tensor


def nearest_neighbours(query: Tensor, queue: Tensor, excluded: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of `query` the row of `queue` of the highest cosine that is not excluded; the first of equal ones.

    Note (differs from the official code): there the queue starts as zeros, which win when all real cosines are
    negative, and nothing is excluded, so that in a small data set a window finds itself in an earlier epoch.

    Args:
        query: (B, D), of any length.
        queue: (Q, D), of any length, Q >= 1.
        excluded: (B, Q) bool.

    Returns:
        The index (B,) into `queue`, 0 where all is excluded, and whether something was left, (B,) bool.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if query.ndim != 2 or queue.ndim != 2 or query.shape[1] != queue.shape[1] or len(queue) == 0:
        raise ValueError(
            f"query and queue must be (B, D) and (Q, D), Q >= 1, got {tuple(query.shape)} and {tuple(queue.shape)}"
        )
    if excluded.shape != (len(query), len(queue)) or excluded.dtype != torch.bool:
        raise ValueError(
            f"excluded must be ({len(query)}, {len(queue)}) bool, got {tuple(excluded.shape)} {excluded.dtype}"
        )
    cosine = unit_rows(query.detach()) @ unit_rows(queue.detach()).T
    return cosine.masked_fill(excluded, -torch.inf).argmax(dim=1), ~excluded.all(dim=1)


def neighbour_info_nce(feature: Tensor, neighbour: Tensor, found: Tensor, temperature: float | Tensor) -> Tensor:
    """Summed InfoNCE of each row and its neighbour among the rows that have one; 0 where none has. Range [0, inf).

    Args:
        feature: (B, D), of any length.
        neighbour: (B, D), of any length; what stands in rows without a neighbour does not matter.
        found: (B,) bool.
        temperature: above 0; a tensor may be learned.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if feature.ndim != 2 or feature.shape != neighbour.shape or found.shape != (len(feature),):
        raise ValueError(
            "feature and neighbour must both be (B, D) and found (B,), got"
            f" {tuple(feature.shape)}, {tuple(neighbour.shape)} and {tuple(found.shape)}"
        )
    if not bool(found.any()):
        return feature.new_zeros(())
    return summed_info_nce(feature[found], neighbour[found].detach(), temperature)


def primus_terms(
    views: Views,
    neighbours: Neighbours,
    *,
    self_supervised_weight: float,
    video_temperature: float | Tensor,
    self_supervised_temperature: float | Tensor,
) -> dict[str, Tensor]:
    """The four weighted terms, whose sum is the loss.

    With a = `self_supervised_weight` and I the summed InfoNCE: (1-a) I(mmcl, video) + a I(ssl, changed ssl)
    + (1-a) I(mmcl, neighbour's video) + a I(ssl, neighbour's ssl). Neighbours get no gradient.

    Note (differs from the paper): (1-a) weighs the text terms too there; without them it stays as it is.

    Raises:
        ValueError: on shapes that do not fit, or a weight outside [0, 1].
    """
    if not 0.0 <= self_supervised_weight <= 1.0:
        raise ValueError(f"self_supervised_weight must lie within [0, 1], got {self_supervised_weight}")
    own, other = self_supervised_weight, 1.0 - self_supervised_weight
    found = neighbours.found
    return {
        "video": other * summed_info_nce(views.mmcl, views.video, video_temperature),
        "self_supervised": own * summed_info_nce(views.ssl, views.changed_ssl, self_supervised_temperature),
        "neighbour_video": other * neighbour_info_nce(views.mmcl, neighbours.video, found, video_temperature),
        "neighbour_sensor": own * neighbour_info_nce(views.ssl, neighbours.ssl, found, self_supervised_temperature),
    }


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
    """At most `size` entries, the oldest first. A plain object: state of the training, not of the method."""

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
        """Number of entries."""
        return 0 if self._entries is None else len(self._entries.position)

    @property
    def entries(self) -> QueueEntries:
        """Its entries.

        Raises:
            ValueError: nothing yet.
        """
        if self._entries is None:
            raise ValueError("the queue is empty: `before_training` fills it")
        return self._entries

    @entries.setter
    def entries(self, entries: QueueEntries) -> None:
        """Replacement by the entries of another queue."""
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


UNKNOWN = -1


class NeighbourMonitor:
    """Shares of windows that have a neighbour, and of neighbours at the same place or in the same action."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._sums: Tensor | None = None

    def add(self, position: Tensor, neighbour: Tensor, found: Tensor) -> None:
        """Count a batch: `position` (B,) in the part, of its windows and of their neighbours; `found` (B,) bool."""
        sums = [found.sum(), torch.full_like(found.sum(), len(found))]
        for kind in (self._truth.location, self._truth.action):
            own, other = kind[position], kind[neighbour]
            known = found & (own != UNKNOWN) & (other != UNKNOWN)
            sums += [(known & (own == other)).sum(), known.sum()]
        # Sums stay on the device: a step must not wait for a figure that is read once an epoch.
        total = torch.stack(sums)
        self._sums = total if self._sums is None else self._sums + total

    def report(self) -> dict[str, float | None]:
        """The shares since the last report, None for a share of nothing; {} before the first batch."""
        if self._sums is None:
            return {}
        counts = self._sums.tolist()
        self._sums = None
        pairs = zip(("found", "same_place", "same_action"), counts[::2], counts[1::2], strict=True)
        return {name: part / whole if whole else None for name, part, whole in pairs}
