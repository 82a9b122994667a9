"""Table of the workflow's stages: files, settings and arguments of each, for the rules and for training plans.

A path pattern holds wildcards in braces; `Config` gives the settings. Nothing here needs Snakemake.
"""

from __future__ import annotations

from detach_core.config.evidence import (
    claim_keys,
    claim_settings,
    claim_splits,
    few_labels_settings,
    retrieval_settings,
    significance_keys,
    significance_settings,
)
from detach_core.config.load import Config
from detach_core.workflow.artifacts import (
    ARTIFACTS,
    CHECKPOINT,
    CLASSIFIER,
    CURVES,
    EVENTS,
    INFERENCE,
    LISTS,
    RECOGNIZER,
    RUN,
    SHARD,
    SPATIAL,
    SPLIT,
    TRAINING,
    WINDOWS,
    RawFiles,
    curves,
    files_of,
    of_recording,
    of_shards,
    of_table,
    of_trainings,
    spatial_checkpoint,
    tables,
)
from detach_core.workflow.stage import Files, Stage, Value, Wildcards, expanded, filled


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
            inputs={
                "sensor_paths": of_shards(config, "sensor.h5"),
                "frames_paths": of_shards(config, "frames.h5", of_video=True),
                "flow_paths": of_shards(config, "flow.h5", of_video=True),
            },
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
                "spatial_path": lambda w: spatial_checkpoint(config, w),
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
            "recognizer",
            RUN,
            inputs={
                **data,
                "checkpoint_paths": lambda w: [
                    filled(f"{RUN}/{CHECKPOINT}", {"variant": run}) for run in config.candidates(w.variant)
                ],
                "classifier_path": f"{RUN}/{CLASSIFIER}",
            },
            outputs={"recognizer_path": RECOGNIZER},
            params={"settings": lambda w: config.recognizing()},
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
                "metrics_paths": of_table(config, ARTIFACTS["metrics"]),
                "windows_paths": of_table(config, WINDOWS),
                "split_paths": of_table(config, SPLIT),
            },
            outputs=tables("{table}"),
            params={"settings": lambda w: config.table(w.table)},
            wildcards={"name": "table"},
        ),
        Stage(
            "lists",
            "results/logs/{table}",
            inputs={
                "metrics_paths": of_table(config, ARTIFACTS["metrics"]),
                "windows_paths": of_table(config, WINDOWS),
                "split_paths": of_table(config, SPLIT),
                "embeddings_paths": of_table(config, ARTIFACTS["embeddings"]),
            },
            outputs={f"{name}_path": f"results/lists/{{table}}/{name}.parquet" for name in LISTS},
            wildcards={"name": "table"},
        ),
        Stage(
            "claims",
            "results/logs",
            inputs={
                "artifact_paths": lambda w: files_of(claim_keys(config)),
                "windows_paths": lambda w: expanded(
                    WINDOWS, dataset=sorted({key.dataset for key in claim_keys(config)})
                ),
                "split_paths": lambda w: [
                    filled(SPLIT, {"dataset": dataset, "split": split}) for dataset, split in claim_splits(config)
                ],
            },
            outputs=tables("claims"),
            params={"settings": lambda w: claim_settings(config)},
        ),
        Stage(
            "significance",
            "results/logs",
            inputs={"metrics_paths": lambda w: files_of(significance_keys(config))},
            outputs=tables("significance"),
            params={"settings": lambda w: significance_settings(config)},
        ),
        Stage(
            "retrieval",
            "results/logs",
            inputs={
                "windows_paths": of_trainings(config, WINDOWS),
                "split_paths": of_trainings(config, SPLIT),
                "embeddings_paths": of_trainings(config, ARTIFACTS["embeddings"]),
            },
            outputs=tables("retrieval"),
            params={"settings": lambda w: retrieval_settings(config)},
        ),
        Stage(
            "few_labels",
            "results/logs",
            inputs={"curve_paths": of_trainings(config, ARTIFACTS["label_curve"])},
            outputs={
                **tables("few_labels"),
                **{f"significance_{name}": path for name, path in tables("few_labels_significance").items()},
            },
            params={"settings": lambda w: few_labels_settings(config)},
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
            "timeline",
            f"{INFERENCE}/{{recording}}",
            inputs={
                "windows_path": WINDOWS,
                "split_path": SPLIT,
                "embeddings_path": ARTIFACTS["embeddings"],
                "metrics_path": lambda w: _if_labelled(config, w.dataset, ARTIFACTS["metrics"]),
                "assignments_path": lambda w: _of_spatial(config, w.variant, ARTIFACTS["assignments"]),
                **{f"{name}_path": of_recording(config, f"{name}.h5") for name in ("sensor", "frames", "flow")},
            },
            outputs={"page_path": f"{INFERENCE}/{{recording}}/timeline.html"},
            wildcards={"recording": "recording"},
        ),
        Stage(
            "suggest",
            INFERENCE,
            inputs={
                "windows_path": WINDOWS,
                "split_path": SPLIT,
                "embeddings_path": ARTIFACTS["embeddings"],
                "classifier_path": lambda w: _own_classifier(config, w),
            },
            outputs={"csv_path": f"{INFERENCE}/suggestions.csv", "page_path": f"{INFERENCE}/suggestions.html"},
            params={"num_windows": lambda w: 2 * len(config.document.datasets[w.dataset].classes) or 24},
        ),
        Stage(
            "html_report",
            "results/logs",
            inputs={"target_paths": [*shown["table"], *shown["figure"], *curves(config)]},
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


def _if_labelled(config: Config, dataset: str, pattern: str) -> str | list[str]:
    return pattern if config.document.datasets[dataset].classes else []


def _of_spatial(config: Config, variant: str, pattern: str) -> str | list[str]:
    """The file of a variant's Stage 1; none for a method without one."""
    spatial = config.spatial_of(variant)
    return [] if spatial is None else filled(pattern, {"spatial": spatial})


def _own_classifier(config: Config, wildcards: Wildcards) -> str | list[str]:
    """The run's probe; none without labels, nor for a variant whose search may take another run's features."""
    searched = len(config.candidates(wildcards.variant)) > 1
    return [] if searched else _if_labelled(config, wildcards.dataset, f"{RUN}/{CLASSIFIER}")
