"""Validation of plain YAML values, and one-line messages: the key's path, the expected and the found value."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from detach_core.foundation.errors import LONGEST, one_line, shown
from detach_core.settings.base import Settings, derived_fields, field_types

_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a section of keys and values",
    "model_type": "a section of keys and values",
    "model_attributes_type": "a section of keys and values",
    "dataclass_type": "a section of keys and values",
}

_BOUNDS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}

_TAGS = ("union_tag_invalid", "union_tag_not_found")


class ConfigError(ValueError):
    """An invalid configuration. `lines` holds one line for each mistake, which starts with the key's path."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class SectionError(ValueError):
    """An invalid section of those that are validated separately, since their type depends on their content."""

    def __init__(self, error: ValidationError, kind: Any) -> None:
        self.error, self.kind = error, kind
        super().__init__(str(error))


def join_path(*parts: str | int) -> str:
    """`parts` as a key's path: dots between keys, brackets around list positions."""
    text = ""
    for part in parts:
        key = one_line(str(part)[:LONGEST])
        text += f"[{key}]" if isinstance(part, int) else (f".{key}" if text else key)
    return text


def as_config_error(error: ValidationError, data: Any, model: Any, prefix: Sequence[str | int] = ()) -> ConfigError:
    """Pydantic's errors in `data` as messages in the terms of the configuration."""
    found = error.errors(include_url=False)
    kept = [details for details in found if not _follows(details, found)]
    return ConfigError(line for details in kept for line in _lines(details, data, model, prefix))


def _follows(details: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Whether an error only follows from another: pydantic counts a refused entry as missing from its list."""
    place = details["loc"]
    return details["type"] == "too_short" and any(
        len(one["loc"]) > len(place) and one["loc"][: len(place)] == place for one in found
    )


def unknown_key(key: str, allowed: Iterable[str]) -> str:
    """The message for an unknown key or name, with the most similar known one."""
    allowed = sorted(allowed)
    near = difflib.get_close_matches(key, allowed, n=1)
    known = f"; known: {', '.join(allowed)}" if allowed else ""
    return f"unknown key, did you mean `{near[0]}`?" if near else f"unknown key{known}"


def _lines(details: ErrorDetails, data: Any, model: Any, prefix: Sequence[str | int]) -> list[str]:
    inner = details.get("ctx", {}).get("error")
    if not isinstance(inner, SectionError):
        return [_line(details, data, model, prefix)]
    location = _without_tags(details["loc"], data, is_missing=False)
    return as_config_error(inner.error, _found(details, data, location), inner.kind, (*prefix, *location)).lines


def _line(details: ErrorDetails, data: Any, model: Any, prefix: Sequence[str | int]) -> str:
    location = _without_tags(details["loc"], data, is_missing=details["type"] == "missing")
    if details["type"] in _TAGS:
        location.append(str(details["ctx"]["discriminator"]).strip("'"))
    return f"{join_path(*prefix, *location)}: {_message(details, location, model, _found(details, data, location))}"


def _found(details: ErrorDetails, data: Any, location: Sequence[str | int]) -> Any:
    """The refused value as parsed from YAML; pydantic received it in a form that JSON can hold."""
    try:
        for part in location:
            data = data[part]
    except (KeyError, IndexError, TypeError):
        return details["input"]
    return data


def _without_tags(location: Sequence[str | int], data: Any, *, is_missing: bool) -> list[str | int]:
    """`location` without pydantic's own parts for the member of a union and for dictionary keys."""
    kept: list[str | int] = []
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        if isinstance(data, Mapping):
            if part in data:
                data = data[part]
            elif not (is_last and is_missing):
                continue
        elif isinstance(data, Sequence) and not isinstance(data, str) and isinstance(part, int):
            data = data[part]
        else:
            continue
        kept.append(part)
    return kept


def _message(details: ErrorDetails, location: Sequence[str | int], model: Any, found: Any) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return "missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument", "none_required"):
        return unknown_key(str(location[-1]), _sibling_keys(location, model))
    if kind in _BOUNDS:
        sign, name = _BOUNDS[kind]
        return f"must be {sign} {context[name]:g}, got {shown(found)}"
    if kind == "literal_error":
        return f"must be {context['expected']}, got {shown(found)}"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, got {shown(found)}{_exponent_hint(found)}"
    if kind in ("too_short", "too_long"):
        bound, word = (context["min_length"], "least") if kind == "too_short" else (context["max_length"], "most")
        return f"must have at {word} {bound} entries, got {context['actual_length']}"
    if kind == "string_pattern_mismatch":
        return f"must be a name of letters, digits, _ and -, got {shown(found)}"
    if kind in _TAGS:
        return f"must be {context['expected_tags']}, got {shown(context['tag'])}" if "tag" in context else "missing"
    return str(context["error"]) if kind == "value_error" else f"{details['msg']}, got {shown(found)}"


def _exponent_hint(found: Any) -> str:
    if not isinstance(found, str):
        return ""
    try:
        float(found)
    except ValueError:
        return ""
    return " (for YAML this is text: write numbers without quotes, and 1.0e-4 instead of 1e-4)"


def _sibling_keys(location: Sequence[str | int], model: Any) -> set[str]:
    """The keys allowed beside the last part of `location`, from the sections' annotations."""
    candidates: list[Any] = [model]
    for part in location[:-1]:
        following: list[Any] = []
        for candidate in candidates:
            annotation = _fields_of(candidate).get(part) if isinstance(part, str) else None
            following += _sections_in(annotation)
        # A position in a dict or list (a dataset's name, a file's number) leads no deeper.
        candidates = following or candidates
    return {name for candidate in candidates for name in _fields_of(candidate)}


def _fields_of(section: Any) -> dict[str, Any]:
    """Key -> its annotation, except fields that the workflow fills in."""
    if issubclass(section, BaseModel):
        return {name: field.annotation for name, field in section.model_fields.items()}
    types = field_types(section)
    return {name: types[name] for name in types if name not in derived_fields(section)}


def _sections_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel | Settings) else []
    return [section for argument in getattr(annotation, "__args__", ()) for section in _sections_in(argument)]


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
    """`data` as a `kind` during the validation of the enclosing section: its type depends on its content.

    Args:
        kind: the section's type.
        data: plain values.
        told_as: the type of which mistakes name the known keys; None: `kind`.

    Raises:
        SectionError: it is invalid; `as_config_error` reports each mistake with its full path.
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
    """`value` with dates, bytes and enormous numbers, which JSON lacks, as text, which no numeric field accepts."""
    if isinstance(value, Mapping):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return shown(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return shown(value)
