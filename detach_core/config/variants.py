"""Variants and candidates: a method (or Stage 1's `default`) with a few changed values, checked as a full section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from detach_core.config.document import Document, refuse_braces
from detach_core.config.errors import ConfigError, join_path, unknown_key, validated
from detach_core.methods.detach.settings import SpatialSettings
from detach_core.methods.registry import (
    DETACH_STAGE_1,
    METHODS,
    MethodSettings,
    TrainedSettings,
    VideoNetworkSettings,
)
from detach_core.settings.base import derived_fields, field_types, to_plain
from detach_core.settings.shared import SCRATCH, Candidate, VideoStartSettings

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth")


# Keys of the configuration's top that are fields of many settings.
COMMON = ("input", "augmentation", "encoders", "video", "optimizer", "snapshots")


@dataclass(frozen=True)
class ResolvedVariant:
    """A variant in full.

    Attributes:
        method: its name.
        spatial: the name of the Stage 1 that it stands on, if any.
        settings: of the method's own type.
    """

    method: str
    spatial: str | None
    settings: MethodSettings


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` over it, section by section; a list is replaced whole."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def own_keys(method: str) -> list[str]:
    """The keys that a method's section may hold beside the common ones."""
    kind = METHODS.settings(method)
    return [name for name in field_types(kind) if name not in COMMON and name not in derived_fields(kind)]


def resolve_spatial(document: Document, name: str) -> SpatialSettings:
    """Stage 1's settings of `spatial.<name>`: `spatial.default` with that section's changes.

    Raises:
        ConfigError: a changed key is unknown, out of range or without effect.
    """
    changes = {} if name == "default" else document.spatial[name]
    settings = _resolve(document, DETACH_STAGE_1, document.spatial.get("default", {}), changes, ("spatial", name))
    assert isinstance(settings, SpatialSettings)
    return settings


def resolve_variant(document: Document, name: str, over: Mapping[str, Any] | None = None) -> ResolvedVariant:
    """The variant `name` in full, with the changes `over` over its own.

    Raises:
        ConfigError: unknown method or Stage 1, or a changed key that is unknown, out of range or without effect.
    """
    changes = merge(document.variants[name], over or {})
    method = checked_method(changes.pop("method", None), f"variants.{name}.method")
    spatial = changes.pop("spatial", None)
    if METHODS.settings(method).needs_spatial:
        if spatial is None:
            raise ConfigError([f"variants.{name}.spatial: missing; {method} stands on a Stage 1"])
        known = spatial_names(document)
        if spatial not in known:
            raise ConfigError([f"variants.{name}.spatial: must be one of {', '.join(known)}, got {spatial!r}"])
    elif spatial is not None:
        raise ConfigError([f"variants.{name}.spatial: {method} has no Stage 1; remove the key"])
    settings = _resolve(document, method, document.methods.get(method, {}), changes, ("variants", name))
    if isinstance(settings, VideoNetworkSettings):
        mistakes = list(video_start_mistakes(f"variants.{name}.video.init", settings.video))
        if mistakes:
            raise ConfigError(mistakes)
    if spatial is not None:
        _check_same_input(name, settings, spatial, resolve_spatial(document, spatial))
    return ResolvedVariant(method, spatial, settings)


def video_start_mistakes(key: str, start: VideoStartSettings) -> Iterator[str]:
    """Mistakes in the start of the video networks, found before any job; the file's content is checked in training."""
    if start.init == SCRATCH:
        return
    if Path(start.init).suffix not in WEIGHT_SUFFIXES:
        yield f"{key}: must be {SCRATCH} or a file that ends in {', '.join(WEIGHT_SUFFIXES)}, got {start.init!r}"
        return
    try:
        refuse_braces(start.init)
    except ValueError as error:
        yield f"{key}: {error}"
        return
    if not Path(start.init).is_file():
        yield f"{key}: must be {SCRATCH} or a file that is there, got {start.init!r}"


def spatial_names(document: Document) -> list[str]:
    """The names of all Stages 1, with the unchanged `default`."""
    return list(dict.fromkeys(["default", *document.spatial]))


def checked_method(method: Any, key: str) -> str:
    """The name of a method.

    Raises:
        ConfigError: no name, or one that is unknown or cannot be imported.
    """
    if method is None:
        raise ConfigError([f"{key}: missing"])
    known = [name for name in METHODS if name != DETACH_STAGE_1]
    if not isinstance(method, str) or method not in METHODS or method == DETACH_STAGE_1:
        raise ConfigError([f"{key}: must be one of {', '.join(known)}, or `module:Class`, got {method!r}"])
    try:
        METHODS.settings(method)
    except LookupError as error:
        raise ConfigError([f"{key}: {error}"]) from None
    return method


def _resolve(
    document: Document, method: str, section: Mapping[str, Any], changes: Mapping[str, Any], path: tuple[str, ...]
) -> MethodSettings:
    """The settings that result from the common sections, a method's section and a variant's changes."""
    kind = METHODS.settings(method)
    for video in (section.get("video"), changes.get("video")):
        if isinstance(video, Mapping) and "network" in video and not kind.takes_video_network:
            name, key = "Stage 1" if method == DETACH_STAGE_1 else method, join_path(*path, "video", "network")
            raise ConfigError([f"{key}: {name} has video networks of its own; remove the key"])
    common = {key: to_plain(getattr(document, key)) for key in COMMON if key in field_types(kind)}
    settings: MethodSettings = validated(kind, merge(merge(common, section), changes), path)
    return settings


def _check_same_input(name: str, variant: MethodSettings, spatial: str, stage_1: SpatialSettings) -> None:
    """Check that Stage 2 has the input and networks of Stage 1, whose frozen features it reads."""
    for key in ("input", "encoders", "video"):
        if getattr(variant, key) != getattr(stage_1, key):
            raise ConfigError([f"variants.{name}.{key}: must equal that of spatial.{spatial}, whose features it uses"])


# Stage 1 is trained once, whatever the candidate: what it stands on (input, encoders, video) cannot be searched over.
# Nothing here may change a network's initial weights either: a row has one untrained control, that of its first run.
CHANGEABLE: tuple[Literal["augmentation"], Literal["optimizer"]] = ("augmentation", "optimizer")


# No name of a variant holds it.
MARK = "+"


def candidates_of(document: Document, variant: str) -> dict[str, Candidate]:
    """Run -> its changes, the unchanged run first; an untrained variant has only that one."""
    runs: dict[str, Candidate] = {variant: {}}
    if issubclass(METHODS.settings(document.variants[variant]["method"]), TrainedSettings):
        runs |= {f"{variant}{MARK}{place}": changes for place, changes in enumerate(document.search.candidates, 1)}
    return runs


def resolve_candidate(document: Document, variant: str, changes: Candidate) -> ResolvedVariant:
    """The variant in full with a candidate's changes.

    Raises:
        ConfigError: as `resolve_variant`; a multiplied rate may be out of range.
    """
    found = resolve_variant(document, variant)
    rate = changes.get("optimizer", {}).get("lr")
    if rate is None:
        return resolve_variant(document, variant, changes) if changes else found
    usual, settings = document.optimizer.lr, found.settings
    assert isinstance(settings, TrainedSettings), "no other variant has candidates"
    scaled: dict[str, Any] = {} if settings.lr is None else {"lr": settings.lr * rate / usual}
    if settings.optimizer.lr != usual:
        scaled["optimizer"] = {"lr": settings.optimizer.lr * rate / usual}
    return resolve_variant(document, variant, merge(changes, scaled))


def search_mistakes(document: Document) -> Iterator[str]:
    """One line for each candidate that is invalid or whose training would have no effect."""
    candidates = document.search.candidates
    if candidates and document.probe.kind == "authors":
        yield "search.candidates: must be empty when `probe.kind` is authors, which chooses nothing"
    seen: list[Any] = [{name: getattr(document, name) for name in CHANGEABLE}]
    kinds = field_types(TrainedSettings)
    for place, changes in enumerate(candidates):
        key = join_path("search", "candidates", place)
        if strange := [name for name in changes if name not in CHANGEABLE]:
            yield from (f"{join_path(key, name)}: {_not_changeable(name)}" for name in strange)
            continue
        sections = {}
        try:
            for name in CHANGEABLE:
                data = merge(to_plain(getattr(document, name)), changes.get(name, {}))
                sections[name] = validated(kinds[name], data, (key, name))
        except ConfigError as error:
            yield from error.lines
            continue
        if sections in seen:
            same = seen.index(sections)
            yield f"{key}: must differ from " + (f"candidates[{same - 1}]" if same else "the unchanged settings")
        seen.append(sections)


def _not_changeable(name: str) -> str:
    if name in COMMON:
        return f"must stay; Stage 1 stands on it, and a candidate may change {' and '.join(CHANGEABLE)}"
    return unknown_key(name, CHANGEABLE)
