"""Configuration as it is written: one class for all of `config.yaml` and config/results.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from detach_core.config.datasets import Dataset
from detach_core.config.section import Section
from detach_core.config.splits import Split
from detach_core.evaluation.settings import (
    AnalysisSettings,
    AnyClaimSettings,
    HalfSettings,
    ProbeSettings,
    SignificanceSettings,
)
from detach_core.reports.settings import DataTable, ResultsTable
from detach_core.settings.base import Name, Settings, Share
from detach_core.settings.shared import (
    AugmentationSettings,
    EncoderSettings,
    InputSettings,
    OptimizerSettings,
    VideoStartSettings,
)

Claim = Annotated[AnyClaimSettings, Field(discriminator="measure")]


def _kind_of_table(value: Any) -> str:
    return "results" if (isinstance(value, dict) and "rows" in value) or isinstance(value, ResultsTable) else "data"


Table = Annotated[
    Annotated[ResultsTable, Tag("results")] | Annotated[DataTable, Tag("data")], Discriminator(_kind_of_table)
]


@dataclass(frozen=True)
class SearchSettings(Settings):
    """Candidates beside the unchanged settings, which are always candidate 0; none switches the search off."""

    candidates: Annotated[tuple[dict[str, dict[str, Any]], ...], Field(max_length=16)] = ()
    """each a set of changes of `augmentation` or `optimizer`, trained for every trained variant"""


class Document(Section):
    """All of `config.yaml` and config/results.yaml with their overlays."""

    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)] = Field(
        description="one run of every variant for each"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(description="where networks run; auto takes a GPU if there is one")
    threads: int = Field(ge=1, le=256, description="torch threads per process, whatever --cores says")
    devices: int = Field(ge=1, le=64, description="GPUs, or processes without one, that share a training on each node")
    nodes: int = Field(ge=1, le=64, description="machines that share a training, within a Slurm job")
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
    halves: dict[Name, HalfSettings] = Field(description="rows that probe a half of a variant's feature")
    analysis: AnalysisSettings
    tables: dict[Name, Table] = Field(description="results/{name}.csv, .md, .tex")
    figures: dict[Name, dict[str, Any]] = Field(description="results/figures/{name}.csv, .pdf, .png")
    significance: SignificanceSettings
    claims: dict[Name, Claim] = Field(description="lines of results/claims.csv, each with its threshold")
