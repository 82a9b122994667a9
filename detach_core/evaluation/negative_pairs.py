"""Pair similarities and weights of one fixed batch at each snapshot, with the pairs' kinds by label (Figs. 4 to 6).

Labels name the kinds afterwards; they touch no weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detach_core.contracts.analysis import NO_PAIR, PairValues
from detach_core.contracts.windows import ClassAspect
from detach_core.methods.batch import WindowBatch
from detach_core.methods.detach.negatives import KINDS, negative_kinds
from detach_core.methods.detach.stage2 import Detach

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class PairKinds:
    """Places and actions of B windows, and the kind of each pair under the names that the numbers index.

    Attributes:
        place: (B,) int32, -1 where the class names none.
        action: (B,) int32, likewise.
        kind: (B, B) int8, above the diagonal; `NO_PAIR` elsewhere and where a place is unknown.
        place_names: of the places.
        action_names: of the actions.
        kind_names: of the kinds.
    """

    place: NDArray[np.int32]
    action: NDArray[np.int32]
    kind: NDArray[np.int8]
    place_names: tuple[str, ...]
    action_names: tuple[str, ...]
    kind_names: tuple[str, ...]


def draw_windows(part: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """`count` different windows of `part`, drawn uniformly as a training's batch is, or all if it has no more."""
    if count >= len(part):
        return np.sort(part)
    return np.sort(np.random.default_rng(seed).choice(part, count, replace=False))


def kinds_of_pairs(label: NDArray[np.integer], places: ClassAspect, actions: ClassAspect) -> PairKinds:
    """The kinds of all pairs of windows with these classes (-1: none), of these places and actions.

    Raises:
        ValueError: no class has a place and an action.
    """
    if not any(min(both) >= 0 for both in zip(places.of_class, actions.of_class, strict=True)):
        raise ValueError("no class has a place and an action")
    # A window without class takes the last entry.
    place, action = np.array([*places.of_class, -1])[label], np.array([*actions.of_class, -1])[label]
    kind = negative_kinds(torch.from_numpy(place), torch.from_numpy(action)).numpy()
    kind[np.tril_indices(len(kind))] = NO_PAIR
    return PairKinds(
        place=place.astype(np.int32),
        action=action.astype(np.int32),
        kind=kind,
        place_names=places.names,
        action_names=actions.names,
        kind_names=tuple(sorted(KINDS, key=KINDS.__getitem__)),
    )


def pairs_over_training(
    method: Detach, batch: WindowBatch, *, trained: Tensors, snapshots: Mapping[int, Tensors]
) -> Iterator[PairValues]:
    """The pairs of `batch` at each of `snapshots`, in order of the epochs.

    The encoders behind T work as in training: BatchNorm takes this batch's statistics and dropout is off. Their running
    statistics are those of no data at epoch 0, under which T of any pair is about .95, a figure that no step ever used.

    Args:
        method: the training's method; its weights change.
        batch: windows without augmentation, with all that the method looks at.
        trained: all tensors at the end, for what training leaves as it is.
        snapshots: epoch -> the tensors that training changes.
    """
    for epoch in sorted(snapshots):
        method.restore({**trained, **snapshots[epoch]})
        _as_in_training(method)
        values = {name: value.float().cpu().numpy() for name, value in method.pair_values(batch).items()}
        yield PairValues(epoch, **values)


def _as_in_training(method: Detach) -> None:
    method.eval()
    for part in (method.sensor_temporal, method.video_temporal, method.slow):
        for module in part.modules() if part is not None else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train()
