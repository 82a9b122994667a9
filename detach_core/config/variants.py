"""Variants: a method (or Stage 1's `default`) with a few values changed, checked like a full section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from detach_core.config.document import SHARED, Document
from detach_core.config.errors import ConfigError, as_config_error, join_path, unknown_key
from detach_core.config.methods import METHOD_CONFIGS
from detach_core.config.section import Section, plain
from detach_core.config.spatial import SpatialSection


@dataclass(frozen=True)
class Resolved:
    """A section with its changes merged in, and the shared sections that it uses."""

    section: Section
    shared: dict[str, Any]

    def settings(self) -> dict[str, Any]:
        """The section's keys with the shared sections beside them."""
        return {**self.section.model_dump(), **{name: plain(value) for name, value in self.shared.items()}}


@dataclass(frozen=True)
class ResolvedVariant:
    """A variant in full."""

    method: str
    spatial: str | None
    resolved: Resolved


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` over it, section by section; a list is replaced whole."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def resolve_spatial(document: Document, name: str) -> Resolved:
    """Stage 1's settings of `spatial.<name>`: `spatial.default` with that section's changes.

    Raises:
        ConfigError: a changed key is unknown or out of range.
    """
    base = document.spatial["default"]
    changes = {} if name == "default" else document.spatial[name]
    return _resolve(document, SpatialSection, base, changes, tuple(SHARED), ("spatial", name))


def resolve_variant(document: Document, name: str, over: Mapping[str, Any] | None = None) -> ResolvedVariant:
    """The variant `name` in full, with the changes `over` over its own.

    Raises:
        ConfigError: unknown method or Stage 1, or a changed key that is unknown or out of range.
    """
    changes = merge(document.variants[name], over or {})
    method = changes.pop("method", None)
    if method is None:
        raise ConfigError([f"variants.{name}.method: missing"])
    if not isinstance(method, str) or method not in METHOD_CONFIGS:
        raise ConfigError([f"variants.{name}.method: must be one of {', '.join(METHOD_CONFIGS)}, got {method!r}"])
    model = METHOD_CONFIGS[method]
    base = plain(getattr(document.methods, method))
    spatial = changes.pop("spatial", None)
    if model.needs_spatial:
        if spatial is None:
            raise ConfigError([f"variants.{name}.spatial: missing; {method} stands on a Stage 1"])
        if spatial not in document.spatial:
            raise ConfigError(
                [f"variants.{name}.spatial: must be one of {', '.join(document.spatial)}, got {spatial!r}"]
            )
    elif spatial is not None:
        raise ConfigError([f"variants.{name}.spatial: {method} has no Stage 1; remove the key"])
    resolved = _resolve(document, model, base, changes, model.shared, ("variants", name))
    if spatial is not None:
        _check_same_input(name, resolved, spatial, resolve_spatial(document, spatial))
    return ResolvedVariant(method=method, spatial=spatial, resolved=resolved)


def _resolve(
    document: Document,
    model: type[Section],
    base: Mapping[str, Any],
    changes: Mapping[str, Any],
    shared: tuple[str, ...],
    path: tuple[str, ...],
) -> Resolved:
    allowed = {*model.model_fields, *shared} & {*model.model_fields, *SHARED}
    if lines := [f"{join_path(*path, key)}: {unknown_key(key, allowed)}" for key in changes if key not in allowed]:
        raise ConfigError(lines)
    sections: dict[str, Any] = {}
    for key in shared:
        value = getattr(document, key)
        if key in changes:
            if not isinstance(changes[key], Mapping):
                raise ConfigError([f"{join_path(*path, key)}: must be a section of keys, got {changes[key]!r}"])
            value = _validated(SHARED[key], merge(plain(value), changes[key]), (*path, key))
        sections[key] = value
    own = {key: value for key, value in changes.items() if key in model.model_fields}
    return Resolved(section=_validated(model, merge(base, own), path), shared=sections)


def _validated(model: type[Section], data: Mapping[str, Any], path: tuple[str, ...]) -> Section:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise as_config_error(error, data, model, path) from None


def _check_same_input(name: str, variant: Resolved, spatial: str, stage1: Resolved) -> None:
    """Stage 2 reads Stage 1's frozen features: both must see the same input, by the same networks."""
    for key in ("input", "encoders", "video"):
        if variant.shared[key] != stage1.shared[key]:
            raise ConfigError([f"variants.{name}.{key}: must equal that of spatial.{spatial}, whose features it uses"])
