"""Resolved configuration: names of runs, and each stage's own settings as canonical JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypedDict

from detach_core.acquisition.settings import DownloadStageSettings
from detach_core.config.checks import find_mistakes, resolve_figure
from detach_core.config.document import Document, canonical, plain
from detach_core.config.errors import ConfigError, validated
from detach_core.config.evidence import evidence_mistakes
from detach_core.config.home_file import with_home_files
from detach_core.config.variants import (
    ResolvedVariant,
    candidates_of,
    resolve_candidate,
    resolve_spatial,
    spatial_names,
)
from detach_core.datasets.registry import (
    ExtractFramesSettings,
    FileGlobs,
    FlowStageSettings,
    IngestSettings,
    PackSettings,
    Source,
    SplitStageSettings,
)
from detach_core.evaluation.settings import ActivationMapsJob, EmbedJob, LabelCurveJob, NegativePairsJob, ProbeJob
from detach_core.methods.registry import DETACH_STAGE_1, MethodSettings, VideoNetworkSettings
from detach_core.recognition.settings import RecognizerJob
from detach_core.reports.figures.registry import FigureSettings
from detach_core.reports.settings import ResultsTable, TableJob
from detach_core.settings.base import to_plain

__all__ = ["Config", "ConfigError", "load_config"]


_SOURCE: dict[str, Source] = {"simulated": "simulated", "local": "local", "download": "downloaded"}


class _Machine(TypedDict):
    """Fields of `MachineSettings`."""

    device: Literal["auto", "cpu", "cuda"]
    threads: int


class Config:
    """A checked configuration. A stage's settings hold what it needs and no more, so that a change reruns no other."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._candidates = {name: candidates_of(document, name) for name in document.variants}
        self._variants = {
            run: resolve_candidate(document, name, changes)
            for name, runs in self._candidates.items()
            for run, changes in runs.items()
        }
        self.figures: dict[str, FigureSettings] = {name: resolve_figure(document, name) for name in document.figures}

    def recordings(self, dataset: str) -> list[str]:
        """Ids of the recordings, subject by subject."""
        return self.document.datasets[dataset].recordings()

    def shards(self, dataset: str) -> dict[str, list[str]]:
        """Shard -> its recordings."""
        return self.document.datasets[dataset].shards()

    def source(self, dataset: str) -> Source:
        """`simulated`, `local` or `downloaded`, the value in the provenance."""
        return _SOURCE[self.document.datasets[dataset].source]

    def has_video(self, dataset: str) -> bool:
        """Whether the dataset's recordings have a video."""
        return self.document.datasets[dataset].native.has_video

    def raw_root(self, dataset: str) -> str:
        """The folder of the raw files. Sources never share one."""
        section = self.document.datasets[dataset]
        return str(section.root) if section.source == "local" else f"data/{self.source(dataset)}/{dataset}"

    @property
    def spatials(self) -> list[str]:
        """The names of all Stages 1."""
        return spatial_names(self.document)

    def spatial_of(self, variant: str) -> str | None:
        """The Stage 1 that a variant builds on, if any."""
        return self._variants[variant].spatial

    def variant(self, variant: str) -> ResolvedVariant:
        """A variant in full."""
        return self._variants[variant]

    @property
    def runs(self) -> list[str]:
        """Every variant and the candidates of its search: the values of the wildcard `variant`."""
        return [*self._variants, *self.document.halves]

    def candidates(self, variant: str) -> list[str]:
        """The runs among which the variant's probe selects, unchanged settings first; for a candidate only itself."""
        variant = self.trained(variant)
        return list(self._candidates.get(variant, [variant]))

    def trained(self, variant: str) -> str:
        """The trained variant of a table's row: the row's own, or the one of which it probes a half."""
        half = self.document.halves.get(variant)
        return half.variant if half else variant

    def video_weights(self, variant: str) -> list[str]:
        """The initial weight file of the variant's own video network, if any; Stage 1's network is not its own."""
        found = self._variants[variant]
        return [] if found.spatial else _path_of(found.settings)

    def spatial_weights(self, name: str) -> list[str]:
        """The initial weight file of Stage 1's video network, if any."""
        return _path_of(resolve_spatial(self.document, name))

    def rows(self, table: str) -> list[str]:
        """A table's variants; none for a table about the data."""
        section = self.document.tables[table]
        return list(section.rows) if isinstance(section, ResultsTable) else []

    def parts(self, table: str) -> list[tuple[str, str]]:
        """Datasets and splits of a table, dataset by dataset."""
        section = self.document.tables[table]
        splits = section.splits if isinstance(section, ResultsTable) else [section.split]
        known = self.document.splits
        return [(name, split) for name in section.datasets for split in splits if name in known[split].datasets]

    @property
    def tabulated(self) -> list[str]:
        """The datasets that some table needs."""
        return sorted({dataset for table in self.document.tables.values() for dataset in table.datasets})

    def simulate_home(self, dataset: str) -> str:
        """Settings of stage `simulate_home`."""
        section = self.document.datasets[dataset]
        native = section.native.video_independent
        values = {"home": section.home, "native": native, "classes": section.classes}
        return canonical({"source": self.source(dataset), **values})

    def download(self, dataset: str) -> str:
        """Settings of stage `download`."""
        section = self.document.datasets[dataset]
        return canonical(
            DownloadStageSettings(
                dataset=dataset,
                adapter=section.adapter,
                recordings=tuple(section.recordings()),
                native=FileGlobs(sensor_glob=section.native.globs("sensor"), video_glob=section.native.globs("video")),
                download=section.download,
            )
        )

    def ingest(self, dataset: str) -> str:
        """Settings of stage `ingest`."""
        section = self.document.datasets[dataset]
        return canonical(
            IngestSettings(
                source=self.source(dataset),
                adapter=section.adapter,
                classes=section.classes,
                native=section.native.video_independent,
                all_nan_channel=section.missing.all_nan_channel,
            )
        )

    def extract_frames(self, dataset: str) -> str:
        """Settings of stage `extract_frames`."""
        section = self.document.datasets[dataset]
        return canonical(
            ExtractFramesSettings(
                source=self.source(dataset),
                adapter=section.adapter,
                native=section.native.sensor_independent,
                video=section.video,
            )
        )

    def flow(self, dataset: str) -> str:
        """Settings of stage `flow`."""
        return canonical(FlowStageSettings(source=self.source(dataset), flow=self.document.datasets[dataset].flow))

    def pack(self, dataset: str) -> str:
        """Settings of stage `pack`."""
        section = self.document.datasets[dataset]
        return canonical(
            PackSettings(
                source=self.source(dataset),
                classes=section.classes,
                label_unit=section.label_unit,
                null_windows=section.null_windows,
                window=section.window,
                max_nan_share=section.missing.max_nan_share,
                length_tolerance_s=section.video.length_tolerance_s,
            )
        )

    def split(self, dataset: str, split: str) -> str:
        """Settings of stage `split`."""
        section = self.document.splits[split]
        return canonical(
            SplitStageSettings(
                name=split,
                seed=section.seed,
                activation_quantile=self.document.input.activation_quantile,
                quiet_channels=self.document.datasets[dataset].native.quiet_channels,
                **vars(section.datasets[dataset]),
            )
        )

    def spatial(self, name: str, dataset: str) -> str:
        """Settings of stage `pretrain_spatial`, with the dataset's own batch if it has one."""
        settings, own = resolve_spatial(self.document, name), self.document.datasets[dataset].spatial_batch_size
        settings = settings if own is None else replace(settings, batch_size=own)
        return self._job(DETACH_STAGE_1, settings)

    def pretraining(self, variant: str, dataset: str) -> str:
        """Settings of stage `pretrain`, with the epochs that the dataset's share leaves."""
        found = self._variants[variant]
        settings, share = found.settings, self.document.datasets[dataset].epoch_share
        epochs = {name: max(1, round(share * getattr(settings, name))) for name in settings.counts_of_epochs}
        return self._job(found.method, replace(settings, **epochs))

    def embedding(self, variant: str) -> str:
        """Settings of stage `embed`: the others are in the checkpoint."""
        return canonical(EmbedJob(variant=variant, **self._machine()))

    def probing(self, variant: str) -> str:
        """Settings of stage `probe`, with what each candidate of the variant changes."""
        candidates = tuple(self._candidates.get(self.trained(variant), {variant: {}}).values())
        job = ProbeJob(**self._machine(), probe=self.document.probe, candidates=candidates)
        if half := self.document.halves.get(variant):
            job = replace(job, half=half.half, target=half.target, variant=variant)
        return canonical(job)

    def recognizing(self) -> str:
        """Settings of stage `recognizer`."""
        own = self.document.recognizer
        return canonical(RecognizerJob(**self._machine(), probe=self.document.probe, recognizer=own))

    def label_curve(self) -> str:
        """Settings of stage `label_curve`."""
        return canonical(LabelCurveJob(**self._machine(), probe=self.document.probe, curve=self.document.label_curve))

    def negative_pairs(self, variant: str) -> str:
        """Settings of stage `negative_pairs`."""
        windows, snapshots = self.document.analysis.pair_windows, tuple(self.document.snapshots)
        return canonical(NegativePairsJob(**self._machine(), variant=variant, windows=windows, snapshots=snapshots))

    def activation_maps(self, dataset: str, variant: str) -> str:
        """Settings of stage `activation_maps`."""
        maps = self.document.analysis.maps
        job = ActivationMapsJob(
            **self._machine(),
            variant=variant,
            baseline=maps.baseline,
            moving=maps.moving,
            classes=maps.classes.get(dataset, ()),
        )
        return canonical(job)

    def figure(self, name: str) -> str:
        """Settings of stage `figure`."""
        return canonical(self.figures[name])

    def table(self, name: str) -> str:
        """Settings of stage `table`."""
        return canonical(TableJob(table=self.document.tables[name], seeds=tuple(self.document.seeds)))

    def _machine(self) -> _Machine:
        return {"device": self.document.device, "threads": self.document.threads}

    def _job(self, method: str, settings: MethodSettings) -> str:
        machines = {**self._machine(), "devices": self.document.devices, "nodes": self.document.nodes}
        return canonical({"method": method, "settings": to_plain(settings), "machines": machines})


def _path_of(settings: MethodSettings) -> list[str]:
    path = settings.video.path if isinstance(settings, VideoNetworkSettings) else None
    return [] if path is None else [path]


def load_config(data: Mapping[str, Any]) -> Config:
    """The checked configuration of `data`, the merged values of YAML files and overlays.

    Raises:
        ConfigError: one line for each mistake, with the key's path.
    """
    document: Document = validated(Document, with_home_files(plain(dict(data))))
    if mistakes := find_mistakes(document):
        raise ConfigError(mistakes)
    config = Config(document)
    if mistakes := list(evidence_mistakes(config)):
        raise ConfigError(mistakes)
    return config
