"""Local raw files and their fingerprints: a replaced file is detected, even one with an older time stamp.

Snakemake looks for inputs that are newer than the results, and what `cp -p`, `rsync -a` or `unzip` put there may be
older. So the rules that read files of others carry their fingerprints as a param. Files of up to `HASHED_BYTES` go by
their content, larger ones by size and time stamp, since no plan may read gigabytes. A file replaced by another of
equal size and equal time stamp is noticed only if it is no larger than that, or if a manifest holds its checksum.

Standard library only: the Snakefile calls this when it plans.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detach_core.datasets.registry import DATASETS, Origin, RecordingFileSettings, WantedFile
from detach_core.foundation.errors import UserError
from detach_core.foundation.files import describe_files, list_files, matching_files, name_some, write_text

HASHED_BYTES = 1_000_000  # as Snakemake: a larger file that is newer reruns its readers whatever it holds

_SETTLED_NS = 2_000_000_000  # a file changed later than that may change again within one tick of its clock


class Fingerprints:
    """Fingerprints of files; `cache_path` stores checksums by size, times and inode: none is computed twice."""

    def __init__(self, cache_path: Path | str | None = None) -> None:
        self.cache_path = Path(cache_path) if cache_path else None
        self._sums: dict[str, list[Any]] = self._load()
        self._changed = False

    def of_files(self, names: Iterable[str], root: Path | str = ".") -> list[str]:
        """`name: fingerprint` of each file, `names` below `root`; a missing file is listed as absent."""
        found = [f"{name}: {self._fingerprint(Path(root) / name)}" for name in names]
        self._save()
        return found

    def unlike_manifest(self, manifest_path: Path | str, names: Iterable[str], root: Path | str) -> list[str]:
        """`name: fingerprint` of the files that differ from the manifest beside them; empty when all agree.

        What has not changed since the manifest was written is not read. Without a readable manifest none is reported:
        the files do not exist yet, or the stage that reads it will report the fault.

        Args:
            manifest_path: a JSON file whose `files` each have `path`, `bytes` and `sha256`.
            names: paths below `root`, as the manifest has them.
            root: the folder of the files.
        """
        try:
            written_ns = Path(manifest_path).stat().st_mtime_ns
            listed = json.loads(Path(manifest_path).read_text(encoding="utf-8"))["files"]
            promised = {str(file["path"]): (file["bytes"], file["sha256"]) for file in listed}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []
        strange = [name for name in names if not self._is_promised(Path(root) / name, promised.get(name), written_ns)]
        return self.of_files(strange, root)

    def _is_promised(self, path: Path, promise: tuple[Any, Any] | None, written_ns: int) -> bool:
        try:
            status = path.stat()
            if promise is None or status.st_size != promise[0]:
                return False
            # No copying tool can set the time of the last change of a file's content or attributes.
            return status.st_ctime_ns <= written_ns or self._sha256(path, status) == promise[1]
        except OSError:
            return False

    def _fingerprint(self, path: Path) -> str:
        try:
            status = path.stat()
            if status.st_size <= HASHED_BYTES:
                return f"sha256 {self._sha256(path, status)[:16]}"
        except OSError as error:
            return f"absent ({error.strerror})"
        return f"{status.st_size} bytes of {status.st_mtime_ns} ns"

    def _sha256(self, path: Path, status: os.stat_result) -> str:
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        known = self._sums.get(str(path))
        if known is not None and known[:-1] == stamp:
            return str(known[-1])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - status.st_ctime_ns > _SETTLED_NS:
            self._sums[str(path)] = [*stamp, found]
            self._changed = True
        return found

    def _load(self) -> dict[str, list[Any]]:
        with suppress(OSError, ValueError, AttributeError):
            if self.cache_path is not None:
                loaded = json.loads(self.cache_path.read_text(encoding="utf-8"))
                return {str(path): entry for path, entry in loaded.items() if _is_entry(entry)}
        return {}

    def _save(self) -> None:
        """Write the cache if it has changed; without write permission checksums are only computed again."""
        if self.cache_path is None or not self._changed:
            return
        with suppress(OSError):
            write_text(self.cache_path, json.dumps(self._sums))
        self._changed = False


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 5 and isinstance(entry[-1], str)


LISTED = 12  # lines of a message before "and N more"


@dataclass(frozen=True)
class MissingFile:
    """A file that a recording needs and the folder does not hold exactly once."""

    recording: str
    kind: str
    """`sensor`, `video` or `annotation`"""
    patterns: tuple[str, ...]
    """the patterns, with the recording's id filled in"""
    matches: tuple[str, ...]
    """empty when no file fits; else the several files that do"""
    key: str
    """the configuration's key that holds the patterns"""

    def __str__(self) -> str:
        wanted = f"{self.recording}: {self.kind} file like {' or '.join(self.patterns)}"
        if self.matches:
            return f"{wanted}: {len(self.matches)} files fit ({name_some(self.matches, limit=4)})"
        return wanted


@dataclass(frozen=True)
class RawFolder:
    """A dataset's folder of raw files.

    Attributes:
        dataset: the dataset's name in the configuration.
        adapter: the dataset's adapter.
        root: the folder; one that does not exist lacks everything, None is not configured.
        recordings: ids of the recordings that a run needs.
        native: patterns of their files.
    """

    dataset: str
    adapter: str
    root: Path | str | None
    recordings: Sequence[str]
    native: RecordingFileSettings


def origin_of(adapter: str) -> Origin:
    """The origin of an adapter's files; for an adapter without one, a reference to its author."""
    try:
        found: Origin | None = DATASETS.settings(adapter).origin
    except LookupError:
        found = None
    own = f"the authors of the recordings that the adapter {adapter!r} reads"
    return found or Origin(title=adapter, sensor=own, video=own, remark="see docs/data.md")


def missing_files(folder: RawFolder) -> list[MissingFile]:
    """The files of the recordings that the folder lacks or holds several times; empty when all is there.

    Raises:
        UserError: no root is configured, or it cannot be searched.
    """
    root = _root_of(folder)
    names = list_files(root) if root.is_dir() else ()
    missing = []
    for recording, kind, wanted in _wanted(folder):
        matches = matching_files(names, wanted.patterns, recording)
        is_one = len(matches) == 1 or (wanted.several and matches)
        if not is_one or not all((root / match).is_file() for match in matches):
            patterns = tuple(pattern.replace("{recording}", recording) for pattern in wanted.patterns)
            several = tuple(matches) if len(matches) > 1 and not wanted.several else ()
            missing.append(MissingFile(recording, kind, patterns, several, wanted.key))
    return missing


def _wanted(folder: RawFolder) -> Iterator[tuple[str, str, WantedFile]]:
    """(recording, kind, file) of every file that the recordings need."""
    for recording in folder.recordings:
        for kind in folder.native.file_kinds:
            yield from ((recording, kind, wanted) for wanted in folder.native.wanted_files(kind, recording))


def missing_message(missing: Sequence[MissingFile], folder: RawFolder, *, source: str = "local") -> str:
    """One message of bounded length for all of `missing`: files, folder, origin and remedy."""
    dataset, root = folder.dataset, _root_of(folder)
    holds = describe_files(list_files(root)) if root.is_dir() else "which does not exist"
    absent = [file for file in missing if not file.matches]
    several = [file for file in missing if file.matches]
    total, kinds = len(list(_wanted(folder))), folder.native.file_kinds
    lines = [f"datasets.{dataset}: {len(missing)} of the {total} files of this run are not in {root} ({holds}):"]
    # Every kind of trouble shows, however many of another kind come first.
    shown = [file for group in (several, *_by_kind(absent)) for file in group[: LISTED // 3]]
    lines += [f"  {file}" for file in shown]
    if len(missing) > len(shown):
        lines.append(f"  and {len(missing) - len(shown)} more")
    origin = origin_of(folder.adapter)
    if absent:
        lines += [f"The {kind} files come from {origin.of(kind)}." for kind in kinds if _any_of(absent, kind)]
        lines.append(f"Note: {origin.remark}.")
        globs = " and ".join(f"`{key}`" for key in dict.fromkeys(file.key for file in absent))
        where = f"anywhere below {root}" if source == "local" else "and all others into a folder for `source: local`"
        lines.append(f"Put them {where} under these names, or set datasets.{dataset}: {globs}.")
    if several:
        lines.append("Where several files fit, narrow the pattern in the config or move the others away.")
    lines.append(origin.page)
    return "\n".join(lines)


def local_troubles(folders: Iterable[RawFolder]) -> list[str]:
    """The faults of the user's own folders, a message for each dataset; empty when there is none."""
    return [trouble for folder in folders if (trouble := _trouble(folder)) is not None]


def _trouble(folder: RawFolder) -> str | None:
    try:
        if missing := missing_files(folder):
            return missing_message(missing, folder)
        names = _names_with_braces(folder)
    except UserError as error:
        return str(error)
    if not names:
        return None
    return (
        f"datasets.{folder.dataset}: {folder.root}: found {name_some(names, limit=4)}, expected names without {{ and "
        "}, which mark wildcards in the workflow; rename them, or link to them under other names"
    )


def _root_of(folder: RawFolder) -> Path:
    if folder.root is None:
        raise UserError(
            f"datasets.{folder.dataset}.root: found null, expected the folder that holds "
            f"{origin_of(folder.adapter).title}; set it, or use `source: simulated`; docs/data.md says where to get "
            "the files"
        )
    return Path(folder.root)


def _names_with_braces(folder: RawFolder) -> list[str]:
    names = list_files(_root_of(folder))
    native, kinds = folder.native, dict.fromkeys([*folder.native.file_kinds, "annotation"])
    used = (name for each in folder.recordings for kind in kinds for name in native.matching(kind, each, names))
    return [name for name in used if set("{}") & set(name)]


def _by_kind(files: Sequence[MissingFile]) -> list[list[MissingFile]]:
    kinds = dict.fromkeys(file.kind for file in files)
    return [[file for file in files if file.kind == kind] for kind in kinds]


def _any_of(files: Sequence[MissingFile], kind: str) -> bool:
    return any(file.kind == kind for file in files)
