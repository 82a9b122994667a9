"""The runs of a variant: its own settings, and one run for each candidate of the search (`detach`, `detach+1`, ...).

A candidate's learning rate stands for its ratio to `optimizer.lr`: where a method or a variant has a rate of its own,
that is multiplied alike, so that every method is searched over the same range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from detach_core.config.document import SHARED, Document
from detach_core.config.errors import as_config_error, join_path, unknown_key
from detach_core.config.methods import METHOD_CONFIGS, TrainedSection
from detach_core.config.search import CHANGEABLE
from detach_core.config.section import plain
from detach_core.config.variants import ResolvedVariant, merge, resolve_variant

# No name of a variant holds it.
MARK = "+"


def candidates_of(document: Document, variant: str) -> dict[str, dict[str, Any]]:
    """Run -> what it changes, the unchanged one first; the only one of a variant that is not trained."""
    runs: dict[str, dict[str, Any]] = {variant: {}}
    if issubclass(METHOD_CONFIGS[document.variants[variant]["method"]], TrainedSection):
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
    usual = document.optimizer.lr
    own, variants = found.resolved.settings().get("lr"), found.resolved.shared["optimizer"].lr
    scaled: dict[str, Any] = {} if own is None else {"lr": own * rate / usual}
    if variants != usual:
        scaled["optimizer"] = {"lr": variants * rate / usual}
    return resolve_variant(document, variant, merge(changes, scaled))


def search_mistakes(document: Document) -> Iterator[str]:
    """One line for each candidate that cannot be, or would be trained in vain."""
    candidates = document.search.candidates
    if candidates and document.probe.kind == "authors":
        yield "search.candidates: must be empty when `probe.kind` is authors, which chooses nothing"
    seen: list[Any] = [{name: getattr(document, name) for name in CHANGEABLE}]
    for place, changes in enumerate(candidates):
        key = join_path("search", "candidates", place)
        if strange := [name for name in changes if name not in CHANGEABLE]:
            yield from (f"{join_path(key, name)}: {_not_changeable(name)}" for name in strange)
            continue
        sections = {}
        try:
            for name in CHANGEABLE:
                data = merge(plain(getattr(document, name)), changes.get(name, {}))
                sections[name] = SHARED[name].model_validate(data)
        except ValidationError as error:
            yield from as_config_error(error, data, SHARED[name], (key, name)).lines
            continue
        if sections in seen:
            same = seen.index(sections)
            yield f"{key}: must differ from " + (f"candidates[{same - 1}]" if same else "the unchanged settings")
        seen.append(sections)


def _not_changeable(name: str) -> str:
    if name in SHARED:
        return f"must stay; Stage 1 stands on it, and a candidate may change {' and '.join(CHANGEABLE)}"
    return unknown_key(name, CHANGEABLE)
