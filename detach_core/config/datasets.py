"""A dataset: where its raw files come from, how its native format is read, what its windows are."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from detach_core.config.section import Label, Name, Section, Share, refuse_braces
from detach_core.config.windowing import FlowSection, MissingSection, VideoSection, WindowSection
from detach_core.simulation.hwu_usp.settings import HwuHomeSettings
from detach_core.simulation.opportunity.settings import OpportunityHomeSettings

Source = Literal["simulated", "local", "download"]
Globs = Annotated[list[str], Field(min_length=1)]
# A lost value is null: settings are compared as JSON, which has no NaN.
MappedValue = Annotated[
    float | None, BeforeValidator(lambda value: None if isinstance(value, float) and math.isnan(value) else value)
]
LostWordList = Annotated[
    list[str], Field(description="words that stand for a lost value, in any case; NaN always does")
]
Names = Annotated[list[Name], Field(min_length=1)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]
VideoOffset = Annotated[
    Seconds | dict[Name, Seconds],
    Field(description="added to the video's own time stamps (s): a number, or one for each recording that needs it"),
]
NAMED = "tried in order; {recording} stands for the recording's id"


class DownloadFile(Section):
    """One file to fetch."""

    url: str = Field(pattern=r"^https?://", description="where it is")
    path: str = Field(min_length=1, description="where it goes, below data/downloaded/{dataset}")
    sha256: str | None = Field(description="its checksum in hex; null when none is published")
    unpack: bool = Field(description="whether it is an archive to unpack")


class DownloadSection(Section):
    """What `source: download` fetches."""

    files: list[DownloadFile] = Field(description="the files to fetch")
    max_unpacked_gb: float = Field(gt=0, description="an archive that unpacks to more is refused")
    max_entries: int = Field(ge=1, description="an archive with more files and folders is refused")
    attempts: int = Field(ge=1, le=1000, description="tries of a file; what has come is kept and gone on from")
    backoff_s: float = Field(ge=0, le=3600, description="wait before the second attempt; doubles with each (s)")
    max_backoff_s: float = Field(ge=0, le=86_400, description="the longest wait between two attempts (s)")
    timeout_s: float = Field(gt=0, le=3600, description="silence after which a connection counts as broken (s)")
    max_hours: float = Field(gt=0, description="time for one file, all attempts together (h)")


class OpportunityNative(Section):
    """How OPPORTUNITY's and Opportunity++'s files are found and read."""

    sensor_hz: float = Field(gt=0, description="rows per second of the sensor file")
    video_hz: float = Field(gt=0, description="frames per second of the video; one at another rate is read and told of")
    video_offset_s: VideoOffset
    rate_tolerance: Share = Field(description="relative difference to `sensor_hz` above which sensors are refused")
    sensor_glob: Globs = Field(description=f"patterns of the sensor file, {NAMED}")
    video_glob: Globs = Field(description=f"patterns of the video, {NAMED}")
    annotation_glob: Globs = Field(description=f"patterns of the label track, {NAMED}")
    lost_words: LostWordList
    deckchair: bool = Field(description="true adds the lazy chair's accelerometer: 37 channels instead of 34 (Table 7)")
    annotation_tolerance_s: float = Field(
        ge=0, description="a larger difference between label column and label track is reported (s)"
    )


class HwuNative(Section):
    """How HWU-USP's files are found and read."""

    sensor_hz: float = Field(gt=0, description="rows per second of the ambient file")
    video_hz: float = Field(gt=0, description="frames per second of the video; one at another rate is read and told of")
    video_offset_s: VideoOffset
    rate_tolerance: Share = Field(description="relative difference to `sensor_hz` above which sensors are refused")
    sensor_glob: Globs = Field(description=f"patterns of the ambient file, {NAMED}")
    video_glob: Globs = Field(description=f"patterns of the video, {NAMED}")
    time_column: str = Field(min_length=1, description="name of the column of times")
    channels: Annotated[list[Label], Field(min_length=1)] = Field(
        description="columns used, in order (Table 7: 6 of 11)"
    )
    value_map: dict[str, MappedValue] = Field(
        description="words that stand for numbers in the file, in any case; null or .nan: for a lost value"
    )
    lost_words: LostWordList


class DatasetSection(Section):
    """What all datasets have in common."""

    recording_pattern: ClassVar[str]

    source: Source = Field(description="simulated | local (your own folder) | download")
    root: Annotated[str, AfterValidator(refuse_braces)] | None = Field(
        description="your own folder, for `source: local`; read, never written to"
    )
    subjects: Names = Field(description="subjects used")
    takes: Names = Field(description="takes (Opportunity: runs, HWU-USP: activities) used of every subject")
    recordings_per_shard: int = Field(
        ge=1, description="recordings that one job handles; with 1, one more reruns no other"
    )
    label_unit: Literal["window", "recording"] = Field(description="what carries a label")
    classes: Annotated[list[Label], Field(min_length=2)] = Field(
        description="the classes, in the order of their indices"
    )
    null_windows: Literal["drop", "keep"] = Field(description="windows without a label; dropping is a use of labels")
    spatial_batch_size: int | None = Field(
        ge=2, le=65_536, description="windows of a step of Stage 1 here, for as many steps as elsewhere, or null"
    )
    epoch_share: float = Field(
        gt=0, le=10, description="of every method's epochs, so that a smaller run stays in shape"
    )
    window: WindowSection
    missing: MissingSection
    video: VideoSection
    flow: FlowSection
    download: DownloadSection

    def recordings(self) -> list[str]:
        """The ids of the recordings, subject by subject."""
        form = self.recording_pattern.format
        return [form(subject=subject, take=take) for subject in self.subjects for take in self.takes]

    def shards(self) -> dict[str, list[str]]:
        """Groups of recordings that one job handles, by the group's id: its first recording's, wherever that stands."""
        recordings, size = self.recordings(), self.recordings_per_shard
        groups = [recordings[start : start + size] for start in range(0, len(recordings), size)]
        return {group[0]: group for group in groups}


class OpportunityDataset(DatasetSection):
    """OPPORTUNITY / Opportunity++."""

    recording_pattern = "{subject}-{take}"

    adapter: Literal["opportunity"]
    native: OpportunityNative
    home: OpportunityHomeSettings


class HwuDataset(DatasetSection):
    """HWU-USP."""

    recording_pattern = "{take}_{subject}"

    adapter: Literal["hwu_usp"]
    native: HwuNative
    home: HwuHomeSettings


Dataset = Annotated[OpportunityDataset | HwuDataset, Field(discriminator="adapter")]
