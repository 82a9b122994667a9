"""What `claims.csv` and `significance.csv` are made of, as keys that the rules turn into files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from detach_core.config.claims import Claim
from detach_core.config.errors import unknown_key
from detach_core.config.reports import ResultsTable
from detach_core.config.resolved import Config
from detach_core.config.section import canonical
from detach_core.config.variants import resolve_spatial

BY_SPATIAL = frozenset({"assignments"})
# Files in the folder of the tables that are no tables of the config.
RESERVED = frozenset({"claims", "retrieval", "significance"})


class Key(NamedTuple):
    """One artifact: its kind, and the run of which it is; `name` is a variant, a half or a Stage 1."""

    kind: str
    dataset: str
    split: str
    name: str
    seed: int


def claim_keys(config: Config) -> list[Key]:
    """Every artifact that some claim is decided by, each once."""
    keys = [
        Key(need.kind, dataset, split, need.name, seed)
        for claim in config.document.claims.values()
        for need in claim.needs()
        for dataset, split in config.parts(need.table)
        if dataset in claim.datasets
        for seed in config.document.seeds
    ]
    return list(dict.fromkeys(keys))


def claim_splits(config: Config) -> list[tuple[str, str]]:
    """Dataset and split of every `split.json` that some claim is decided by, each once."""
    parts = [
        part
        for claim in config.document.claims.values()
        if claim.stage_one_input is not None
        for part in _parts(config, claim)
    ]
    return list(dict.fromkeys(parts))


def significance_keys(config: Config) -> list[Key]:
    """The metrics of every row that is compared and of the reference, each once."""
    section = config.document.significance
    keys = [
        Key("metrics", dataset, split, row, seed)
        for table in section.tables
        for dataset, split in config.parts(table)
        for row in (section.reference, *config.rows(table))
        for seed in config.document.seeds
    ]
    return list(dict.fromkeys(keys))


def claim_settings(config: Config) -> str:
    """Settings of stage `claims`: the claims with their tables' parts, how intervals are made, the keys in order."""
    document = config.document
    claims = {
        name: {**claim.model_dump(), "below": claim.below, "parts": _parts(config, claim), **_input_of(config, claim)}
        for name, claim in document.claims.items()
    }
    return canonical({"claims": claims, "seeds": document.seeds, **_common(config, claim_keys(config))})


def significance_settings(config: Config) -> str:
    """Settings of stage `significance`: tables with their rows and parts, the reference, the keys in order."""
    section = config.document.significance
    tables = {name: {"rows": config.rows(name), "parts": config.parts(name)} for name in section.tables}
    keys = significance_keys(config)
    return canonical(
        {"reference": section.reference, "swaps": section.swaps, "tables": tables, **_common(config, keys)}
    )


def retrieval_settings(config: Config) -> str:
    """Settings of stage `retrieval`: how intervals are made, and in which form each variant has its sensor windows."""
    trained = dict.fromkeys(map(config.trained, config.rows("table1")))
    forms = {name: config.variant(name).settings.input.form for name in trained}
    return canonical({**config.document.probe.model_dump(include={"bootstrap", "confidence"}), "forms": forms})


def evidence_mistakes(config: Config) -> Iterator[str]:
    """One line for each name that must exist elsewhere and does not."""
    document = config.document
    for name in RESERVED & document.tables.keys():
        yield f"tables.{name}: must have another name; results/{name}.csv is the evidence's own"
    tables = {name for name, table in document.tables.items() if isinstance(table, ResultsTable)}
    for name in document.significance.tables:
        if name not in tables:
            yield f"significance.tables: {unknown_key(name, tables)}"
    if (reference := document.significance.reference) not in config.runs:
        yield f"significance.reference: {unknown_key(reference, config.runs)}"
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


def _parts(config: Config, claim: Claim) -> list[tuple[str, str]]:
    return [part for part in config.parts(claim.table) if part[0] in claim.datasets]


def _input_of(config: Config, claim: Claim) -> dict[str, object]:
    """What the activation vector is made by that the claim's Stage 1 is fed."""
    if claim.stage_one_input is None:
        return {}
    settings = resolve_spatial(config.document, claim.stage_one_input)
    form, quantile = settings.input.form, settings.input.activation_quantile
    return {"input": {"form": form, "activation_quantile": quantile, "activation": settings.activation}}


def _common(config: Config, keys: list[Key]) -> dict[str, object]:
    probe = config.document.probe
    return {"bootstrap": probe.bootstrap, "confidence": probe.confidence, "keys": [list(key) for key in keys]}
