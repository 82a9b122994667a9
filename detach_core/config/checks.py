"""Checks of names across the configuration's sections, and resolution of the figures' sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from detach_core.config.document import DatasetSettings, Document
from detach_core.config.errors import ConfigError, unknown_key, validated
from detach_core.config.variants import (
    candidates_of,
    checked_method,
    own_keys,
    resolve_candidate,
    resolve_spatial,
    resolve_variant,
    search_mistakes,
    spatial_names,
    video_start_mistakes,
)
from detach_core.datasets.folder.settings import FolderNative
from detach_core.datasets.registry import SHORTEST_WINDOW, PartitionSettings
from detach_core.evaluation.settings import HalfSettings
from detach_core.methods.registry import METHODS, VideoNetworkSettings
from detach_core.reports.figures.registry import (
    FIGURES,
    ActivationMapsSettings,
    AssignmentStabilitySettings,
    FigureSettings,
    LabelCurveFigureSettings,
    PairFigureSettings,
    PhaseSpaceSettings,
    RunFigureSettings,
)
from detach_core.reports.settings import ResultsTable
from detach_core.settings.shared import SCRATCH
from detach_core.simulation.opportunity.settings import OpportunityHomeSettings


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
    """One line for each value that contradicts another."""
    for name, half in document.halves.items():
        if name in document.variants:
            yield f"halves.{name}: must not have the name of a variant"
        if half.variant not in document.variants:
            yield f"halves.{name}.variant: {unknown_key(half.variant, document.variants)}"
        else:
            yield from _of_half(document, f"halves.{name}", half)
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


def _of_half(document: Document, key: str, half: HalfSettings) -> Iterator[str]:
    try:
        parts = resolve_variant(document, half.variant).settings.parts
    except ConfigError:
        return  # what is wrong with the variant is told where it is
    if half.half == "whole":
        return  # every embedding has one
    if not parts:
        yield f"{key}.variant: must be a variant whose embedding has parts, got {half.variant}, whose has none"
    elif half.half not in parts:
        yield f"{key}.half: must be {' or '.join(parts)}, which the embedding of {half.variant} has, got {half.half}"


def _of_figure(document: Document, key: str, figure: FigureSettings) -> Iterator[str]:
    if figure.split not in document.splits:
        yield f"{key}.split: {unknown_key(figure.split, document.splits)}"
    missing = [dataset for dataset in figure.shown if dataset not in document.datasets]
    for dataset in missing:
        yield f"{key}.dataset: {unknown_key(dataset, document.datasets)}"
    if isinstance(figure, AssignmentStabilitySettings) and figure.spatial not in spatial_names(document):
        yield f"{key}.spatial: {unknown_key(figure.spatial, spatial_names(document))}"
    if isinstance(figure, LabelCurveFigureSettings):
        strange = [name for name in figure.variants if name not in document.variants]
        yield from (f"{key}.variants: {unknown_key(name, document.variants)}" for name in strange)
    if isinstance(figure, RunFigureSettings) and not missing:
        yield from _of_run_figure(document, key, figure)


def _of_run_figure(document: Document, key: str, figure: RunFigureSettings) -> Iterator[str]:
    if figure.variant not in document.variants:
        yield f"{key}.variant: {unknown_key(figure.variant, document.variants)}"
    elif isinstance(figure, PairFigureSettings) and document.variants[figure.variant].get("method") != "detach":
        yield f"{key}.variant: must be a variant of detach, which weighs pairs, got {figure.variant}"
    home = document.datasets[figure.dataset]
    yield from _video_mistakes(document, f"{key}.variant", figure.dataset, [figure.variant])
    if isinstance(figure, PairFigureSettings) and home.label_unit == "recording":
        yield f"{key}.dataset: must have labels of windows, whose pairs are compared, got {figure.dataset}"
    if isinstance(figure, PhaseSpaceSettings) and figure.query_class not in home.classes:
        yield f"{key}.query_class: must be among the dataset's classes, got {figure.query_class!r}"
    if isinstance(figure, ActivationMapsSettings) and figure.dataset not in document.analysis.maps.classes:
        yield f"analysis.maps.classes.{figure.dataset}: missing; {key} shows its windows"


def find_mistakes(document: Document) -> list[str]:
    """One line for each value that contradicts another; empty when there is none."""
    lines = list(video_start_mistakes("video.init", document.video))
    if lines:  # else every variant would tell it again
        return lines
    for name, dataset in document.datasets.items():
        lines += _dataset_mistakes(f"datasets.{name}", dataset)
    for name, split in document.splits.items():
        for dataset_name, part in split.datasets.items():
            key = f"splits.{name}.{dataset_name}"
            known = document.datasets.get(dataset_name)
            lines += [f"{key}: {unknown_key(dataset_name, document.datasets)}"] if known is None else []
            lines += _split_mistakes(key, part, known) if known is not None else []
    lines += _variant_mistakes(document)
    lines += [] if lines else _candidate_mistakes(document)
    for name in document.tables:
        lines += _table_mistakes(document, name)
    return [*lines, *figure_mistakes(document)]


def _dataset_mistakes(key: str, dataset: DatasetSettings) -> Iterator[str]:
    if dataset.source == "local" and dataset.root is None:
        yield f"{key}.root: must be your own folder when `source` is local, got null"
    if dataset.source == "download" and not dataset.download.files:
        yield f"{key}.download.files: must name the files to fetch when `source` is download, got an empty list"
    if dataset.label_unit == "recording" and (strange := sorted(set(dataset.takes) - set(dataset.classes))):
        yield f"{key}.takes: must be among `classes` when `label_unit` is recording, got {', '.join(strange)}"
    if isinstance(dataset.native, FolderNative) and dataset.source != "local":
        yield f"{key}.source: must be local, as {dataset.native.home_file} lies in the folder, got {dataset.source}"
    elif dataset.source == "simulated" and dataset.home is None:
        yield f"{key}.source: must be local or download, as no simulated home writes files of adapter {dataset.adapter}"
    if dataset.source == "simulated" and isinstance(dataset.home, OpportunityHomeSettings):
        for take in sorted(set(dataset.takes) - set(dataset.home.takes)):
            yield f"{key}.home.takes.{take}: missing; the simulated home needs a script for each of `takes`"
    for name in ("subjects", "takes", "classes"):
        values = getattr(dataset, name)
        if len(set(values)) < len(values):
            yield f"{key}.{name}: must not repeat, got {', '.join(values)}"
    frames = dataset.window.length_s * dataset.video.working_hz
    if frames < 2 or abs(frames - round(frames)) > 1e-6:
        yield f"{key}.video.working_hz: must give a whole number of at least 2 frames a window, got {frames:g}"
    if dataset.video.working_hz > dataset.native.video_hz:
        yield f"{key}.video.working_hz: must be at most `native.video_hz`, got {dataset.video.working_hz:g}"

    yield from (f"{key}.native.{line}" for line in dataset.native.mistakes())
    if len(dataset.classes) == 1:
        yield f"{key}.classes: must be at least two to tell apart, or none, got {dataset.classes[0]} alone"
    if not dataset.recordings():
        yield f"{key}.takes: must leave at least one recording of `subjects`, got none"
    samples = dataset.window.length_s * dataset.native.sensor_hz
    if isinstance(dataset.native, FolderNative) and samples < SHORTEST_WINDOW:
        found = f"{samples:g}; raise it or `sensor_hz` of home.yaml"
        yield f"{key}.window.length_s: must give at least {SHORTEST_WINDOW} samples, which networks need, got {found}"
    if dataset.native.has_video:
        filmless = [name for name in dataset.recordings() if not dataset.native.wanted_files("video", name)]
        if filmless:
            yield (
                f"{key}.takes: must have a video of the used camera, as other recordings have, got"
                f" {', '.join(filmless)}; leave them out, or set `native.camera: none` to use sensors alone"
            )
    offsets = dataset.native.video_offset_s
    for name in sorted(set(offsets if isinstance(offsets, dict) else ()) - set(dataset.recordings())):
        yield f"{key}.native.video_offset_s: {unknown_key(name, dataset.recordings())}"


def _split_mistakes(key: str, part: PartitionSettings, dataset: DatasetSettings) -> Iterator[str]:
    if part.hold_out == "nothing":
        if part.held_out:
            yield f"{key}.held_out: must be empty when `hold_out` is nothing, got {', '.join(part.held_out)}"
        return
    known = dataset.recordings() if part.hold_out == "recordings" else dataset.subjects
    if strange := sorted(set(part.held_out) - set(known)):
        yield f"{key}.held_out: must be among the {part.hold_out} of the dataset, got {', '.join(strange)}"
    if not part.held_out:
        yield f"{key}.held_out: must name {part.hold_out}, got none; `hold_out: nothing` holds out nothing"
    if len(set(part.held_out)) >= len(known):
        yield f"{key}.held_out: must leave some of the {part.hold_out}, got all of them"


def _variant_mistakes(document: Document) -> Iterator[str]:
    mistakes = list(_method_mistakes(document))
    yield from mistakes
    if mistakes:
        return
    for name in spatial_names(document):
        try:
            resolve_spatial(document, name)
        except ConfigError as error:
            yield from error.lines
            if name == "default":
                return
    for name in document.variants:
        try:
            resolve_variant(document, name)
        except ConfigError as error:
            yield from error.lines


def _method_mistakes(document: Document) -> Iterator[str]:
    """Mistakes in the sections under `methods`, each checked separately."""
    for name, section in document.methods.items():
        key = f"methods.{name}"
        try:
            kind = METHODS.settings(checked_method(name, key))
            if strange := [one for one in section if one not in own_keys(name)]:
                yield from (f"{key}.{one}: {unknown_key(one, own_keys(name))}" for one in strange)
            else:
                validated(kind, section, ("methods", name))
        except ConfigError as error:
            yield from error.lines


def _candidate_mistakes(document: Document) -> Iterator[str]:
    """Mistakes in the search's candidates; checked once every variant is valid."""
    mistakes = list(search_mistakes(document))
    yield from mistakes
    for name in [] if mistakes else document.variants:
        for changes in candidates_of(document, name).values():
            try:
                resolve_candidate(document, name, changes)
            except ConfigError as error:
                yield from error.lines


def _table_mistakes(document: Document, name: str) -> Iterator[str]:
    table = document.tables[name]
    key, named = ("splits", table.splits) if isinstance(table, ResultsTable) else ("split", [table.split])
    for split in named:
        if split not in document.splits:
            yield f"tables.{name}.{key}: {unknown_key(split, document.splits)}"
    known = [document.splits[split] for split in named if split in document.splits]
    for dataset in table.datasets:
        if dataset not in document.datasets:
            yield f"tables.{name}.datasets: {dataset}: {unknown_key(dataset, document.datasets)}"
        elif len(known) == len(named) and not any(dataset in split.datasets for split in known):
            yield f"tables.{name}.datasets: {dataset} has no part in splits.{', '.join(named)}"
    if not isinstance(table, ResultsTable):
        return
    for dataset in (one for one in table.datasets if one in document.datasets):
        yield from _label_mistakes(document, f"tables.{name}", dataset)
        yield from _video_mistakes(document, f"tables.{name}.rows", dataset, table.rows)
    for row in table.rows:
        if row in document.halves:
            continue
        if row not in document.variants:
            yield f"tables.{name}.rows: {row}: {unknown_key(row, document.variants)}"
        elif not _takes_weight_file(document, row) and _starts_elsewhere(document, row):
            yield f"variants.{row}.video.init: must be {SCRATCH}; its video network is its own, no weight file fits it"


def _label_mistakes(document: Document, key: str, name: str) -> Iterator[str]:
    """Mistakes of a table of probes of a dataset without labels."""
    if not document.datasets[name].classes:
        yield (
            f"{key}.datasets: must have labels, which {name} has not; without them there are its clusters,"
            f" results/{name}/<split>/spatial/default/seed0/assignments.h5, and tables of the data"
        )


def _video_mistakes(document: Document, key: str, name: str, rows: Sequence[str]) -> Iterator[str]:
    """Mistakes of rows that are trained on videos, which the dataset does not have."""
    if document.datasets[name].native.has_video:
        return
    trained = {row: document.halves[row].variant if row in document.halves else row for row in rows}
    if watching := [row for row, variant in trained.items() if _needs_video(document, variant)]:
        able = [one for one in document.variants if not _needs_video(document, one)]
        yield (
            f"{key}: must be methods of sensors alone, as {name} has no video, got {', '.join(watching)};"
            f" such are {', '.join(able) or 'none'}"
        )


def _needs_video(document: Document, variant: str) -> bool:
    """Whether a variant is trained on videos; an unknown one is reported elsewhere."""
    try:
        method = checked_method(document.variants.get(variant, {}).get("method"), variant)
        return issubclass(METHODS.settings(method), VideoNetworkSettings)
    except (ConfigError, LookupError):
        return False


def _takes_weight_file(document: Document, row: str) -> bool:
    """Whether a row accepts the weight file for the video: it fits the row's network, or there is none."""
    try:
        method = checked_method(document.variants[row].get("method"), row)
    except ConfigError:
        return True  # an unknown method is reported with its variant
    kind = METHODS.settings(method)
    return bool(kind.takes_weight_file or not issubclass(kind, VideoNetworkSettings))


def _starts_elsewhere(document: Document, row: str) -> bool:
    changes = document.variants[row].get("video")
    init = changes.get("init") if isinstance(changes, dict) else None
    return (init or document.video.init) != SCRATCH
