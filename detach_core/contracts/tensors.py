"""Named tensors with a header in one safetensors file: what checkpoints and snapshots share. No pickle anywhere.

The header is one canonical JSON text under one metadata key, because safetensors writes several keys in random order
and equal runs must give equal bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from detach_core.contracts.atomic import atomic_path
from detach_core.contracts.errors import NO_SPACE, ContractError, raise_unreadable
from detach_core.contracts.provenance import Provenance, canonical_json, parse_json

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
    """Who made the file with this header.

    Raises:
        ContractError: the header does not say it as `Provenance.to_json` does.
    """
    try:
        return Provenance.from_json(header_value(path, header, "provenance", str, rule=rule))
    except ValueError as error:
        remedy = f"rerun the rule `{rule}`"
        raise ContractError(path, "provenance", expected="a record", found=str(error), remedy=remedy) from None
