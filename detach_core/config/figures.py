"""Resolution of the figures' sections, and checks of the names in `halves`, `analysis` and `figures`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from detach_core.config.document import Document
from detach_core.config.errors import ConfigError, unknown_key
from detach_core.config.validation import validated
from detach_core.config.variants import spatial_names
from detach_core.reports.figures import FIGURES
from detach_core.reports.figures.settings import (
    ActivationMapsSettings,
    AssignmentStabilitySettings,
    FigureSettings,
    PairFigureSettings,
    PhaseSpaceSettings,
    RunFigureSettings,
)


def resolve_figure(document: Document, name: str) -> FigureSettings:
    """The settings of `figures.<name>`, of its kind's own type.

    Raises:
        ConfigError: an unknown kind, or a key that is missing, unknown or out of range.
    """
    section = document.figures[name]
    settings: FigureSettings = validated(_kind_of(section, name), section, ("figures", name))
    return settings


def _kind_of(section: Mapping[str, Any], name: str) -> type[FigureSettings]:
    key, draw = f"figures.{name}.draw", section.get("draw")
    if draw is None:
        raise ConfigError([f"{key}: missing"])
    if not isinstance(draw, str) or draw not in FIGURES:
        raise ConfigError([f"{key}: must be one of {', '.join(FIGURES)}, or `module:Class`, got {draw!r}"])
    try:
        kind = FIGURES.settings(draw)
    except LookupError as error:
        raise ConfigError([f"{key}: {error}"]) from None
    if not issubclass(kind, FigureSettings):
        raise ConfigError([f"{key}: the `settings_type` of {draw} must be a subclass of FigureSettings"])
    return kind


def figure_mistakes(document: Document) -> Iterator[str]:
    """One line for each value that does not fit the others."""
    for name, half in document.halves.items():
        if name in document.variants:
            yield f"halves.{name}: must not have the name of a variant"
        if half.variant not in document.variants:
            yield f"halves.{name}.variant: {unknown_key(half.variant, document.variants)}"
        elif document.variants[half.variant].get("method") != "detach":
            yield f"halves.{name}.variant: must be a variant of detach, the only method with halves, got {half.variant}"
    baseline, classes = document.analysis.maps.baseline, document.analysis.maps.classes
    if baseline not in document.variants:
        yield f"analysis.maps.baseline: {unknown_key(baseline, document.variants)}"
    for dataset, named in classes.items():
        known = document.datasets[dataset].classes if dataset in document.datasets else []
        if strange := [each for each in named if each not in known]:
            yield f"analysis.maps.classes.{dataset}: must be among the dataset's classes, got {', '.join(strange)}"
    for name in document.figures:
        try:
            figure = resolve_figure(document, name)
        except ConfigError as error:
            yield from error.lines
        else:
            yield from _of_figure(document, f"figures.{name}", figure)


def _of_figure(document: Document, key: str, figure: FigureSettings) -> Iterator[str]:
    if figure.split not in document.splits:
        yield f"{key}.split: {unknown_key(figure.split, document.splits)}"
    missing = [dataset for dataset in figure.shown if dataset not in document.datasets]
    for dataset in missing:
        yield f"{key}.dataset: {unknown_key(dataset, document.datasets)}"
    if isinstance(figure, AssignmentStabilitySettings) and figure.spatial not in spatial_names(document):
        yield f"{key}.spatial: {unknown_key(figure.spatial, spatial_names(document))}"
    if isinstance(figure, RunFigureSettings) and not missing:
        yield from _of_run_figure(document, key, figure)


def _of_run_figure(document: Document, key: str, figure: RunFigureSettings) -> Iterator[str]:
    if figure.variant not in document.variants:
        yield f"{key}.variant: {unknown_key(figure.variant, document.variants)}"
    elif isinstance(figure, PairFigureSettings) and document.variants[figure.variant].get("method") != "detach":
        yield f"{key}.variant: must be a variant of detach, which weighs pairs, got {figure.variant}"
    home = document.datasets[figure.dataset]
    if isinstance(figure, PairFigureSettings) and home.label_unit == "recording":
        yield f"{key}.dataset: must have labels of windows, whose pairs are compared, got {figure.dataset}"
    if isinstance(figure, PhaseSpaceSettings) and figure.query_class not in home.classes:
        yield f"{key}.query_class: must be among the dataset's classes, got {figure.query_class!r}"
    if isinstance(figure, ActivationMapsSettings) and figure.dataset not in document.analysis.maps.classes:
        yield f"analysis.maps.classes.{figure.dataset}: missing; {key} shows its windows"
