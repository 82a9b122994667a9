"""Video files of a home's camera and when each starts: by its name, by a table, or as told for a single file.

Names are those of Frigate, `YYYY-MM-DD/HH/<camera>/MM.SS.mp4` in universal time (docs.frigate.video, Recording), or
hold `YYYYMMDD_HHMMSS` or an ISO date and time, in the home's own time if without an offset.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from detach_core.datasets.folder.sensors import open_table
from detach_core.datasets.folder.settings import FolderNative, HomeCameraSettings, VideoFilesSettings
from detach_core.datasets.folder.times import StampError, read_moment
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import list_files, matching_files, name_some

_FRIGATE = re.compile(r"(?:^|/)(\d{4}-\d{2}-\d{2})/(\d{2})/[^/]+/(\d{2})\.(\d{2})\.\w+$")

_COMPACT = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})[-_T ]?(\d{2})(\d{2})(\d{2})(?!\d)(Z|[+-]\d{4})?")

# A colon cannot be in every file system's names.
_ISO = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})[T_ ](\d{2})[-:._](\d{2})[-:._](\d{2})(?!\d)(Z|[+-]\d{2}:?\d{2}(?!\d))?")

# Pictures of the table's own folder are looked for; other files beside it are not.
_SUFFIXES = {".mp4", ".mkv", ".avi", ".mov", ".m4v", ".webm", ".ts", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp"}


def start_in_name(name: str, kind: str) -> str | None:
    """The time in a file's path as ISO text, by a camera's `names`; None where there is none.

    Args:
        name: the path below the home, with `/`.
        kind: `frigate`, `compact`, `iso`, or `auto` for the first of them that fits.
    """
    last = PurePosixPath(name).name
    if kind in ("frigate", "auto") and (match := _FRIGATE.search(name)):
        day, hour, minute, second = match.groups()
        return f"{day}T{hour}:{minute}:{second}Z"
    if kind in ("iso", "auto") and (match := _ISO.search(last)):
        return f"{match[1]}T{match[2]}:{match[3]}:{match[4]}{match[5] or ''}"
    if kind in ("compact", "auto") and (match := _COMPACT.search(last)):
        year, month, day, hour, minute, second, offset = match.groups()
        return f"{year}-{month}-{day}T{hour}:{minute}:{second}{offset or ''}"
    return None


def video_starts(home: FolderNative, root: Path, recording: str) -> list[tuple[Path, float]]:
    """(file, start in seconds since 1970) of the recording's video by the used camera, in the order of their starts.

    Raises:
        BadInputError: a start is not told, or told twice or wrongly; two files start together.
    """
    camera = home.used_camera
    films = home.recordings[recording].video.get(camera or "")
    if films is None:
        return []
    settings = home.cameras.get(camera or "", HomeCameraSettings())
    told = _by_table(home, root, films) if films.starts else _by_name(home, root, recording, films, settings)
    starts = sorted(told, key=lambda one: (one[1], one[0]))
    for (first, first_s), (second, second_s) in pairwise(starts):
        if first_s == second_s:
            raise overlap_error(root, first, second, f"start together in recording {recording}")
    return starts


def overlap_error(root: Path, first: Path, second: Path, how: str) -> BadInputError:
    """The error of two files of one camera for the same time."""
    names = " and ".join(path.relative_to(root).as_posix() for path in (first, second))
    remedy = "move one of them away, or correct its start"
    return BadInputError(root, "video", found=f"{names}, which {how}", expected="one file a moment", remedy=remedy)


def _by_name(
    home: FolderNative, root: Path, recording: str, films: VideoFilesSettings, camera: HomeCameraSettings
) -> list[tuple[Path, float]]:
    listed = list_files(root)
    names = [name for pattern in films.files for name in _matching(root, listed, pattern)]
    key, zone = f"recordings.{recording}.video", ZoneInfo(home.time_zone)
    if films.start is not None:
        if len(names) != 1:
            found, expected = f"`start` for {len(names)} files", "one file, or names that tell their starts"
            remedy = "leave `start` out, or list the files with their starts in a table (`starts`)"
            raise BadInputError(root / home.home_file, key, found=found, expected=expected, remedy=remedy)
        return [(root / names[0], _moment(films.start, zone, root / home.home_file, f"{key}.start"))]
    found_s = []
    for name in dict.fromkeys(names):
        text = start_in_name(name, camera.names)
        if text is None:
            found, expected = "no date and time", f"one, by the camera's `names: {camera.names}`"
            remedy = f"rename it, or set {key}.start, or list the files with their starts in a table (`starts`)"
            raise BadInputError(root / name, "name", found=found, expected=expected, remedy=remedy)
        found_s.append((root / name, _moment(text, zone, root / name, "name")))
    return found_s


def _matching(root: Path, listed: Sequence[str], pattern: str) -> list[str]:
    if found := matching_files(listed, [pattern], ""):
        return found
    remedy = "put the files there, or correct the pattern in home.yaml"
    raise BadInputError(root, "video", found="no such file", expected=f"files like {pattern}", remedy=remedy)


def _by_table(home: FolderNative, root: Path, films: VideoFilesSettings) -> list[tuple[Path, float]]:
    path = root / str(films.starts)
    table = open_table(path)
    if set(table.names) != {"file", "start"}:
        found, remedy = name_some(table.names), "name the columns so"
        raise BadInputError(path, f"{table.unit} 1", found=found, expected="columns file, start", remedy=remedy)
    starts: dict[Path, float] = {}
    for piece in table.pieces(["file", "start"]):
        for name, text, number in zip(piece.columns["file"], piece.columns["start"], piece.numbers, strict=True):
            place, file = table.place(int(number), "file"), path.parent / name.strip()
            is_below = not PurePosixPath(name.strip()).is_absolute() and ".." not in PurePosixPath(name.strip()).parts
            if not is_below or not file.is_file() or file.suffix.lower() not in _SUFFIXES or file in starts:
                found = f"{name!r}, which stands there before" if file in starts else f"{name!r}"
                expected, remedy = f"a video below {path.parent}, once", "mend the line, or put the file there"
                raise BadInputError(path, place, found=found, expected=expected, remedy=remedy)
            starts[file] = _moment(text, ZoneInfo(home.time_zone), path, table.place(int(number), "start"))
    return list(starts.items())


def _moment(text: str, zone: ZoneInfo, path: Path, place: str) -> float:
    try:
        return read_moment(text, zone)
    except StampError as error:
        raise error.at(path, place) from None
