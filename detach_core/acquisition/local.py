"""Completeness of folders of raw files, with one message for all that is missing; only names are read.

Standard library only: the Snakefile calls this when it loads, before any job.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detach_core.datasets.registry import DATASETS
from detach_core.datasets.settings import FileGlobs, Origin
from detach_core.foundation.errors import UserError
from detach_core.foundation.files import describe_files, list_files, matching_files, name_some

KINDS = ("sensor", "video")
LISTED = 12  # lines of a message before "and N more"


@dataclass(frozen=True)
class MissingFile:
    """A file that a recording needs and the folder does not hold exactly once."""

    recording: str
    kind: str
    """`sensor` or `video`"""
    patterns: tuple[str, ...]
    """the names that would do, with the recording's id filled in"""
    matches: tuple[str, ...]
    """empty when nothing fits; else the several files that do"""

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
    native: FileGlobs


def origin_of(adapter: str) -> Origin:
    """The origin of an adapter's files; of an adapter without one, a sentence that sends back to its author."""
    try:
        found: Origin | None = DATASETS.settings(adapter).origin
    except LookupError:
        found = None
    own = f"whoever made the recordings that the adapter {adapter!r} reads"
    return found or Origin(title=adapter, sensor=own, video=own, remark="see docs/data.md")


def missing_files(folder: RawFolder) -> list[MissingFile]:
    """The files of the recordings that the folder lacks or holds several times; empty when all is there.

    Raises:
        UserError: no root is configured, or it cannot be searched.
    """
    root = _root_of(folder)
    names = list_files(root) if root.is_dir() else ()
    missing = []
    for recording in folder.recordings:
        for kind in KINDS:
            patterns = folder.native.globs(kind)
            matches = matching_files(names, patterns, recording)
            if len(matches) != 1 or not (root / matches[0]).is_file():
                wanted = tuple(pattern.replace("{recording}", recording) for pattern in patterns)
                several = tuple(matches) if len(matches) > 1 else ()
                missing.append(MissingFile(recording, kind, wanted, several))
    return missing


def missing_message(missing: Sequence[MissingFile], folder: RawFolder, *, source: str = "local") -> str:
    """One message of bounded length for all of `missing`: what, in which folder, from where, and what to do."""
    dataset, root = folder.dataset, _root_of(folder)
    holds = describe_files(list_files(root)) if root.is_dir() else "which does not exist"
    absent = [file for file in missing if not file.matches]
    several = [file for file in missing if file.matches]
    total = len(KINDS) * len(folder.recordings)
    lines = [f"datasets.{dataset}: {len(missing)} of the {total} files of this run are not in {root} ({holds}):"]
    # Every kind of trouble shows, however many of another kind come first.
    shown = [file for group in (several, *_by_kind(absent)) for file in group[: LISTED // 3]]
    lines += [f"  {file}" for file in shown]
    if len(missing) > len(shown):
        lines.append(f"  and {len(missing) - len(shown)} more")
    origin = origin_of(folder.adapter)
    lines += [f"The {kind} files come from {origin.of(kind)}." for kind in KINDS if _any_of(absent, kind)]
    if absent:
        lines.append(f"Note: {origin.remark}.")
        globs = " and ".join(f"`native.{kind}_glob`" for kind in KINDS if _any_of(absent, kind))
        where = f"anywhere below {root}" if source == "local" else "and all others into a folder for `source: local`"
        lines.append(f"Put them {where} under these names, or set datasets.{dataset}: {globs}.")
    if several:
        lines.append("Where several files fit, narrow the pattern in the config or move the others away.")
    lines.append("docs/data.md describes both datasets; `source: simulated` needs no files.")
    return "\n".join(lines)


def local_troubles(folders: Iterable[RawFolder]) -> list[str]:
    """The obstacles to a run on the user's own folders, a message for each dataset; empty when all is well."""
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
        "}, which the workflow takes for places to fill in; rename them, or link to them under other names"
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
    globs = [folder.native.globs(kind) for kind in (*KINDS, "annotation")]
    used = (name for each in folder.recordings for patterns in globs for name in matching_files(names, patterns, each))
    return [name for name in used if set("{}") & set(name)]


def _by_kind(files: Sequence[MissingFile]) -> list[list[MissingFile]]:
    return [[file for file in files if file.kind == kind] for kind in KINDS]


def _any_of(files: Sequence[MissingFile], kind: str) -> bool:
    return any(file.kind == kind for file in files)
