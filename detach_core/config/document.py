"""Schema of the configuration: one class for all of `config.yaml` and config/results.yaml, and its sections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from detach_core.acquisition.settings import DownloadSettings
from detach_core.config.errors import section_of
from detach_core.datasets.folder.settings import FolderNative
from detach_core.datasets.registry import (
    DATASETS,
    AnyNativeSettings,
    FlowSettings,
    MissingSettings,
    PartitionSettings,
    VideoSettings,
    WindowSettings,
)
from detach_core.evaluation.settings import (
    AnalysisSettings,
    AnyClaimSettings,
    HalfSettings,
    LabelCurveSettings,
    ProbeSettings,
    SignificanceSettings,
)
from detach_core.recognition.settings import RecognizerSettings
from detach_core.reports.settings import DataTable, ResultsTable
from detach_core.settings.base import Check, Count, Label, Name, Names, Range, Settings, Share, to_plain
from detach_core.settings.shared import (
    AugmentationSettings,
    Candidate,
    EncoderSettings,
    InputSettings,
    OptimizerSettings,
    VideoStartSettings,
)
from detach_core.simulation.registry import HOMES


class Section(BaseModel):
    """Base of all sections. Strict: a string is not a number; an integer is accepted as a float."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refuse_braces(path: str) -> str:
    """The unchanged `path` of a file that the workflow reads, which must not contain braces.

    Raises:
        ValueError: it holds braces, which Snakemake treats as wildcards.
    """
    if set("{}") & set(path):
        raise ValueError(f"must be a path without {{ and }}; rename it, or link to it under another name, got {path!r}")
    return path


def canonical(value: Any) -> str:
    """`value` as JSON with sorted keys: Snakemake compares params as text, so equal settings must give equal text."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")  # Snakemake writes params into a script of the report as they are


def plain(value: Any) -> Any:
    """`value` with every section turned into a plain dict, at any depth."""
    if isinstance(value, Section):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields} | {
            name: plain(item) for name, item in (value.__pydantic_extra__ or {}).items()
        }
    if isinstance(value, Settings):
        return to_plain(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True)
class SplitSettings(Settings):
    """A split: its seed and each dataset's partition, by the dataset's name."""

    seed: Annotated[int, Range(ge=0)]
    """of the stratified drawing"""
    datasets: dict[Name, PartitionSettings]


class KeysAreDatasets:
    """Mark of a split's section in an `Annotated` type: its keys but `seed` are names of datasets."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of the type with this change; called by pydantic alone."""
        inner = handler(source)
        return {"type": "function-wrap", "function": {"type": "no-info", "function": _split}, "schema": inner}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """JSON schema of the section as the user writes it; called by pydantic alone."""
        reference = handler(schema)
        section = handler.resolve_ref_schema(reference)
        named = section["properties"].pop("datasets", {})
        if "patternProperties" in named:
            section["additionalProperties"] = next(iter(named["patternProperties"].values()))
            section["required"] = ["seed"]
        return reference


def _split(values: Any, _: Any) -> Any:
    if isinstance(values, Mapping):
        seed = {key: values[key] for key in values if key == "seed"}
        values = seed | {"datasets": {key: value for key, value in values.items() if key != "seed"}}
    return section_of(SplitSettings, values, told_as=PartitionSettings)


Split = Annotated[SplitSettings, KeysAreDatasets()]

Claim = Annotated[AnyClaimSettings, Field(discriminator="measure")]


def _kind_of_table(value: Any) -> str:
    return "results" if (isinstance(value, dict) and "rows" in value) or isinstance(value, ResultsTable) else "data"


Table = Annotated[
    Annotated[ResultsTable, Tag("results")] | Annotated[DataTable, Tag("data")], Discriminator(_kind_of_table)
]


class OpenKeys:
    """Mark of a candidate in an `Annotated` type: what its keys may be, `search_mistakes` tells in its own words."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of sections by any name; called by pydantic alone."""
        return handler.generate_schema(dict[str, dict[str, Any]])


@dataclass(frozen=True)
class SearchSettings(Settings):
    """Candidates beside the unchanged settings, which are always candidate 0; none switches the search off."""

    candidates: Annotated[tuple[Annotated[Candidate, OpenKeys()], ...], Field(max_length=16)] = ()
    """each a set of changes of `augmentation` or `optimizer`, trained for every trained variant"""


@dataclass(frozen=True, kw_only=True)
class DatasetSettings(Settings):
    """A dataset."""

    adapter: str
    """a dataset of this package, or `module:Class` of your own"""
    source: Literal["simulated", "local", "download"]
    """simulated | local (your own folder) | download"""
    root: Annotated[str, Check(refuse_braces)] | None = None
    """your own folder, for `source: local`; only read"""
    subjects: Names
    """subjects used"""
    takes: Names
    """takes (Opportunity: runs, HWU-USP: activities) used of every subject"""
    recordings_per_shard: Count = 4
    """recordings that one job handles; with 1, a new recording reruns no other"""
    label_unit: Literal["window", "recording"]
    """unit that has a label: window or recording"""
    classes: Annotated[tuple[Label, ...], Range(min_length=2)]
    """the classes, in the order of their indices"""
    null_windows: Literal["drop", "keep"]
    """windows without a label; dropping is a use of labels"""
    spatial_batch_size: Annotated[int, Range(ge=2, le=65_536)] | None = None
    """batch size of Stage 1 on this dataset, or null for that of the Stage 1"""
    epoch_share: Annotated[float, Range(gt=0, le=10)] = 1.0
    """factor of every method's epochs, below 1 in a smaller run"""
    window: WindowSettings = WindowSettings()
    missing: MissingSettings = MissingSettings()
    video: VideoSettings = VideoSettings()
    flow: FlowSettings = FlowSettings()
    download: DownloadSettings = DownloadSettings()
    native: AnyNativeSettings
    home: Any = None

    def recordings(self) -> list[str]:
        """The ids of the recordings, subject by subject."""
        return self.native.recording_ids(subjects=self.subjects, takes=self.takes)

    def shards(self) -> dict[str, list[str]]:
        """Groups of recordings that one job handles, by the group's id, which is that of its first recording."""
        recordings, size = self.recordings(), self.recordings_per_shard
        groups = [recordings[start : start + size] for start in range(0, len(recordings), size)]
        return {group[0]: group for group in groups}


@cache
def dataset_type(adapter: str) -> type[DatasetSettings]:
    """The settings of a dataset with this adapter: native files and home of its own types.

    Raises:
        ValueError: no such adapter, or its settings are not those of a dataset.
    """
    try:
        native = DATASETS.settings(adapter)
    except LookupError as error:
        raise ValueError(str(error)) from None
    if not issubclass(native, AnyNativeSettings):
        raise ValueError(f"the settings of adapter {adapter!r} must be a subclass of NativeSettings")
    # A simulated home has the name of the dataset whose native files it writes.
    home = HOMES.settings(adapter) if adapter in set(HOMES) else None
    own: list[tuple[str, Any, Any]] = [("native", native, field(kw_only=True))]
    own += [("home", home, field(kw_only=True))] if home else [("home", type(None), field(kw_only=True, default=None))]
    if issubclass(native, FolderNative):  # a home of one's own may be without labels
        own.append(("classes", tuple[Label, ...], field(kw_only=True)))
    made = make_dataclass("DatasetSettings", own, bases=(DatasetSettings,), frozen=True, kw_only=True)
    made.__module__, made.__doc__ = __name__, f"A dataset of adapter {adapter}."
    return made


class ByAdapter:
    """Mark of a dataset's section in an `Annotated` type: its `adapter` determines its type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of any section; called by pydantic alone."""
        return {"type": "function-plain", "function": {"type": "no-info", "function": _dataset}}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Placeholder: `config_schema` fills in the sections of all adapters."""
        return {}


def _dataset(values: Any) -> Any:
    adapter = values.get("adapter") if isinstance(values, Mapping) else None
    try:
        kind = dataset_type(_known_adapter(adapter)) if isinstance(adapter, str) else _AnyDataset
    except ValueError:
        kind = _AnyDataset  # for the message about the adapter
    return section_of(kind, values)


def _known_adapter(adapter: str) -> str:
    if adapter not in DATASETS:
        raise ValueError(f"must be one of {', '.join(DATASETS)}, or `module:Class`, got {adapter!r}")
    dataset_type(adapter)
    return adapter


@dataclass(frozen=True, kw_only=True)
class _AnyDataset(DatasetSettings):
    """A dataset's section with an unknown adapter, validated only to report its mistakes."""

    adapter: Annotated[str, Check(_known_adapter)]
    native: Any
    home: Any = None


Dataset = Annotated[DatasetSettings, ByAdapter()]


class Document(Section):
    """All of `config.yaml` and config/results.yaml with their overlays."""

    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)] = Field(
        description="one run of every variant for each"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        description="device of the networks; auto takes a GPU if there is one"
    )
    threads: int = Field(ge=1, le=256, description="torch threads per process, independent of --cores")
    devices: int = Field(ge=1, le=64, description="GPUs, or processes without one, that share a training on each node")
    nodes: int = Field(ge=1, le=64, description="machines that share a training, within a Slurm job")
    tensorboard: bool = Field(
        description="event files of each training, in the folder tensorboard beside its checkpoint"
    )
    datasets: dict[Name, Dataset] = Field(min_length=1, description="dataset -> how it is made, read and windowed")
    splits: dict[Name, Split] = Field(min_length=1, description="named splits")
    input: InputSettings = InputSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    encoders: EncoderSettings = EncoderSettings()
    video: VideoStartSettings = VideoStartSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    spatial: dict[Name, dict[str, Any]] = Field(description="Stage 1: `default`, and others by what they change")
    methods: dict[str, dict[str, Any]] = Field(description="settings of methods that differ from their defaults")
    variants: dict[Name, dict[str, Any]] = Field(description="a method and the few values it changes")
    search: SearchSettings = SearchSettings()
    snapshots: Annotated[list[Share], Field(min_length=1)] = Field(
        description="shares of the epochs at which weights are kept (Fig. 4)"
    )
    probe: ProbeSettings = ProbeSettings()
    label_curve: LabelCurveSettings = LabelCurveSettings()
    recognizer: RecognizerSettings = RecognizerSettings()
    halves: dict[Name, HalfSettings] = Field(description="rows that probe a part of a variant's embedding")
    analysis: AnalysisSettings
    tables: dict[Name, Table] = Field(description="results/{name}.csv, .md, .tex, .html, .parquet")
    figures: dict[Name, dict[str, Any]] = Field(description="results/figures/{name}.csv, .pdf, .png, .parquet")
    significance: SignificanceSettings
    claims: dict[Name, Claim] = Field(description="lines of results/claims.csv, each with its threshold")
