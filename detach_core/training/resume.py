"""The whole state of a training at an epoch's end: taken in memory, and put back into a training that starts anew.

A training that is put back has been built and prepared as any other, from the same seed. So only what the epochs have
changed since is state; what is computed from frozen inputs is computed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from detach_core.contracts.checkpoint import TrainingState
from detach_core.methods.batch import starting_with
from detach_core.methods.method import AnyMethod
from detach_core.training.batches import ResidentWindows
from detach_core.training.seed import global_random_state, restore_global_random_state


@dataclass
class Progress:
    """What the epochs so far have left to report: history's rows, their traces, and kept weights by epoch."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Tensor]] = field(default_factory=list)
    snapshots: dict[int, dict[str, Tensor]] = field(default_factory=dict)


def take_state(
    method: AnyMethod, windows: ResidentWindows, optimizer: torch.optim.Optimizer, progress: Progress
) -> TrainingState:
    """A copy of all that the coming epochs depend on, on the CPU, and the progress, which only grows."""
    own = method.training_state()
    changing = {
        **_named("weights", method.state_dict()),
        **_named("optimizer", _optimizer_tensors(optimizer)),
        **_named("method", {name: value for name, value in own.items() if isinstance(value, Tensor)}),
        **_named("windows", windows.random_state()),
        **_named("random", global_random_state(windows.device)),
    }
    tensors = {name: value.detach().to("cpu", copy=True) for name, value in changing.items()}
    for kind, parts in (("trace", dict(enumerate(progress.traces))), ("snapshot", progress.snapshots)):
        for epoch, part in parts.items():
            tensors |= _named(f"{kind}/{epoch}", part)
    values = {name: _copy(value) for name, value in own.items() if not isinstance(value, Tensor)}
    return TrainingState(progress.rows[-1]["epoch"], list(progress.rows), values, tensors)


def restore_state(
    state: TrainingState, method: AnyMethod, windows: ResidentWindows, optimizer: torch.optim.Optimizer
) -> Progress:
    """Put the training where `take_state` found it; returns the progress till then.

    Args:
        state: of the same training.
        method: after `before_training`.
        windows: as the method's.
        optimizer: made for the method before this call, which may freeze what it had trained.
    """
    tensors = state.tensors
    method.load_state_dict(starting_with(tensors, "weights/"))
    _restore_optimizer(optimizer, starting_with(tensors, "optimizer/"))
    # Copies: what is read from a file lies as it lies there, and sums of numbers that lie otherwise may differ.
    own = {name: value.clone() for name, value in starting_with(tensors, "method/").items()}
    method.restore_training_state({**state.values, **own})
    # Last, for what is computed anew above may draw.
    windows.restore_random_state(starting_with(tensors, "windows/"))
    restore_global_random_state(starting_with(tensors, "random/"), windows.device)
    snapshots = {int(name.split("/")[1]) for name in tensors if name.startswith("snapshot/")}
    return Progress(
        rows=list(state.rows),
        traces=[starting_with(tensors, f"trace/{epoch}/") for epoch in range(len(state.rows))],
        snapshots={epoch: starting_with(tensors, f"snapshot/{epoch}/") for epoch in sorted(snapshots)},
    )


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Moments and steps; rates and decays are the settings', and the loop sets the rate at every step."""
    parameters = optimizer.state_dict()["state"]
    return {f"{index}/{key}": value for index, values in parameters.items() for key, value in values.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = int(name.split("/")[0]), name.split("/")[1]
        # A moment lies in memory as its weight does: the fused step walks both by their places alone.
        like = parameters[index] if value.shape == parameters[index].shape else value
        state.setdefault(index, {})[key] = torch.empty_like(like, dtype=value.dtype).copy_(value)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def _copy(value: Any) -> Any:
    """A copy of a plain JSON value: the method goes on with its own."""
    return list(value) if isinstance(value, list) else dict(value) if isinstance(value, dict) else value
