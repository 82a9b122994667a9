"""Section of the configuration: frozen, every key required, unknown keys refused."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from detach_core.settings.base import Settings, to_plain


class Section(BaseModel):
    """Base of all sections. Strict: a text is no number; an integer is a good float."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refuse_braces(path: str) -> str:
    """`path`, of a file that the workflow reads.

    Raises:
        ValueError: it holds braces, between which Snakemake fills in what a rule is asked for.
    """
    if set("{}") & set(path):
        raise ValueError(f"must be a path without {{ and }}; rename it, or link to it under another name, got {path!r}")
    return path


def canonical(value: Any) -> str:
    """`value` as JSON with sorted keys: Snakemake compares params as text, so equal settings must give equal text."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")  # Snakemake writes params into a script of the report as they are


def plain(value: Any) -> Any:
    """`value` with every section turned into a plain dict, at any depth."""
    if isinstance(value, Section):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields} | {
            name: plain(item) for name, item in (value.__pydantic_extra__ or {}).items()
        }
    if isinstance(value, Settings):
        return to_plain(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
