"""Registry of datasets, and their settings: native files, windows, the working video and its flow, splits, stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from detach_core.foundation.errors import UserError
from detach_core.foundation.files import matching_files
from detach_core.settings.base import Name, OpenShare, Plain, Plugin, Range, Registry, Settings, Share, from_plain

Source = Literal["simulated", "local", "downloaded"]

Rate = Annotated[float, Range(gt=0)]

Seconds = Annotated[float, Range(ge=0)]

Globs = Annotated[tuple[str, ...], Range(min_length=1)]

Pixels = Annotated[int, Range(ge=8, le=1024)]


SHORTEST_WINDOW = 36
"""samples that every sensor network can take"""


# Words for a lost value in an automation system's export; NaN in any spelling is always one.
LOST_WORDS = ("unavailable", "unknown", "null", "none", "na", "n/a", "#n/a", "?", "-")


@dataclass(frozen=True)
class Origin:
    """Place where a dataset's files can be obtained; `sensor` and `video` complete "the ... files come from".

    Attributes:
        title: the release's name.
        sensor: the sensor files' place.
        video: the videos' place.
        remark: a sentence about both.
        checksums: a CSV of `file,bytes,sha256` of the files as published, if there is one.
        release: the files of `checksums`, for messages.
        page: a sentence about where to read on.
    """

    title: str
    sensor: str
    video: str
    remark: str
    checksums: Path | None = None
    release: str = ""
    page: str = "docs/data.md describes both datasets; `source: simulated` needs no files."

    def of(self, kind: str) -> str:
        """The place of the files of one kind, such as `sensor`; labels come with the sensors."""
        return self.video if kind == "video" else self.sensor


@dataclass(frozen=True)
class WantedFile:
    """Patterns, the first fitting one of which selects one native file, or several, and the key that holds them."""

    patterns: tuple[str, ...]
    key: str
    several: bool = False


@dataclass(frozen=True, kw_only=True)
class RecordingFileSettings(Settings, ABC):
    """Settings that tell the native files of each recording."""

    file_kinds: ClassVar[tuple[str, ...]] = ("sensor", "video")
    """kinds of files that no recording can lack, where the settings name any"""

    def globs(self, kind: str) -> tuple[str, ...]:
        """The patterns of the one file of a kind; empty where patterns do not find it, or there is none."""
        del kind
        return ()

    @abstractmethod
    def wanted_files(self, kind: str, recording: str) -> tuple[WantedFile, ...]:
        """The files of one kind, such as `sensor` or `annotation`, of a recording; empty if it has no such files."""

    def matching(self, kind: str, recording: str, names: Sequence[str]) -> list[str]:
        """Those of the files `names` that a recording has of one kind."""
        found = [matching_files(names, each.patterns, recording) for each in self.wanted_files(kind, recording)]
        return list(dict.fromkeys(name for files in found for name in files))


@dataclass(frozen=True, kw_only=True)
class FileGlobs(RecordingFileSettings):
    """Patterns of a recording's native files."""

    sensor_glob: Globs
    """patterns of the sensor file, tried in order; {recording} stands for the recording's id"""
    video_glob: Globs
    """patterns of the video, tried in order; {recording} stands for the recording's id"""

    def globs(self, kind: str) -> tuple[str, ...]:
        """The patterns of one kind, such as `sensor` or `annotation`; empty if the dataset has no such files."""
        found: tuple[str, ...] = getattr(self, f"{kind}_glob", ())
        return found

    def wanted_files(self, kind: str, recording: str) -> tuple[WantedFile, ...]:
        """The one file of a kind, if the dataset has such files."""
        patterns = self.globs(kind)
        return (WantedFile(patterns, f"native.{kind}_glob"),) if patterns else ()


@dataclass(frozen=True, kw_only=True)
class AnyNativeSettings(RecordingFileSettings):
    """Settings of the native files of every dataset, whatever it names them by."""

    origin: ClassVar[Origin | None] = None
    """the place where the files can be obtained"""

    sensor_hz: Rate
    """rows per second of the sensor file"""
    video_hz: Rate
    """nominal frames per second of the video; one at another rate is read, and logged"""
    video_offset_s: float | dict[Name, float] = 0.0
    """added to the video's own time stamps (s): a number, or one for each recording that needs it"""

    @property
    def has_video(self) -> bool:
        """Whether its recordings have a video."""
        return True

    def mistakes(self) -> Iterator[str]:
        """One line for each value that contradicts another, with its key below `native`."""
        return iter(())

    @property
    def quiet_channels(self) -> tuple[str, ...]:
        """Channels that do not count in the activation by which Stage 1 groups windows."""
        return ()

    @property
    def video_independent(self) -> Self:
        """These settings without those that affect the video alone."""
        return replace(self, video_offset_s=0.0)

    @property
    def sensor_independent(self) -> Self:
        """These settings without those of which the video is known to be independent."""
        return self

    @abstractmethod
    def recording_ids(self, *, subjects: Sequence[str], takes: Sequence[str]) -> list[str]:
        """The ids of the recordings of these subjects and takes, subject by subject."""


@dataclass(frozen=True, kw_only=True)
class NativeSettings(AnyNativeSettings, FileGlobs):
    """Settings of a dataset's native files that glob patterns find; a dataset adds its own."""

    recording_pattern: ClassVar[str] = "{subject}-{take}"
    """a recording's id"""

    def recording_ids(self, *, subjects: Sequence[str], takes: Sequence[str]) -> list[str]:
        """An id for each take of each subject."""
        return [self.recording_id(subject=subject, take=take) for subject in subjects for take in takes]

    @classmethod
    def recording_id(cls, *, subject: str, take: str) -> str:
        """The recording's id in the file names of this subject and take."""
        return cls.recording_pattern.format(subject=subject, take=take)


@dataclass(frozen=True)
class WindowSettings(Settings):
    """Sliding window (Sec. 4)."""

    length_s: Annotated[float, Range(gt=0, le=3600)] = 2.0
    """length of a window (s); the paper's is 2"""
    stride_s: Annotated[float, Range(gt=0, le=3600)] = 1.0
    """distance between the starts of consecutive windows (s); the paper's is 1"""


@dataclass(frozen=True)
class MissingSettings(Settings):
    """Treatment of missing sensor values."""

    max_nan_share: Share = 0.5
    """a channel with a larger share of NaN in a window becomes 0 there; with less it is interpolated"""
    all_nan_channel: Literal["refuse", "zero"] = "refuse"
    """treatment of a channel without any value"""


@dataclass(frozen=True)
class VideoSettings(Settings):
    """Working video: the downscaled frames of the windows."""

    working_hz: Annotated[float, Range(gt=0, le=120)] = 5.0
    """frames kept per second; differences and flow are between them"""
    image_px: Annotated[tuple[Pixels, ...], Range(min_length=2, max_length=2)] = (64, 48)
    """width and height of the working grid (px)"""
    crop_px: Annotated[tuple[Annotated[int, Range(ge=0)], ...], Range(min_length=4, max_length=4)] | None = None
    """left, top, width, height of the crop of the displayed picture (px); null keeps all"""
    length_tolerance_s: Seconds = 1.0
    """largest distance of a picture from its tick, and largest missing end of a file (s)"""


@dataclass(frozen=True)
class FlowSettings(Settings):
    """Optical flow, computed at twice the working grid."""

    method: Literal["dis", "farneback"] = "dis"
    """OpenCV's algorithm"""
    preset: Literal["ultrafast", "fast", "medium"] = "fast"
    """effort of `dis`"""
    max_px: Annotated[float, Range(gt=0, le=1024)] = 16.0
    """largest motion that can be stored (px of the working grid)"""


@dataclass(frozen=True, kw_only=True)
class PartitionSettings(Settings):
    """Partition of one dataset: what is held out, pretrained on and folded (Sec. 4; docs/choices.md)."""

    hold_out: Literal["recordings", "subjects", "nothing"]
    """the unit that is held out whole"""
    held_out: tuple[Name, ...]
    """the recordings or subjects that are held out"""
    pretrain: OpenShare
    """share of the rest that is pretrained on; what remains is downstream"""
    folds: Annotated[int, Range(ge=2, le=100)]
    """folds of protocol `paper` over the downstream part"""
    fold_draws: Annotated[int, Range(ge=1, le=1000)]
    """draws of those folds and of the probe's inner folds; figures are means over them"""


@dataclass(frozen=True, kw_only=True)
class SplitStageSettings(PartitionSettings):
    """Settings of stage `split`."""

    name: str
    seed: int
    activation_quantile: float
    quiet_channels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IngestSettings(Settings):
    """Settings of stage `ingest`; the adapter determines the type of `native`."""

    source: Source
    adapter: str
    classes: tuple[str, ...]
    native: Plain
    all_nan_channel: Literal["refuse", "zero"]


@dataclass(frozen=True, kw_only=True)
class ExtractFramesSettings(Settings):
    """Settings of stage `extract_frames`; the adapter determines the type of `native`."""

    source: Source
    adapter: str
    native: Plain
    video: VideoSettings


@dataclass(frozen=True, kw_only=True)
class FlowStageSettings(Settings):
    """Settings of stage `flow`."""

    source: Source
    flow: FlowSettings


@dataclass(frozen=True, kw_only=True)
class PackSettings(Settings):
    """Settings of stage `pack`."""

    source: Source
    classes: tuple[str, ...]
    label_unit: Literal["window", "recording"]
    null_windows: Literal["drop", "keep"]
    window: WindowSettings
    max_nan_share: float
    length_tolerance_s: float


if TYPE_CHECKING:
    from detach_core.datasets.adapter import DatasetAdapter

DATASETS: Registry[DatasetAdapter[Any]] = Registry(
    "adapter",
    {
        "opportunity": Plugin("detach_core.datasets.opportunity", "OpportunityNative", "adapter:Opportunity"),
        "hwu_usp": Plugin("detach_core.datasets.hwu_usp", "HwuNative", "adapter:HwuUsp"),
        "folder": Plugin("detach_core.datasets.folder", "FolderNative", "adapter:Folder"),
    },
)


def build_adapter(name: str, native: Plain, *, classes: Sequence[str] = ()) -> DatasetAdapter[Any]:
    """The adapter `name` of native files.

    Args:
        name: of `DATASETS`, or `module:Class`.
        native: settings of the adapter's own type, or their plain values.
        classes: names of the classes, in the order of their indices.

    Raises:
        UserError: no such adapter, or a class that its dataset does not have.
        TypeError: unknown settings.
    """
    try:
        kind, settings = DATASETS.implementation(name), DATASETS.settings(name)
    except LookupError as error:
        raise UserError(f"adapter: {error}") from None
    return kind(from_plain(settings, native), classes=classes)
