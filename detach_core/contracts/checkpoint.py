"""`checkpoint.safetensors`: a trained method with all that is needed to rebuild it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from detach_core.contracts.provenance import Provenance
from detach_core.contracts.tensors import header_provenance, header_value, read_tensors, write_tensors

SCHEMA = "detach.checkpoint/2"


@dataclass(frozen=True)
class Checkpoint:
    """A method after training.

    Attributes:
        method: its name in `METHODS`.
        settings: its settings of the method's own type as plain values; `training.job.settings_of` gives them back.
        shape: what its inputs look like (`InputShape` as a dict).
        normalisation: the split's normalisation, with which every later window must be brought to its normal form.
        class_names: the dataset's classes.
        channel_names: the sensor channels in the order that the weights expect.
        epoch: how many epochs it was trained.
        facts: what else a reader should know of the networks: sizes, number of weights.
        tensors: weights and buffers by name.
        provenance: who made it.
    """

    method: str
    settings: dict[str, Any]
    shape: dict[str, Any]
    normalisation: dict[str, Any]
    class_names: list[str]
    channel_names: list[str]
    epoch: int
    facts: dict[str, Any]
    tensors: dict[str, Tensor]
    provenance: Provenance


_FIELDS: dict[str, type] = {
    "method": str,
    "settings": dict,
    "shape": dict,
    "normalisation": dict,
    "class_names": list,
    "channel_names": list,
    "epoch": int,
    "facts": dict,
}
_RULE = "pretrain"


def write_checkpoint(path: Path | str, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, atomically."""
    header = {field: getattr(checkpoint, field) for field in _FIELDS}
    write_tensors(path, checkpoint.tensors, {"schema": SCHEMA, **header, "provenance": checkpoint.provenance.to_json()})


def read_checkpoint(path: Path | str) -> Checkpoint:
    """The checkpoint that `write_checkpoint` wrote.

    Raises:
        ContractError: the file is not such a checkpoint.
    """
    tensors, header = read_tensors(path, schema=SCHEMA, fields=(*_FIELDS, "provenance"), rule=_RULE)
    return Checkpoint(
        **{name: header_value(path, header, name, kind, rule=_RULE) for name, kind in _FIELDS.items()},
        tensors=tensors,
        provenance=header_provenance(path, header, rule=_RULE),
    )
