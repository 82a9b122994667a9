"""Paths of the workflow's artifacts, and the input functions of the stages that gather them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from detach_core.config.load import Config
from detach_core.evaluation.settings import ArtifactKey
from detach_core.settings.base import to_plain
from detach_core.workflow.stage import Files, Wildcards, expanded, filled

SHARD = "results/{dataset}/shards/{shard}"
WINDOWS = "results/{dataset}/windows.h5"
SPLIT = "results/{dataset}/{split}/split.json"
SPATIAL = "results/{dataset}/{split}/spatial/{spatial}/seed{seed}"
RUN = "results/{dataset}/{split}/{variant}/seed{seed}"
# The folder of any training: a Stage 1's or a run's.
TRAINING = "results/{training}"
CURVES = f"{TRAINING}/history.png"

CHECKPOINT, CLASSIFIER = "checkpoint.safetensors", "classifier.safetensors"
EVENTS = "tensorboard"  # a folder
# Kind of artifact -> its file, for figures and evidence.
ARTIFACTS = {
    "windows": WINDOWS,
    "split": SPLIT,
    "metrics": f"{RUN}/metrics.json",
    "label_curve": f"{RUN}/label_curve.json",
    "embeddings": f"{RUN}/embeddings.h5",
    "negative_pairs": f"{RUN}/negative_pairs.h5",
    "activation_maps": f"{RUN}/activation_maps.h5",
    "spatial_history": f"{SPATIAL}/history.jsonl",
    "assignments": f"{SPATIAL}/assignments.h5",
}
FORMATS = ("md", "tex", "html", "parquet")
LISTS = ("predictions", "metrics", "classes", "embeddings")


def figure_files(config: Config, name: str) -> dict[str, list[str]]:
    """Kind of artifact -> the files of figure `name`, all datasets of a seed and then of the next."""
    figure, seeds = config.figures[name], config.document.seeds
    if figure.one_seed:
        seeds = seeds[:1]
    named: dict[str, list[Any]] = {"split": [figure.split], "seed": list(seeds), "dataset": list(figure.shown)}
    named |= {key: [getattr(figure, key)] for key in ("variant", "spatial") if hasattr(figure, key)}
    return {kind: expanded(ARTIFACTS[kind], **named) for kind in figure.needs}


def of_shards(config: Config, name: str) -> Files:
    """An input function: file `name` of every shard of a dataset."""
    return lambda w: expanded(f"{SHARD}/{name}", dataset=[w.dataset], shard=config.shards(w.dataset))


def spatial_checkpoint(config: Config, wildcards: Wildcards) -> str | list[str]:
    """The checkpoint of a variant's Stage 1; empty for methods without one."""
    spatial = config.spatial_of(wildcards.variant)
    return [] if spatial is None else filled(f"{SPATIAL}/{CHECKPOINT}", {"spatial": spatial})


def of_table(config: Config, pattern: str) -> Files:
    """An input function: `pattern` for all inputs of a table; rows that probe one training share its files."""

    def files(wildcards: Wildcards) -> list[str]:
        rows, seeds = config.rows(wildcards.table), config.document.seeds
        rows = rows if pattern == ARTIFACTS["metrics"] else list(map(config.trained, rows))
        named = [
            path
            for dataset, split in config.parts(wildcards.table)
            for path in expanded(pattern, dataset=[dataset], split=[split], variant=rows, seed=seeds)
        ]
        return list(dict.fromkeys(named))

    return files


def of_trainings(config: Config, pattern: str) -> Files:
    """An input function: `pattern` for each training behind Table 1; a shared file is repeated for each."""

    def files(wildcards: Wildcards) -> list[str]:
        variants = list(dict.fromkeys(map(config.trained, config.rows("table1"))))
        return [
            filled(pattern, {"dataset": dataset, "split": split, "variant": variant, "seed": seed})
            for dataset, split in config.parts("table1")
            for variant in variants
            for seed in config.document.seeds
        ]

    return files


def curves(config: Config) -> list[str]:
    """The curves of the trainings behind Table 1, with each dataset's first split and the first seed."""
    if "table1" not in config.document.tables:
        return []
    rows = dict.fromkeys(map(config.trained, config.rows("table1")))
    variants = [name for name in rows if config.variant(name).settings.counts_of_epochs]
    stages_1 = dict.fromkeys(filter(None, map(config.spatial_of, variants)))
    folders, seed = [], config.document.seeds[0]
    for dataset, split in dict(reversed(config.parts("table1"))).items():
        named = {"dataset": dataset, "split": split, "seed": seed}
        folders += [filled(SPATIAL, {**named, "spatial": name}) for name in stages_1]
        folders += [filled(RUN, {**named, "variant": name}) for name in variants]
    return [f"{folder}/history.png" for folder in folders]


def files_of(keys: Iterable[ArtifactKey]) -> list[str]:
    """The file of each key, in order."""
    return [filled(ARTIFACTS[key.kind], {**to_plain(key), "variant": key.name, "spatial": key.name}) for key in keys]


def tables(name: str) -> dict[str, str]:
    """Outputs of a stage that writes the table `name` in every format."""
    return {"csv_path": f"results/{name}.csv", **{kind: f"results/{name}.{kind}" for kind in FORMATS}}
