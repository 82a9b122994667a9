"""Configuration as it is written: one class for all of `config.yaml` and config/results.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from detach_core.config.claims import Claim, SignificanceSection
from detach_core.config.datasets import Dataset
from detach_core.config.evaluation import ProbeSection
from detach_core.config.figures import AnalysisSection, Figure
from detach_core.config.halves import HalfSection
from detach_core.config.reports import Table
from detach_core.config.search import SearchSection
from detach_core.config.section import Section
from detach_core.config.splits import Split
from detach_core.settings.base import Name, Share
from detach_core.settings.shared import (
    AugmentationSettings,
    EncoderSettings,
    InputSettings,
    OptimizerSettings,
    VideoStartSettings,
)


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
    search: SearchSection
    snapshots: Annotated[list[Share], Field(min_length=1)] = Field(
        description="shares of the epochs at which weights are kept (Fig. 4)"
    )
    probe: ProbeSection
    halves: dict[Name, HalfSection] = Field(description="rows that probe a half of a variant's feature")
    analysis: AnalysisSection
    tables: dict[Name, Table] = Field(description="results/{name}.csv, .md, .tex")
    figures: dict[Name, Figure] = Field(description="results/figures/{name}.csv, .pdf, .png")
    significance: SignificanceSection
    claims: dict[Name, Claim] = Field(description="lines of results/claims.csv, each with its threshold")
