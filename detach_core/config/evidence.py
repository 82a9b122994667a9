"""Artifacts and settings of claims, comparisons and retrieval, as keys that the rules turn into files."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from detach_core.config.document import canonical
from detach_core.config.errors import unknown_key
from detach_core.config.variants import resolve_spatial
from detach_core.evaluation.settings import (
    ActivationSettings,
    AnyClaimSettings,
    ArtifactKey,
    ClaimsJob,
    ComparedTable,
    OverKmeansSettings,
    Part,
    PlainClaim,
    RetrievalJob,
    SignificanceJob,
)
from detach_core.reports.settings import ResultsTable

if TYPE_CHECKING:
    from detach_core.config.load import Config

BY_SPATIAL = frozenset({"assignments"})
# Files in the folder of the tables that are no tables of the config.
RESERVED = frozenset({"claims", "few_labels", "few_labels_significance", "retrieval", "significance"})


def claim_keys(config: Config) -> list[ArtifactKey]:
    """Every artifact on which some claim's verdict depends, each once."""
    keys = [
        ArtifactKey(need.kind, dataset, split, need.name, seed)
        for claim in config.document.claims.values()
        for need in claim.needs()
        for dataset, split in config.parts(need.table)
        if dataset in claim.datasets
        for seed in config.document.seeds
    ]
    return list(dict.fromkeys(keys))


def claim_splits(config: Config) -> list[tuple[str, str]]:
    """Dataset and split of every `split.json` on which some claim's verdict depends, each once."""
    parts = [
        part
        for claim in config.document.claims.values()
        if isinstance(claim, OverKmeansSettings)
        for part in _parts(config, claim)
    ]
    return list(dict.fromkeys(parts))


def significance_keys(config: Config) -> list[ArtifactKey]:
    """The metrics of every row that is compared, the references among them, each once."""
    section = config.document.significance
    keys = [
        ArtifactKey("metrics", dataset, split, row, seed)
        for table in section.tables
        for dataset, split in config.parts(table)
        for row in config.rows(table)
        for seed in config.document.seeds
    ]
    return list(dict.fromkeys(keys))


def claim_settings(config: Config) -> str:
    """Settings of stage `claims`: the claims with their tables' parts, the intervals, the keys in order."""
    document = config.document
    job = ClaimsJob(
        bootstrap=document.probe.bootstrap,
        confidence=document.probe.confidence,
        claims={
            name: PlainClaim(claim, tuple(_parts(config, claim)), _activation_of(config, claim))
            for name, claim in document.claims.items()
        },
        seeds=tuple(document.seeds),
        keys=tuple(claim_keys(config)),
    )
    return canonical(job)


def significance_settings(config: Config) -> str:
    """Settings of stage `significance`: tables with their rows and parts, the references, the keys in order."""
    section = config.document.significance
    job = SignificanceJob(
        references=section.references,
        swaps=section.swaps,
        confidence=config.document.probe.confidence,
        tables={name: ComparedTable(tuple(config.rows(name)), tuple(config.parts(name))) for name in section.tables},
        keys=tuple(significance_keys(config)),
    )
    return canonical(job)


def few_labels_settings(config: Config) -> str:
    """Settings of stage `few_labels`: the trainings behind Table 1, and those of the references that are among them.

    Without any of the references the first training is one.
    """
    section, rows = config.document.significance, tuple(dict.fromkeys(map(config.trained, config.rows("table1"))))
    job = SignificanceJob(
        references=tuple(one for one in section.references if one in rows) or rows[:1],
        swaps=section.swaps,
        confidence=config.document.probe.confidence,
        tables={"few_labels": ComparedTable(rows, tuple(config.parts("table1")))},
        keys=(),
    )
    return canonical(job)


def retrieval_settings(config: Config) -> str:
    """Settings of stage `retrieval`: the intervals, and the input form of each variant's sensor windows."""
    trained = dict.fromkeys(map(config.trained, config.rows("table1")))
    forms = {name: config.variant(name).settings.input.form for name in trained}
    probe = config.document.probe
    return canonical(RetrievalJob(bootstrap=probe.bootstrap, confidence=probe.confidence, forms=forms))


def evidence_mistakes(config: Config) -> Iterator[str]:
    """One line for each reference to a name that does not exist."""
    document = config.document
    for name in RESERVED & document.tables.keys():
        yield f"tables.{name}: must have another name; results/{name}.csv is the evidence's own"
    tables = {name for name, table in document.tables.items() if isinstance(table, ResultsTable)}
    yield from _significance_mistakes(config, tables)
    if document.claims and not any(claim.datasets for claim in document.claims.values()):
        yield "claims: at least one must have a dataset"
    for name, claim in document.claims.items():
        key = f"claims.{name}"
        if claim.table not in tables:
            yield f"{key}.table: {unknown_key(claim.table, tables)}"
            continue
        for dataset in claim.datasets:
            if dataset not in document.datasets:
                yield f"{key}.datasets: {unknown_key(dataset, document.datasets)}"
        for need in claim.needs():
            names = config.spatials if need.kind in BY_SPATIAL else config.runs
            if need.name not in names:
                yield f"{key}: {need.name}: {unknown_key(need.name, names)}"


def _significance_mistakes(config: Config, tables: Set[str]) -> Iterator[str]:
    """Tables and references that do not exist, or nothing to compare."""
    section = config.document.significance
    unknown = [name for name in section.tables if name not in tables]
    strange = [name for name in section.references if name not in config.runs]
    yield from (f"significance.tables: {unknown_key(name, tables)}" for name in unknown)
    yield from (f"significance.references: {unknown_key(name, config.runs)}" for name in strange)
    compared = {row for name in section.tables if name in tables for row in config.rows(name)}
    if not unknown and not strange and not compared & set(section.references):
        yield f"significance.references: must be rows of the compared tables, got {', '.join(section.references)}"


def _parts(config: Config, claim: AnyClaimSettings) -> list[Part]:
    return [part for part in config.parts(claim.table) if part[0] in claim.datasets]


def _activation_of(config: Config, claim: AnyClaimSettings) -> ActivationSettings | None:
    """The settings of the Stage 1's input activation vector, for a claim that clusters it."""
    if not isinstance(claim, OverKmeansSettings):
        return None
    settings = resolve_spatial(config.document, claim.spatial)
    return ActivationSettings(settings.input.form, settings.input.activation_quantile, settings.activation)
