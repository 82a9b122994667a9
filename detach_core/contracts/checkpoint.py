"""Safetensors files of a training: checkpoint, snapshots and the state of an unfinished one.

Named tensors with a header; no pickle anywhere. The header is one canonical JSON text under one metadata key, because
safetensors writes several keys in random order and equal runs must give equal bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from detach_core.contracts.history import json_value
from detach_core.contracts.provenance import Provenance, canonical_json, parse_json
from detach_core.foundation.errors import NO_SPACE, ContractError, raise_unreadable
from detach_core.foundation.files import atomic_path

HEADER_KEY = "detach"


def write_tensors(path: Path | str, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write `tensors` and their JSON `header` to `path`, atomically."""
    # Clones, because safetensors refuses tensors that share memory, as tied weights and views do.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as partial:
        try:
            save_file(plain, partial, metadata={HEADER_KEY: canonical_json(header)})
        except SafetensorError as error:
            # It tells of the operating system's errors in words alone.
            for number in NO_SPACE:
                if f"(os error {number})" in str(error):
                    raise OSError(number, os.strerror(number), str(partial)) from error
            raise


def read_tensors(
    path: Path | str, *, schema: str, fields: tuple[str, ...], rule: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of `path`.

    Args:
        path: the file.
        schema: the schema that the header must name.
        fields: what the header must hold besides the schema.
        rule: the workflow rule that writes such a file, for the remedy.

    Raises:
        ContractError: not such a file, another schema, a missing field, or a number that is not finite.
        UnreadableFileError: the operating system refuses the file.
    """
    remedy = f"rerun the rule `{rule}`"
    try:
        with safe_open(str(path), framework="pt") as file:
            header = parse_json((file.metadata() or {}).get(HEADER_KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (OSError, SafetensorError, ValueError, MemoryError) as error:
        raise_unreadable(path, error)
        raise ContractError(
            path, "file", expected="a safetensors file", found=f"{type(error).__name__}: {error}", remedy=remedy
        ) from None
    named = header.get("schema") if isinstance(header, dict) else type(header).__name__
    if named != schema:
        raise ContractError(path, "schema", expected=schema, found=str(named)[:80], remedy=remedy)
    for field in fields:
        if field not in header:
            raise ContractError(path, field, expected="a value", found="nothing", remedy=remedy)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ContractError(path, name, expected="finite numbers", found="NaN or infinity", remedy=remedy)
    return tensors, header


def header_value(path: Path | str, header: Mapping[str, Any], name: str, kind: type, *, rule: str) -> Any:
    """The field `name` of a header, which must be a `kind`.

    Raises:
        ContractError: it is of another type.
    """
    value = header[name]
    if type(value) is not kind:
        found, remedy = type(value).__name__, f"rerun the rule `{rule}`"
        raise ContractError(path, name, expected=f"a value of type {kind.__name__}", found=found, remedy=remedy)
    return value


def header_provenance(path: Path | str, header: Mapping[str, Any], *, rule: str) -> Provenance:
    """Provenance of the file with this header.

    Raises:
        ContractError: the header does not say it as `Provenance.to_json` does.
    """
    try:
        return Provenance.from_json(header_value(path, header, "provenance", str, rule=rule))
    except ValueError as error:
        remedy = f"rerun the rule `{rule}`"
        raise ContractError(path, "provenance", expected="a record", found=str(error), remedy=remedy) from None


CHECKPOINT_SCHEMA = "detach.checkpoint/4"
"""`checkpoint.safetensors`: a trained method with all that is needed to rebuild it."""


@dataclass(frozen=True)
class Checkpoint:
    """A method after training.

    Attributes:
        method: its name in `METHODS`.
        settings: its settings of the method's own type as plain values; `training.job.settings_of` gives them back.
        shape: what its inputs look like (`InputShape` as a dict).
        normalisation: the split's normalisation, with which every later window must be brought to its normal form.
        dataset: name of the dataset.
        class_names: the dataset's classes.
        class_places: where each class happens, "" for a class without a place.
        class_actions: what is done in each class, "" for a class without an action.
        channel_names: the sensor channels in the order that the weights expect.
        window_s: length of a window (s).
        max_nan_share: share of NaN of a channel in a window above which it is 0 there; below, NaN are interpolated.
        flow_method: name of the optical flow, as `flow.h5` says it.
        flow_max_px: the largest motion that the flow holds (px of the working grid).
        epoch: how many epochs it was trained.
        facts: what else a reader should know of the networks: sizes, number of weights; of a training that has ended,
            `collapse` says in words how it collapsed, and is empty where it did not.
        tensors: weights and buffers by name.
        provenance: who made it.
    """

    method: str
    settings: dict[str, Any]
    shape: dict[str, Any]
    normalisation: dict[str, Any]
    dataset: str
    class_names: list[str]
    class_places: list[str]
    class_actions: list[str]
    channel_names: list[str]
    window_s: float
    max_nan_share: float
    flow_method: str
    flow_max_px: float
    epoch: int
    facts: dict[str, Any]
    tensors: dict[str, Tensor]
    provenance: Provenance


_CHECKPOINT_FIELDS: dict[str, type] = {
    "method": str,
    "settings": dict,
    "shape": dict,
    "normalisation": dict,
    "dataset": str,
    "class_names": list,
    "class_places": list,
    "class_actions": list,
    "channel_names": list,
    "window_s": float,
    "max_nan_share": float,
    "flow_method": str,
    "flow_max_px": float,
    "epoch": int,
    "facts": dict,
}

PRETRAIN_RULE = "pretrain"


def write_checkpoint(path: Path | str, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, atomically."""
    header = {field: getattr(checkpoint, field) for field in _CHECKPOINT_FIELDS}
    write_tensors(
        path, checkpoint.tensors, {"schema": CHECKPOINT_SCHEMA, **header, "provenance": checkpoint.provenance.to_json()}
    )


def read_checkpoint(path: Path | str) -> Checkpoint:
    """The checkpoint that `write_checkpoint` wrote.

    Raises:
        ContractError: the file is not such a checkpoint.
    """
    tensors, header = read_tensors(
        path, schema=CHECKPOINT_SCHEMA, fields=(*_CHECKPOINT_FIELDS, "provenance"), rule=PRETRAIN_RULE
    )
    return Checkpoint(
        **{
            name: header_value(path, header, name, kind, rule=PRETRAIN_RULE)
            for name, kind in _CHECKPOINT_FIELDS.items()
        },
        tensors=tensors,
        provenance=header_provenance(path, header, rule=PRETRAIN_RULE),
    )


SNAPSHOTS_SCHEMA = "detach.snapshots/1"
"""`snapshots.safetensors`: the weights of a method at a few epochs of one training (Fig. 4: first, 40 %, last)."""


@dataclass(frozen=True)
class Snapshots:
    """Tensors that training had changed, by epoch; epoch 0 is the state before any step."""

    epochs: dict[int, dict[str, Tensor]]
    provenance: Provenance


def write_snapshots(
    path: Path | str, epochs: Mapping[int, Mapping[str, Tensor]], *, num_epochs: int, provenance: Provenance
) -> None:
    """Write the tensors of each epoch to `path`, atomically; `num_epochs` is the length of the whole training."""
    tensors = {f"{epoch}/{name}": tensor for epoch, state in epochs.items() for name, tensor in state.items()}
    header = {
        "schema": SNAPSHOTS_SCHEMA,
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
    tensors, header = read_tensors(
        path, schema=SNAPSHOTS_SCHEMA, fields=("epochs", "num_epochs", "provenance"), rule=PRETRAIN_RULE
    )
    named = header_value(path, header, "epochs", list, rule=PRETRAIN_RULE)
    if not all(type(epoch) is int for epoch in named):
        raise ContractError(
            path, "epochs", expected="whole numbers", found=str(named)[:80], remedy=f"rerun the rule `{PRETRAIN_RULE}`"
        )
    epochs: dict[int, dict[str, Tensor]] = {epoch: {} for epoch in named}
    for key, tensor in tensors.items():
        epoch, _, name = key.partition("/")
        if epoch not in map(str, epochs):
            remedy = f"rerun the rule `{PRETRAIN_RULE}`"
            raise ContractError(path, key, expected=f"an epoch of {sorted(epochs)}", found=epoch, remedy=remedy)
        epochs[int(epoch)][name] = tensor
    return Snapshots(epochs, header_provenance(path, header, rule=PRETRAIN_RULE))


STATE_SCHEMA = "detach.training_state/1"
"""`training_state.safetensors`: an unfinished training after an epoch; deleted once it has ended well.

It lies beside the checkpoint that is to come, and is no output of a rule, so that Snakemake leaves it alone.
"""

_STATE_FIELDS = {"epoch": int, "rows": list, "values": dict, "identity": dict}


@dataclass(frozen=True)
class TrainingState:
    """State on which the coming epochs depend, and the records of the finished ones.

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
        "schema": STATE_SCHEMA,
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
    tensors, header = read_tensors(path, schema=STATE_SCHEMA, fields=tuple(_STATE_FIELDS), rule=PRETRAIN_RULE)
    epoch, rows, values, identity = (
        header_value(path, header, name, kind, rule=PRETRAIN_RULE) for name, kind in _STATE_FIELDS.items()
    )
    return TrainingState(epoch, rows, values, tensors), identity
