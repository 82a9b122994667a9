"""Whether the folders hold every file that a run needs, told in one message. Reads names only and writes nothing.

Standard library only: the Snakefile calls this when it loads, before any job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detach_core.acquisition.sources import origin_of
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


def check_local(
    *, dataset: str, adapter: str, root: Path | str | None, recordings: Sequence[str], native: Mapping[str, Any]
) -> list[MissingFile]:
    """The files of `recordings` that `root` lacks or holds several times; empty when all is there.

    Args:
        dataset: the dataset's id, for the message when no root is configured.
        adapter: the dataset's adapter.
        root: the user's folder; one that does not exist lacks everything.
        recordings: ids as the config gives them.
        native: the dataset's `native` section: `sensor_glob`, `video_glob`.

    Raises:
        UserError: no root is configured, or it cannot be searched.
    """
    if root is None:
        files = origin_of(adapter)
        raise UserError(
            f"datasets.{dataset}.root: found null, expected the folder that holds {files.title}; "
            f"set it, or use `source: simulated`; docs/data.md says where to get the files"
        )
    names = list_files(root) if Path(root).is_dir() else ()
    missing = []
    for recording in recordings:
        for kind in KINDS:
            patterns = native[f"{kind}_glob"]
            matches = matching_files(names, patterns, recording)
            if len(matches) != 1 or not (Path(root) / matches[0]).is_file():
                wanted = tuple(pattern.replace("{recording}", recording) for pattern in patterns)
                several = tuple(matches) if len(matches) > 1 else ()
                missing.append(MissingFile(recording, kind, wanted, several))
    return missing


def missing_message(
    missing: Sequence[MissingFile],
    *,
    dataset: str,
    adapter: str,
    root: Path | str,
    recordings: Sequence[str],
    source: str = "local",
) -> str:
    """One message of bounded length for all of `missing`: what, in which folder, from where, and what to do."""
    holds = describe_files(list_files(root)) if Path(root).is_dir() else "which does not exist"
    absent = [file for file in missing if not file.matches]
    several = [file for file in missing if file.matches]
    total = len(KINDS) * len(recordings)
    lines = [f"datasets.{dataset}: {len(missing)} of the {total} files of this run are not in {root} ({holds}):"]
    # Every kind of trouble shows, however many of another kind come first.
    shown = [file for group in (several, *_by_kind(absent)) for file in group[: LISTED // 3]]
    lines += [f"  {file}" for file in shown]
    if len(missing) > len(shown):
        lines.append(f"  and {len(missing) - len(shown)} more")
    origin = origin_of(adapter)
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


@dataclass(frozen=True)
class LocalDataset:
    """A dataset whose files are the user's own: what `check_local` takes."""

    dataset: str
    adapter: str
    root: str
    recordings: Sequence[str]
    native: Mapping[str, Any]


def local_troubles(datasets: Iterable[LocalDataset]) -> list[str]:
    """What keeps a run on the user's own folders from starting, a message for each dataset; empty when all is well."""
    return [trouble for one in datasets if (trouble := _trouble(one)) is not None]


def _trouble(one: LocalDataset) -> str | None:
    chosen: dict[str, Any] = {
        "dataset": one.dataset,
        "adapter": one.adapter,
        "root": one.root,
        "recordings": one.recordings,
    }
    try:
        if missing := check_local(**chosen, native=one.native):
            return missing_message(missing, **chosen)
        names = _names_with_braces(one)
    except UserError as error:
        return str(error)
    if not names:
        return None
    return (
        f"datasets.{one.dataset}: {one.root}: found {name_some(names, limit=4)}, expected names without {{ and }},"
        " which the workflow takes for places to fill in; rename them, or link to them under other names"
    )


def _names_with_braces(one: LocalDataset) -> list[str]:
    names = list_files(one.root)
    globs = [patterns for key, patterns in one.native.items() if key.endswith("_glob")]
    used = (name for each in one.recordings for patterns in globs for name in matching_files(names, patterns, each))
    return [name for name in used if set("{}") & set(name)]


def _by_kind(files: Sequence[MissingFile]) -> list[list[MissingFile]]:
    return [[file for file in files if file.kind == kind] for kind in KINDS]


def _any_of(files: Sequence[MissingFile], kind: str) -> bool:
    return any(file.kind == kind for file in files)
