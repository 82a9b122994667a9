"""Files found by the patterns of a recording (`native.sensor_glob`, `native.video_glob`), and files written atomically.

A pattern is a path below the folder with `/` between its parts: `*`, `?` and `[...]` stay inside one part, the part
`**` stands for any number of folders, and `{recording}` for the recording's id. Patterns are tried in order and the
first that fits anything decides, so a later one is a fallback. Hidden files and what macOS leaves in archives are
never seen. A file is
written beside its place and then renamed, so that it is whole or absent.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath

from detach_core.foundation.errors import NO_SPACE, BadInputError, NoSpaceError, one_line

MAX_FILES = 1_000_000  # a root such as / set by mistake must end in a message, not in a walk of the whole disk


def list_files(root: Path | str) -> tuple[str, ...]:
    """The files below `root` as sorted relative paths with `/`; links to folders are followed once.

    Raises:
        BadInputError: `root` is no folder, cannot be read, or holds more than a million files.
    """
    root = Path(root)
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        remedy = "put the dataset there, or set the dataset's `root` to the folder that holds it"
        raise BadInputError(root, "dataset folder", found=found, expected="a folder", remedy=remedy)
    names: list[str] = []
    visited: set[str] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_refuse_unreadable):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if _is_visible(name))
        above = Path(folder).relative_to(root)
        names.extend((above / name).as_posix() for name in files if _is_visible(name))
        if len(names) > MAX_FILES:
            found, remedy = f"more than {MAX_FILES} files", "set the dataset's `root` to the dataset's own folder"
            raise BadInputError(root, "dataset folder", found=found, expected="one dataset", remedy=remedy)
    return tuple(sorted(names))


def matching_files(files: Sequence[str], patterns: Sequence[str], recording: str) -> list[str]:
    """The files that the first matching pattern selects for `recording`; empty when none matches."""
    named = _naming(tuple(files), recording)
    for pattern in patterns:
        parts = pattern.replace("{recording}", glob.escape(recording)).split("/")
        candidates = named if "{recording}" in pattern else [(name, name.split("/")) for name in files]
        if found := [name for name, path in candidates if _fits(parts, path)]:
            return found
    return []


@lru_cache(maxsize=10_000)
def _naming(files: tuple[str, ...], recording: str) -> list[tuple[str, list[str]]]:
    """The files with `recording` in their path, and its parts; cached, since each kind of file is searched alone."""
    return [(name, name.split("/")) for name in files if recording in name]


def match_one(
    root: Path | str,
    patterns: Sequence[str],
    recording: str,
    *,
    key: str = "native.*_glob",
    files: Sequence[str] | None = None,
) -> Path:
    """The one file below `root` that the patterns select for `recording`.

    Args:
        root: the dataset's folder.
        patterns: tried in order.
        recording: the recording's id, e.g. `S1-Drill`.
        key: the config key that holds the patterns, for the message.
        files: `list_files(root)`, when the caller has it already.

    Raises:
        BadInputError: no file fits, or several do; summarises the folder.
    """
    files = list_files(root) if files is None else files
    matches = matching_files(files, patterns, recording)
    if len(matches) == 1:
        return Path(root) / matches[0]
    expected = "one file like " + " or ".join(pattern.replace("{recording}", recording) for pattern in patterns)
    if matches:
        remedy = f"keep one of them, or narrow `{key}` so that it names one file a recording"
        raise BadInputError(root, f"recording {recording}", found=name_some(matches), expected=expected, remedy=remedy)
    remedy = f"put the file there, or set `{key}` to what the files are called"
    raise BadInputError(
        root, f"recording {recording}", found=describe_files(files, recording), expected=expected, remedy=remedy
    )


def describe_files(files: Sequence[str], recording: str | None = None) -> str:
    """Summary of a folder in one phrase: counts by suffix, and the names most similar to the recording's."""
    if not files:
        return "an empty folder"
    counts = Counter(PurePosixPath(name).suffix.lower() or "without suffix" for name in files)
    kinds = name_some([f"{count} {suffix}" for suffix, count in counts.most_common()], limit=6)
    near = [name for name in files if recording and recording.lower() in name.lower()]
    return f"{len(files)} files ({kinds}), such as {name_some(near or files, limit=4)}"


def name_some(names: Sequence[str], limit: int = 8) -> str:
    """The first `limit` names and the number of the others."""
    listed = one_line(", ".join(names[:limit]))
    return listed if len(names) <= limit else f"{listed} and {len(names) - limit} more"


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _refuse_unreadable(error: OSError) -> None:
    path = error.filename or "."
    remedy = "set permission to read it"
    raise BadInputError(path, "folder", found=error.strerror or str(error), expected="a readable folder", remedy=remedy)


def _fits(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_fits(pattern[1:], path[skip:]) for skip in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _fits(pattern[1:], path[1:])


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary sibling of `path` that is renamed to it when the block succeeds and deleted when it fails.

    Raises:
        NoSpaceError: the disk was full, or its quota used up, before the file was whole.
    """
    path = Path(path)
    # The suffix stays last: encoders and libraries choose formats by it.
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise NoSpaceError(path, error.errno) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove(path: Path | str) -> None:
    """Delete `path`, if it exists, and the temporary files of killed writers."""
    path = Path(path)
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*.partial{path.suffix}"):
        leftover.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
