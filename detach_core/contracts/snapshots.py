"""`snapshots.safetensors`: the weights of a method at a few epochs of one training (Fig. 4: first, 40 %, last)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from detach_core.contracts.errors import ContractError
from detach_core.contracts.provenance import Provenance
from detach_core.contracts.tensors import header_provenance, header_value, read_tensors, write_tensors

SCHEMA = "detach.snapshots/1"
_RULE = "pretrain"


@dataclass(frozen=True)
class Snapshots:
    """Epoch -> the tensors that training had changed by then. Epoch 0 is the state before any step."""

    epochs: dict[int, dict[str, Tensor]]
    provenance: Provenance


def write_snapshots(
    path: Path | str, epochs: Mapping[int, Mapping[str, Tensor]], *, num_epochs: int, provenance: Provenance
) -> None:
    """Write the tensors of each epoch to `path`, atomically; `num_epochs` is the length of the whole training."""
    tensors = {f"{epoch}/{name}": tensor for epoch, state in epochs.items() for name, tensor in state.items()}
    header = {
        "schema": SCHEMA,
        "epochs": sorted(epochs),
        "num_epochs": num_epochs,
        "provenance": provenance.to_json(),
    }
    write_tensors(path, tensors, header)


def read_snapshots(path: Path | str) -> Snapshots:
    """The snapshots that `write_snapshots` wrote.

    Raises:
        ContractError: the file is not such a file, or a tensor belongs to an epoch that the header does not name.
    """
    tensors, header = read_tensors(path, schema=SCHEMA, fields=("epochs", "num_epochs", "provenance"), rule=_RULE)
    named = header_value(path, header, "epochs", list, rule=_RULE)
    if not all(type(epoch) is int for epoch in named):
        raise ContractError(
            path, "epochs", expected="whole numbers", found=str(named)[:80], remedy=f"rerun the rule `{_RULE}`"
        )
    epochs: dict[int, dict[str, Tensor]] = {epoch: {} for epoch in named}
    for key, tensor in tensors.items():
        epoch, _, name = key.partition("/")
        if epoch not in map(str, epochs):
            remedy = f"rerun the rule `{_RULE}`"
            raise ContractError(path, key, expected=f"an epoch of {sorted(epochs)}", found=epoch, remedy=remedy)
        epochs[int(epoch)][name] = tensor
    return Snapshots(epochs, header_provenance(path, header, rule=_RULE))
