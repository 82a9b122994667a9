"""Base class of dataset adapters, which read native files into a `Recording`, and the search for these files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from detach_core.contracts.recording import Places, Recording
from detach_core.datasets.registry import NativeSettings
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import list_files, match_one, matching_files, name_some

Native = TypeVar("Native", bound=NativeSettings)


@dataclass(frozen=True)
class RecordingFiles:
    """The native files of one recording."""

    sensor: Path
    video: Path
    annotation: Path | None


class DatasetAdapter(ABC, Generic[Native]):
    """Reader of one dataset's native files.

    A dataset of another package subclasses it, names its settings as `settings_type`, and sets channels, places and
    actions when it is built.

    Attributes:
        native: the dataset's settings.
        class_names: of the classes.
        class_actions: the action of each class, such as Open; "" for a class without one.
        channel_names: of the sensor's channels.
        channel_units: of the channels.
        places: the places of the dataset, of each class, and the channels that watch them.
    """

    settings_type: ClassVar[type[NativeSettings]]
    channel_names: tuple[str, ...]
    channel_units: tuple[str, ...]

    def __init__(self, native: Native, *, classes: Sequence[str]) -> None:
        self.native = native
        self.class_names = tuple(classes)
        self.class_actions: tuple[str, ...] = ("",) * len(classes)
        self.places = Places(names=(), of_class=(-1,) * len(classes), channels=())
        self._finder = FileFinder()

    def find_files(self, root: Path, recording: str) -> RecordingFiles:
        """The native files of `recording`.

        Raises:
            BadInputError: a file is missing or ambiguous; the message lists what the folder holds.
        """
        native, finder = self.native, self._finder
        tracks = native.globs("annotation")
        return RecordingFiles(
            sensor=finder.one(root, native.sensor_glob, recording, key="native.sensor_glob"),
            video=finder.one(root, native.video_glob, recording, key="native.video_glob"),
            annotation=finder.at_most_one(root, tracks, recording, key="native.annotation_glob") if tracks else None,
        )

    @abstractmethod
    def read_recording(self, root: Path, recording: str, *, scratch: Path | None = None) -> Recording:
        """Sensors and annotations of `recording`, on an even clock.

        Args:
            root: the dataset's folder.
            recording: its id.
            scratch: a folder for what would grow with the recording's length in memory; None is the system's own.

        Raises:
            BadInputError: a file is missing or violates its format; names file, line and column.
        """


class FileFinder:
    """Search for recordings' files by the glob patterns of their settings; a folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, tuple[str, ...]] = {}

    def one(self, root: Path, patterns: Sequence[str], recording: str, *, key: str) -> Path:
        """The one file that `patterns` select.

        Raises:
            BadInputError: none or several.
        """
        return match_one(root, patterns, recording, key=key, files=self._files(root))

    def at_most_one(self, root: Path, patterns: Sequence[str], recording: str, *, key: str) -> Path | None:
        """The file that `patterns` select, if there is one.

        Raises:
            BadInputError: several.
        """
        found = matching_files(self._files(root), patterns, recording)
        if len(found) > 1:
            remedy = f"keep one of them, or narrow `{key}`"
            place = f"recording {recording}"
            raise BadInputError(root, place, found=name_some(found), expected="at most one file", remedy=remedy)
        return Path(root) / found[0] if found else None

    def _files(self, root: Path) -> tuple[str, ...]:
        if root not in self._listed:
            self._listed[root] = list_files(root)
        return self._listed[root]
