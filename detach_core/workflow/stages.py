"""Table of the workflow's stages: files, settings and arguments of each, for the rules and for training plans.

A path pattern holds wildcards in braces; `Config` gives the settings. Nothing here needs Snakemake.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from detach_core.config.evidence import (
    claim_keys,
    claim_settings,
    claim_splits,
    retrieval_settings,
    significance_keys,
    significance_settings,
)
from detach_core.config.load import Config
from detach_core.evaluation.settings import ArtifactKey
from detach_core.settings.base import to_plain
from detach_core.workflow.raw_files import RawFiles
from detach_core.workflow.stage import Files, Stage, Value, Wildcards, expanded, filled

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


def workflow_stages(
    config: Config,
    raw_files: RawFiles | None = None,
    *,
    whole_settings: str = "{}",
    home: str = ".",
    snakefile: str = "Snakefile",
) -> dict[str, Stage]:
    """Every stage by name, in the order of the workflow.

    Args:
        config: the configuration.
        raw_files: the raw files; made from `config` where none are given.
        whole_settings: the whole configuration as canonical JSON, for the report.
        home: the checkout, relative to the working directory.
        snakefile: the workflow's file, relative to the working directory.
    """
    raw = raw_files or RawFiles(config)
    pages = _page_stages(config, whole_settings=whole_settings, home=home, snakefile=snakefile)
    stages = [*_data_stages(config, raw), *_training_stages(config, raw), *_table_stages(config), *pages]
    return {stage.name: stage for stage in stages}


def _data_stages(config: Config, raw: RawFiles) -> list[Stage]:
    recordings: dict[str, Value] = {"recordings": lambda w: config.shards(w.dataset)[w.shard]}
    every_kind = ("sensor", "video", "annotation")
    read: dict[str, Value] = {**recordings, "root_path": lambda w: config.raw_root(w.dataset)}
    dataset = {"dataset": "dataset"}
    return [
        Stage(
            "simulate_home",
            SHARD,
            inputs={},
            outputs={"manifest_path": "data/simulated/{dataset}/{shard}.json"},
            params={
                "settings": lambda w: config.simulate_home(w.dataset),
                **recordings,
                "root_path": "data/simulated/{dataset}",
            },
            wildcards={**dataset, "shard": "shard"},
        ),
        Stage(
            "download",
            "results/{dataset}",
            inputs={},
            outputs={"manifest_path": "data/downloaded/{dataset}/download.json"},
            params={"settings": lambda w: config.download(w.dataset), "root_path": "data/downloaded/{dataset}"},
        ),
        Stage(
            "ingest",
            SHARD,
            inputs={"raw": raw.of_shard(*every_kind)},
            outputs={"sensor_path": f"{SHARD}/sensor.h5"},
            params={"settings": lambda w: config.ingest(w.dataset), **read},
            triggers={"raw": raw.fingerprints_of(*every_kind)},
            wildcards=dataset,
        ),
        Stage(
            "extract_frames",
            SHARD,
            inputs={"raw": raw.of_shard("video")},
            outputs={"frames_path": f"{SHARD}/frames.h5"},
            params={"settings": lambda w: config.extract_frames(w.dataset), **read},
            triggers={"raw": raw.fingerprints_of("video")},
            wildcards=dataset,
        ),
        Stage(
            "flow",
            SHARD,
            inputs={"frames_path": f"{SHARD}/frames.h5"},
            outputs={"flow_path": f"{SHARD}/flow.h5"},
            params={"settings": lambda w: config.flow(w.dataset)},
        ),
        Stage(
            "pack",
            "results/{dataset}",
            inputs={f"{name}_paths": _of_shards(config, f"{name}.h5") for name in ("sensor", "frames", "flow")},
            outputs={"windows_path": WINDOWS},
            params={"settings": lambda w: config.pack(w.dataset)},
            wildcards=dataset,
        ),
        Stage(
            "split",
            "results/{dataset}/{split}",
            inputs={"windows_path": WINDOWS},
            outputs={"split_path": SPLIT},
            params={"settings": lambda w: config.split(w.dataset, w.split)},
        ),
    ]


def _training_stages(config: Config, raw: RawFiles) -> list[Stage]:
    data: dict[str, Files] = {"windows_path": WINDOWS, "split_path": SPLIT}
    checkpoint = {"checkpoint_path": f"{RUN}/{CHECKPOINT}"}
    of_files, seed = raw.fingerprints.of_files, {"seed": "seed"}
    return [
        Stage(
            "pretrain_spatial",
            SPATIAL,
            inputs={**data, "weights": lambda w: config.spatial_weights(w.spatial)},
            outputs={
                "checkpoint_path": f"{SPATIAL}/{CHECKPOINT}",
                "history_path": ARTIFACTS["spatial_history"],
                "assignments_path": ARTIFACTS["assignments"],
                "tensorboard_path": f"{SPATIAL}/{EVENTS}" if config.document.tensorboard else [],
            },
            params={"settings": lambda w: config.spatial(w.spatial, w.dataset)},
            triggers={"weights": lambda w: of_files(config.spatial_weights(w.spatial))},
            wildcards=seed,
        ),
        Stage(
            "pretrain",
            RUN,
            inputs={
                **data,
                "spatial_path": lambda w: _spatial_checkpoint(config, w),
                "weights": lambda w: config.video_weights(w.variant),
            },
            outputs={
                **checkpoint,
                "history_path": f"{RUN}/history.jsonl",
                "snapshots_path": f"{RUN}/snapshots.safetensors",
                "tensorboard_path": f"{RUN}/{EVENTS}" if config.document.tensorboard else [],
            },
            params={"settings": lambda w: config.pretraining(w.variant, w.dataset)},
            triggers={"weights": lambda w: of_files(config.video_weights(w.variant))},
            wildcards=seed,
        ),
        Stage(
            "embed",
            RUN,
            inputs={**data, **checkpoint},
            outputs={"embeddings_path": ARTIFACTS["embeddings"]},
            params={"settings": lambda w: config.embedding(w.variant)},
        ),
        Stage(
            "probe",
            RUN,
            inputs={
                **data,
                "embeddings_paths": lambda w: [
                    filled(ARTIFACTS["embeddings"], {"variant": run}) for run in config.candidates(w.variant)
                ],
            },
            outputs={"metrics_path": ARTIFACTS["metrics"], "classifier_path": f"{RUN}/{CLASSIFIER}"},
            params={"settings": lambda w: config.probing(w.variant)},
        ),
        Stage(
            "label_curve",
            RUN,
            inputs={**data, "embeddings_path": ARTIFACTS["embeddings"]},
            outputs={"curve_path": ARTIFACTS["label_curve"]},
            params={"settings": lambda w: config.label_curve()},
        ),
        Stage(
            "negative_pairs",
            RUN,
            inputs={**data, **checkpoint, "snapshots_path": f"{RUN}/snapshots.safetensors"},
            outputs={"pairs_path": ARTIFACTS["negative_pairs"]},
            params={"settings": lambda w: config.negative_pairs(w.variant)},
        ),
        Stage(
            "activation_maps",
            RUN,
            inputs={
                **data,
                **checkpoint,
                "baseline_path": filled(f"{RUN}/{CHECKPOINT}", {"variant": config.document.analysis.maps.baseline}),
            },
            outputs={"maps_path": ARTIFACTS["activation_maps"]},
            params={"settings": lambda w: config.activation_maps(w.dataset, w.variant)},
        ),
        Stage(
            "training_curves",
            TRAINING,
            inputs={"history_path": f"{TRAINING}/history.jsonl"},
            outputs={"png_path": CURVES},
        ),
    ]


def _table_stages(config: Config) -> list[Stage]:
    return [
        Stage(
            "table",
            "results/logs/{table}",
            inputs={
                "metrics_paths": _of_table(config, ARTIFACTS["metrics"]),
                "windows_paths": _of_table(config, WINDOWS),
                "split_paths": _of_table(config, SPLIT),
            },
            outputs=_tables("{table}"),
            params={"settings": lambda w: config.table(w.table)},
            wildcards={"name": "table"},
        ),
        Stage(
            "lists",
            "results/logs/{table}",
            inputs={
                "metrics_paths": _of_table(config, ARTIFACTS["metrics"]),
                "windows_paths": _of_table(config, WINDOWS),
                "split_paths": _of_table(config, SPLIT),
                "embeddings_paths": _of_table(config, ARTIFACTS["embeddings"]),
            },
            outputs={f"{name}_path": f"results/lists/{{table}}/{name}.parquet" for name in LISTS},
            wildcards={"name": "table"},
        ),
        Stage(
            "claims",
            "results/logs",
            inputs={
                "artifact_paths": lambda w: _files_of(claim_keys(config)),
                "windows_paths": lambda w: expanded(
                    WINDOWS, dataset=sorted({key.dataset for key in claim_keys(config)})
                ),
                "split_paths": lambda w: [
                    filled(SPLIT, {"dataset": dataset, "split": split}) for dataset, split in claim_splits(config)
                ],
            },
            outputs=_tables("claims"),
            params={"settings": lambda w: claim_settings(config)},
        ),
        Stage(
            "significance",
            "results/logs",
            inputs={"metrics_paths": lambda w: _files_of(significance_keys(config))},
            outputs=_tables("significance"),
            params={"settings": lambda w: significance_settings(config)},
        ),
        Stage(
            "retrieval",
            "results/logs",
            inputs={
                "windows_paths": _of_trainings(config, WINDOWS),
                "split_paths": _of_trainings(config, SPLIT),
                "embeddings_paths": _of_trainings(config, ARTIFACTS["embeddings"]),
            },
            outputs=_tables("retrieval"),
            params={"settings": lambda w: retrieval_settings(config)},
        ),
        Stage(
            "few_labels",
            "results/logs",
            inputs={"curve_paths": _of_trainings(config, ARTIFACTS["label_curve"])},
            outputs=_tables("few_labels"),
        ),
    ]


def _page_stages(config: Config, *, whole_settings: str, home: str, snakefile: str) -> list[Stage]:
    def results(table: str, figure: str) -> dict[str, list[str]]:
        """The files of every table and of every figure, by their suffixes."""
        return {
            "table": [f"results/{name}.{table}" for name in config.document.tables],
            "figure": [f"results/figures/{name}.{figure}" for name in config.document.figures],
        }

    shown, written = results("html", "png"), results("md", "md")
    return [
        Stage(
            "figure",
            "results/logs/{figure}",
            inputs={},  # by kind of artifact, which differ from figure to figure: `figure_files`
            outputs={
                "csv_path": "results/figures/{figure}.csv",
                **{kind: f"results/figures/{{figure}}.{kind}" for kind in ("md", "pdf", "png", "parquet")},
            },
            params={"settings": lambda w: config.figure(w.figure)},
            wildcards={"name": "figure"},
        ),
        Stage(
            "html_report",
            "results/logs",
            inputs={"target_paths": [*shown["table"], *shown["figure"], *_curves(config)]},
            outputs={"report_path": "results/report.html"},
            params={"settings": lambda w: whole_settings, "snakefile": snakefile},
        ),
        Stage(
            "readme_table",
            "results/logs",
            inputs={"table_path": "results/table1.md"},
            outputs={"done_path": "results/readme_table.done"},
            params={"readme_path": f"{home}/README.md"},
        ),
        Stage(
            "results_page",
            "results/logs",
            inputs={"table_paths": written["table"], "figure_paths": written["figure"]},
            outputs={"done_path": "results/results_page.done"},
            params={"page_path": f"{home}/docs/results.md"},
        ),
    ]


def figure_files(config: Config, name: str) -> dict[str, list[str]]:
    """Kind of artifact -> the files of figure `name`, all datasets of a seed and then of the next."""
    figure, seeds = config.figures[name], config.document.seeds
    if figure.one_seed:
        seeds = seeds[:1]
    named: dict[str, list[Any]] = {"split": [figure.split], "seed": list(seeds), "dataset": list(figure.shown)}
    named |= {key: [getattr(figure, key)] for key in ("variant", "spatial") if hasattr(figure, key)}
    return {kind: expanded(ARTIFACTS[kind], **named) for kind in figure.needs}


def _of_shards(config: Config, name: str) -> Files:
    return lambda w: expanded(f"{SHARD}/{name}", dataset=[w.dataset], shard=config.shards(w.dataset))


def _spatial_checkpoint(config: Config, wildcards: Wildcards) -> str | list[str]:
    """The checkpoint of a variant's Stage 1; empty for methods without one."""
    spatial = config.spatial_of(wildcards.variant)
    return [] if spatial is None else filled(f"{SPATIAL}/{CHECKPOINT}", {"spatial": spatial})


def _of_table(config: Config, pattern: str) -> Files:
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


def _of_trainings(config: Config, pattern: str) -> Files:
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


def _curves(config: Config) -> list[str]:
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


def _files_of(keys: Iterable[ArtifactKey]) -> list[str]:
    """The file of each key, in order."""
    return [filled(ARTIFACTS[key.kind], {**to_plain(key), "variant": key.name, "spatial": key.name}) for key in keys]


def _tables(name: str) -> dict[str, str]:
    return {"csv_path": f"results/{name}.csv", **{kind: f"results/{name}.{kind}" for kind in FORMATS}}
