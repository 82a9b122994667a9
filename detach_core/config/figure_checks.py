"""What no single key of `halves`, `analysis` and `figures` can tell: names that must exist elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from detach_core.config.document import Document
from detach_core.config.errors import unknown_key
from detach_core.config.figures import (
    ActivationMaps,
    AssignmentStability,
    ClassSeparation,
    PhaseSpace,
    RunFigure,
    WeightCdf,
)
from detach_core.config.variants import spatial_names

OF_PAIRS = (WeightCdf, ClassSeparation, PhaseSpace)


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
        yield from _of_figure(document, name)


def _of_figure(document: Document, name: str) -> Iterator[str]:
    figure, key = document.figures[name], f"figures.{name}"
    if figure.split not in document.splits:
        yield f"{key}.split: {unknown_key(figure.split, document.splits)}"
    missing = [dataset for dataset in figure.shown if dataset not in document.datasets]
    for dataset in missing:
        yield f"{key}.dataset: {unknown_key(dataset, document.datasets)}"
    if isinstance(figure, AssignmentStability) and figure.spatial not in spatial_names(document):
        yield f"{key}.spatial: {unknown_key(figure.spatial, spatial_names(document))}"
    if not isinstance(figure, RunFigure) or missing:
        return
    if figure.variant not in document.variants:
        yield f"{key}.variant: {unknown_key(figure.variant, document.variants)}"
    elif isinstance(figure, OF_PAIRS) and document.variants[figure.variant].get("method") != "detach":
        yield f"{key}.variant: must be a variant of detach, which weighs pairs, got {figure.variant}"
    home = document.datasets[figure.dataset]
    if isinstance(figure, OF_PAIRS) and home.label_unit == "recording":
        yield f"{key}.dataset: must have labels of windows, whose pairs are compared, got {figure.dataset}"
    if isinstance(figure, PhaseSpace) and figure.query_class not in home.classes:
        yield f"{key}.query_class: must be among the dataset's classes, got {figure.query_class!r}"
    if isinstance(figure, ActivationMaps) and figure.dataset not in document.analysis.maps.classes:
        yield f"analysis.maps.classes.{figure.dataset}: missing; {key} shows its windows"
