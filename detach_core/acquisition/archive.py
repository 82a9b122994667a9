"""Archives unpacked with suspicion: names, links, sizes and counts are judged by what really comes out.

Headers are not believed: bytes are counted while they are written, and every file is made anew, never overwritten.
Modes, owners and times of the archive are ignored.
"""

from __future__ import annotations

import errno
import hashlib
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from detach_core.acquisition.members import Member, archive_members, member_path
from detach_core.foundation.errors import BadInputError, UserError

CHUNK = 1 << 20
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, RuntimeError, IndexError, KeyError, OverflowError),
)


@dataclass(frozen=True)
class UnpackedFile:
    """One file that came out of an archive: its path below the folder, its size and its SHA-256."""

    path: str
    bytes: int
    sha256: str


class LimitError(BadInputError):
    """An archive is larger than allowed; it may be right and the limit wrong."""


def unpack(
    archive: Path, folder: Path, *, max_bytes: int, max_entries: int, progress: Callable[[int], None]
) -> list[UnpackedFile]:
    """Unpack `archive` into the existing, empty `folder`; the files, sorted by path.

    Args:
        archive: a zip, or a tar that is plain or packed by gzip, bzip2 or xz.
        folder: what is in it when this raises is of no use.
        max_bytes: of all contents together.
        max_entries: files and folders together.
        progress: called with each number of bytes written.

    Raises:
        LimitError: more comes out than allowed.
        BadInputError: it is no archive, is damaged or encrypted, holds a link or a device, a name that leads outside or
            the same name twice.
        UserError: a file cannot be written.
    """
    files: list[UnpackedFile] = []
    count = written = 0
    for count, member in enumerate(_members(archive), start=1):
        if count > max_entries:
            _refuse_size(archive, f"more than {max_entries} entries", "download.max_entries")
        with _damage_is_bad_input(archive, member.name):
            path = member_path(member.name)
        target = folder / path
        parent = target if member.is_folder else target.parent
        with _obstacle_is_bad_input(archive, member.name):
            parent.mkdir(parents=True, exist_ok=True)
        if member.is_folder:
            continue
        sha256, size = hashlib.sha256(), 0
        with _obstacle_is_bad_input(archive, member.name), target.open("xb") as destination:
            for chunk in _content(archive, member):
                size, written = size + len(chunk), written + len(chunk)
                if written > max_bytes:
                    _refuse_size(archive, f"more than {max_bytes / 1e9:g} GB of content", "download.max_unpacked_gb")
                sha256.update(chunk)
                destination.write(chunk)
                progress(len(chunk))
        files.append(UnpackedFile(path.as_posix(), size, sha256.hexdigest()))
    if not files:
        raise BadInputError(archive, "archive", found="no file", expected="files", remedy=_FETCH_AGAIN)
    return sorted(files, key=lambda file: file.path)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty sibling of `folder` that takes its name and place when the block ends well, and vanishes otherwise."""
    fresh, old = (folder.with_name(f".{folder.name}.{state}") for state in ("unpacking", "replaced"))
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    finally:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)


_FETCH_AGAIN = "check the url, or fetch the archive by hand and use `source: local`"


def _members(archive: Path) -> Iterator[Member]:
    with _damage_is_bad_input(archive, "archive"), closing(archive_members(archive)) as members:
        yield from members


def _content(archive: Path, member: Member) -> Iterator[bytes]:
    with _damage_is_bad_input(archive, member.name), member.open() as content:
        while chunk := content.read(CHUNK):
            yield chunk


@contextmanager
def _damage_is_bad_input(archive: Path, place: str) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        found = str(error) or type(error).__name__
        expected = "a sound zip or tar archive of plain files"
        raise BadInputError(archive, repr(place)[:200], found=found, expected=expected, remedy=_FETCH_AGAIN) from error


@contextmanager
def _obstacle_is_bad_input(archive: Path, place: str) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInputError(
            archive, repr(place)[:200], found="a second entry of that name", expected="one", remedy=_FETCH_AGAIN
        ) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInputError(
                archive,
                repr(place)[:200],
                found="a name that is too long",
                expected="a shorter one",
                remedy=_FETCH_AGAIN,
            ) from error
        raise UserError(f"{archive}: {place!r:.200} cannot be unpacked ({error.strerror or error})") from error


def _refuse_size(archive: Path, found: str, key: str) -> NoReturn:
    remedy = f"if the archive is right, raise `{key}` in the dataset's section"
    raise LimitError(archive, "archive", found=found, expected="at most that", remedy=remedy)
