"""Paths of artifacts and raw files, the fingerprints of raw files, and the input functions of the stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from detach_core.acquisition.local import Fingerprints, RawFolder
from detach_core.config.load import Config
from detach_core.evaluation.settings import ArtifactKey
from detach_core.foundation.files import list_files
from detach_core.reports.figures.registry import LabelCurveFigureSettings
from detach_core.settings.base import to_plain
from detach_core.workflow.stage import Files, Wildcards, expanded, filled

SHARD = "results/{dataset}/shards/{shard}"

WINDOWS = "results/{dataset}/windows.h5"

SPLIT = "results/{dataset}/{split}/split.json"

SPATIAL = "results/{dataset}/{split}/spatial/{spatial}/seed{seed}"

RUN = "results/{dataset}/{split}/{variant}/seed{seed}"

INFERENCE = "results/inference/{dataset}/{split}/{variant}/seed{seed}"


# The folder of any training: a Stage 1's or a run's.
TRAINING = "results/{training}"

CURVES = f"{TRAINING}/history.png"

CHECKPOINT, CLASSIFIER = "checkpoint.safetensors", "classifier.safetensors"

RECOGNIZER = f"{RUN}/recognizer"  # a folder

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
    if isinstance(figure, LabelCurveFigureSettings):
        named["variant"] = list(figure.variants)
    return {kind: expanded(ARTIFACTS[kind], **named) for kind in figure.needs}


def of_shards(config: Config, name: str, *, of_video: bool = False) -> Files:
    """An input function: file `name` of every shard of a dataset; none of a video that the dataset does not have."""
    return lambda w: (
        expanded(f"{SHARD}/{name}", dataset=[w.dataset], shard=config.shards(w.dataset))
        if config.has_video(w.dataset) or not of_video
        else []
    )


def spatial_checkpoint(config: Config, wildcards: Wildcards) -> str | list[str]:
    """The checkpoint of a variant's Stage 1; empty for methods without one."""
    spatial = config.spatial_of(wildcards.variant)
    return [] if spatial is None else filled(f"{SPATIAL}/{CHECKPOINT}", {"spatial": spatial})


def of_recording(config: Config, name: str) -> Files:
    """An input function: file `name` of the shard that holds a recording; none of a video where there is none."""

    def files(wildcards: Wildcards) -> str | list[str]:
        dataset = wildcards.dataset
        if name != "sensor.h5" and not config.has_video(dataset):
            return []
        shards = config.shards(dataset).items()
        found = [filled(f"{SHARD}/{name}", {"shard": one}) for one, held in shards if wildcards.recording in held]
        return found[0] if found else []  # a recording that there is not is refused by the stage

    return files


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


FINGERPRINTS = ".snakemake/raw_fingerprints.json"


class RawFiles:
    """The raw files of each dataset's shards.

    Args:
        config: the configuration.
        cache_path: where fingerprints of files are kept from run to run.
    """

    def __init__(self, config: Config, cache_path: Path | str = FINGERPRINTS) -> None:
        self._config = config
        self.fingerprints = Fingerprints(cache_path)
        self._present = cache(self._list_present)
        self._matching = cache(self._list_matching)

    def of_shard(self, *kinds: str) -> Callable[[Any], str | list[str]]:
        """An input function: the manifest of a shard's raw files, or the user's files of these `kinds` themselves."""

        def files(wildcards: Any) -> str | list[str]:
            dataset, shard = wildcards.dataset, wildcards.shard
            named = self._manifest(dataset, shard)
            root = self._config.raw_root(dataset)
            return [f"{root}/{path}" for path in self._matching(dataset, shard, kinds)] if named is None else named

        return files

    def fingerprints_of(self, *kinds: str) -> Callable[[Any], list[str]]:
        """A param function: fingerprints of a shard's raw files of these `kinds`, unless their manifest has them."""

        def found(wildcards: Any) -> list[str]:
            dataset, shard = wildcards.dataset, wildcards.shard
            named, root = self._manifest(dataset, shard), self._config.raw_root(dataset)
            paths = self._matching(dataset, shard, kinds)
            if named is None:
                return self.fingerprints.of_files(paths, root)
            return self.fingerprints.unlike_manifest(named, paths, root)

        return found

    def local_datasets(self) -> list[RawFolder]:
        """The datasets with `source: local` that some table needs."""
        sections = {name: self._config.document.datasets[name] for name in self._config.tabulated}
        return [
            RawFolder(name, section.adapter, section.root, self._config.recordings(name), section.native)
            for name, section in sections.items()
            if section.source == "local"
        ]

    def _manifest(self, dataset: str, shard: str) -> str | None:
        root, source = self._config.raw_root(dataset), self._config.source(dataset)
        return {"simulated": f"{root}/{shard}.json", "downloaded": f"{root}/download.json", "local": None}[source]

    def _list_present(self, dataset: str) -> tuple[str, ...]:
        """The files in the folder of a dataset's raw files, empty before anything is simulated or downloaded."""
        root = self._config.raw_root(dataset)
        return list_files(root) if self._config.source(dataset) == "local" or Path(root).is_dir() else ()

    def _list_matching(self, dataset: str, shard: str, kinds: tuple[str, ...]) -> list[str]:
        """The files of a shard's recordings, below the folder of the dataset's raw files."""
        native = self._config.document.datasets[dataset].native
        return [
            path
            for recording in self._config.shards(dataset)[shard]
            for kind in kinds
            for path in native.matching(kind, recording, self._present(dataset))
        ]
