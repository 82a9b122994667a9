"""What a dataset adapter is: native files in, `Recording` out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from detach_core.contracts.recording import Places, Recording
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import list_files, match_one, matching_files, name_some


@dataclass(frozen=True)
class RecordingFiles:
    """The native files of one recording."""

    sensor: Path
    video: Path
    annotation: Path | None


class DatasetAdapter(Protocol):
    """Reads one dataset's native files.

    An adapter is built as `Adapter(native, classes=...)` from the config section `native` and the class names.
    """

    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    channel_units: tuple[str, ...]
    places: Places

    def recording_id(self, *, subject: str, take: str) -> str:
        """The name that files of this subject and take carry."""
        ...

    def find_files(self, root: Path, recording: str) -> RecordingFiles:
        """The native files of `recording`.

        Raises:
            BadInputError: a file is missing or ambiguous; the message lists what the folder holds.
        """
        ...

    def read_recording(self, root: Path, recording: str, *, scratch: Path | None = None) -> Recording:
        """Sensors and annotations of `recording`, on an even clock.

        Args:
            root: the dataset's folder.
            recording: which one.
            scratch: a folder for what would grow with the recording's length in memory; None is the system's own.

        Raises:
            BadInputError: a file is missing or is not as its format says; names file, line and column.
        """
        ...


class FileFinder:
    """Finds recordings' files by the glob patterns of a config section; a folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, tuple[str, ...]] = {}

    def one(self, root: Path, patterns: list[str], recording: str, *, key: str) -> Path:
        """The one file that `patterns` select.

        Raises:
            BadInputError: none or several.
        """
        return match_one(root, patterns, recording, key=key, files=self._files(root))

    def at_most_one(self, root: Path, patterns: list[str], recording: str, *, key: str) -> Path | None:
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
