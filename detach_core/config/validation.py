"""Validation of plain YAML values against sections and settings, by way of JSON.

Pydantic's strict mode takes dataclasses from JSON alone, where a list may become a tuple and a text is no number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from detach_core.config.errors import ConfigError, SectionError, as_config_error, join_path
from detach_core.foundation.text import shown

# Python writes no longer numbers as text.
_LARGEST = 10**4000


def validated(kind: Any, data: Any, path: Sequence[str | int] = ()) -> Any:
    """`data` as a `kind`, a section or a settings class.

    Args:
        kind: what it is to be.
        data: plain values.
        path: of `data` in the configuration, for messages.

    Raises:
        ConfigError: a line for each mistake, with the key's path.
    """
    _refuse_strange_keys(data, path)
    try:
        return _adapter(kind).validate_json(json.dumps(_writable(data)))
    except ValidationError as error:
        raise as_config_error(error, data, kind, path) from None


def section_of(kind: Any, data: Any, *, told_as: Any = None) -> Any:
    """`data` as a `kind`, within the validation of what holds it: a section of which the type depends on its content.

    Args:
        kind: the section's type.
        data: plain values.
        told_as: the type of which mistakes name the known keys; None: `kind`.

    Raises:
        SectionError: as it does not fit; `as_config_error` tells each mistake with its path in the whole.
    """
    try:
        return _adapter(kind).validate_json(json.dumps(data))
    except ValidationError as error:
        raise SectionError(error, told_as or kind) from None


@cache
def _adapter(kind: type[BaseModel] | Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _refuse_strange_keys(data: Any, path: Sequence[str | int]) -> None:
    if isinstance(data, Mapping):
        for key, value in data.items():
            if not isinstance(key, str):
                raise ConfigError([f"{join_path(*path, str(key))}: a key must be a text, got {shown(key)}"])
            _refuse_strange_keys(value, (*path, key))
    elif isinstance(data, list | tuple):
        for number, value in enumerate(data):
            _refuse_strange_keys(value, (*path, number))


def _writable(value: Any) -> Any:
    """`value` with what JSON does not have (dates, bytes, enormous numbers) as text, which no number's place takes."""
    if isinstance(value, Mapping):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return shown(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return shown(value)
