"""The runs of a variant: its own settings, and one run for each candidate of the search (`detach`, `detach+1`, ...).

A candidate's learning rate stands for its ratio to `optimizer.lr`: where a method or a variant has a rate of its own,
that is multiplied alike, so that every method is searched over the same range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from detach_core.config.document import Document
from detach_core.config.errors import ConfigError, join_path, unknown_key
from detach_core.config.validation import validated
from detach_core.config.variants import COMMON, ResolvedVariant, merge, resolve_variant
from detach_core.methods.registry import METHODS
from detach_core.methods.settings import TrainedSettings
from detach_core.settings.base import field_types, to_plain

# Stage 1 is trained once, whatever the candidate: what it stands on (input, encoders, video) cannot be searched over.
CHANGEABLE = ("augmentation", "optimizer")
# No name of a variant holds it.
MARK = "+"


def candidates_of(document: Document, variant: str) -> dict[str, dict[str, Any]]:
    """Run -> what it changes, the unchanged one first; the only one of a variant that is not trained."""
    runs: dict[str, dict[str, Any]] = {variant: {}}
    if issubclass(METHODS.settings(document.variants[variant]["method"]), TrainedSettings):
        runs |= {f"{variant}{MARK}{place}": changes for place, changes in enumerate(document.search.candidates, 1)}
    return runs


def resolve_candidate(document: Document, variant: str, changes: Mapping[str, Any]) -> ResolvedVariant:
    """The variant in full with a candidate's changes.

    Raises:
        ConfigError: as `resolve_variant`; a multiplied rate may be out of range.
    """
    found = resolve_variant(document, variant)
    rate = changes.get("optimizer", {}).get("lr")
    if rate is None:
        return resolve_variant(document, variant, changes) if changes else found
    usual, settings = document.optimizer.lr, found.settings
    scaled: dict[str, Any] = {} if settings.lr is None else {"lr": settings.lr * rate / usual}
    if settings.optimizer.lr != usual:
        scaled["optimizer"] = {"lr": settings.optimizer.lr * rate / usual}
    return resolve_variant(document, variant, merge(changes, scaled))


def search_mistakes(document: Document) -> Iterator[str]:
    """One line for each candidate that cannot be, or would be trained in vain."""
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
