"""Section of a dataset: source, recordings, labels, windows, and settings of the type that its adapter has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Annotated, Any, Literal

from detach_core.acquisition.settings import DownloadSettings
from detach_core.config.section import refuse_braces
from detach_core.config.validation import section_of
from detach_core.datasets.registry import DATASETS
from detach_core.datasets.settings import (
    FlowSettings,
    MissingSettings,
    NativeSettings,
    VideoSettings,
    WindowSettings,
)
from detach_core.settings.base import Check, Count, Label, Names, Range, Settings
from detach_core.simulation.registry import HOMES


@dataclass(frozen=True, kw_only=True)
class DatasetSettings(Settings):
    """A dataset."""

    adapter: str
    """a dataset of this package, or `module:Class` of your own"""
    source: Literal["simulated", "local", "download"]
    """simulated | local (your own folder) | download"""
    root: Annotated[str, Check(refuse_braces)] | None = None
    """your own folder, for `source: local`; read, never written to"""
    subjects: Names
    """subjects used"""
    takes: Names
    """takes (Opportunity: runs, HWU-USP: activities) used of every subject"""
    recordings_per_shard: Count = 4
    """recordings that one job handles; with 1, one more reruns no other"""
    label_unit: Literal["window", "recording"]
    """what carries a label"""
    classes: Annotated[tuple[Label, ...], Range(min_length=2)]
    """the classes, in the order of their indices"""
    null_windows: Literal["drop", "keep"]
    """windows without a label; dropping is a use of labels"""
    spatial_batch_size: Annotated[int, Range(ge=2, le=65_536)] | None = None
    """windows of a step of Stage 1 here, for as many steps as elsewhere, or null"""
    epoch_share: Annotated[float, Range(gt=0, le=10)] = 1.0
    """of every method's epochs, so that a smaller run stays in shape"""
    window: WindowSettings = WindowSettings()
    missing: MissingSettings = MissingSettings()
    video: VideoSettings = VideoSettings()
    flow: FlowSettings = FlowSettings()
    download: DownloadSettings = DownloadSettings()
    native: NativeSettings
    home: Any = None

    def recordings(self) -> list[str]:
        """The ids of the recordings, subject by subject."""
        name = self.native.recording_id
        return [name(subject=subject, take=take) for subject in self.subjects for take in self.takes]

    def shards(self) -> dict[str, list[str]]:
        """Groups of recordings that one job handles, by the group's id: its first recording's, wherever that stands."""
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
    if not issubclass(native, NativeSettings):
        raise ValueError(f"the settings of adapter {adapter!r} must be a subclass of NativeSettings")
    # A simulated home has the name of the dataset whose native files it writes.
    home = HOMES.settings(adapter) if adapter in set(HOMES) else None
    own: list[tuple[str, Any, Any]] = [("native", native, field(kw_only=True))]
    own += [("home", home, field(kw_only=True))] if home else [("home", type(None), field(kw_only=True, default=None))]
    made = make_dataclass("DatasetSettings", own, bases=(DatasetSettings,), frozen=True, kw_only=True)
    made.__module__, made.__doc__ = __name__, f"A dataset of adapter {adapter}."
    return made


class ByAdapter:
    """Mark of a dataset's section in an `Annotated` type: its `adapter` decides of which type it is."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of any section; called by pydantic alone."""
        return {"type": "function-plain", "function": {"type": "no-info", "function": _dataset}}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """An open place: `config_schema` fills in the sections of all adapters."""
        return {}


def _dataset(values: Any) -> Any:
    adapter = values.get("adapter") if isinstance(values, Mapping) else None
    try:
        kind = dataset_type(_known_adapter(adapter)) if isinstance(adapter, str) else _AnyDataset
    except ValueError:
        kind = _AnyDataset  # which tells what is wrong with the adapter
    return section_of(kind, values)


def _known_adapter(adapter: str) -> str:
    if adapter not in DATASETS:
        raise ValueError(f"must be one of {', '.join(DATASETS)}, or `module:Class`, got {adapter!r}")
    dataset_type(adapter)
    return adapter


@dataclass(frozen=True, kw_only=True)
class _AnyDataset(DatasetSettings):
    """A section of which the adapter is not known, to tell what is wrong with it."""

    adapter: Annotated[str, Check(_known_adapter)]
    native: Any
    home: Any = None


Dataset = Annotated[DatasetSettings, ByAdapter()]
