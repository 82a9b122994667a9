"""`training_state.safetensors`: where an unfinished training stands after an epoch; deleted once it has ended well.

It lies beside the checkpoint that is to come, and is no output of a rule, so that Snakemake leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from detach_core.contracts.history import json_value
from detach_core.contracts.tensors import header_value, read_tensors, write_tensors

SCHEMA = "detach.training_state/1"
_RULE = "pretrain"
_KINDS = {"epoch": int, "rows": list, "values": dict, "identity": dict}


@dataclass(frozen=True)
class TrainingState:
    """All that the epochs to come depend on, and all that the epochs done will be reported by.

    Attributes:
        epoch: how many epochs are done.
        rows: the history's rows so far, epoch 0 first.
        values: what the method keeps besides tensors, as plain JSON.
        tensors: weights, optimiser, random generators, the method's own, traces and kept weights, by name.
    """

    epoch: int
    rows: list[dict[str, Any]]
    values: dict[str, Any]
    tensors: dict[str, Tensor]


def write_training_state(path: Path | str, state: TrainingState, *, identity: Mapping[str, str]) -> None:
    """Write `state` to `path`, atomically; a value of a row that is not finite becomes null, as in the history.

    Args:
        path: the file.
        state: the state.
        identity: what makes this training the one it is, by name; another training must not go on from it.
    """
    header = {
        "schema": SCHEMA,
        "identity": dict(identity),
        "epoch": state.epoch,
        "rows": json_value(state.rows),
        "values": state.values,
    }
    write_tensors(path, state.tensors, header)


def read_training_state(path: Path | str) -> tuple[TrainingState, dict[str, str]]:
    """The state that `write_training_state` wrote, and its training's identity.

    Raises:
        ContractError: the file is no such state, or not whole.
    """
    tensors, header = read_tensors(path, schema=SCHEMA, fields=tuple(_KINDS), rule=_RULE)
    epoch, rows, values, identity = (
        header_value(path, header, name, kind, rule=_RULE) for name, kind in _KINDS.items()
    )
    return TrainingState(epoch, rows, values, tensors), identity
