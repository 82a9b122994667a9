"""Validated extraction of archives: names, links, sizes and counts are checked on the extracted content.

Headers are not believed: bytes are counted while they are written, and every file is made anew, never overwritten.
Modes, owners and times of the archive are ignored.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

from detach_core.foundation.errors import BadInputError, UserError

CHUNK = 1 << 20

DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, RuntimeError, IndexError, KeyError, OverflowError),
)


@dataclass(frozen=True)
class UnpackedFile:
    """One extracted file: its path below the folder, its size and its SHA-256."""

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
    """An empty sibling of `folder` that replaces it when the block succeeds, and is deleted otherwise."""
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
        expected = "an undamaged zip or tar archive of plain files"
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


MAX_HEADER_BYTES = 16 << 20  # tarfile reads a header of names whole into memory

OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


@dataclass(frozen=True)
class Member:
    """A file or folder of an archive; `open` gives the content of a file."""

    name: str
    is_folder: bool
    open: Callable[[], IO[bytes]]


def archive_members(archive: Path) -> Generator[Member, None, None]:
    """The members of `archive`, in its order; each must be read before the next is requested.

    Raises:
        ValueError: it is no archive, or holds what is neither file nor folder, or is encrypted; besides, what
            `zipfile`, `tarfile` and the decompressors raise for damaged files.
    """
    with archive.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK"):
        return _zip_members(archive)
    for magic, opener in OPENERS.items():
        if start.startswith(magic):
            return _tar_members(opener(archive))
    if start[257:262] == b"ustar":
        return _tar_members(archive.open("rb"))
    kind = "a web page" if re.match(rb"\s*<(!doctype|html|\?xml)", start, re.IGNORECASE) else "neither zip nor tar"
    raise ValueError(f"{kind}, {archive.stat().st_size} bytes")


def member_path(name: str) -> PurePosixPath:
    """The path below the target folder that a member's name stands for; `.` for the folder itself.

    Raises:
        ValueError: the name leads outside, or is not portable.
    """
    if re.search(r"[\x00-\x1f\x7f\\]", name):
        raise ValueError("a backslash or a control character in a name")
    path = PurePosixPath(name)
    if path.is_absolute() or re.match("[A-Za-z]:", name):
        raise ValueError("an absolute path")
    if ".." in path.parts:
        raise ValueError("a path that leads outside")
    return path


def _zip_members(archive: Path) -> Generator[Member, None, None]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(f"{entry.filename!r}, a link or a device")
            if entry.flag_bits & 1:
                raise ValueError(f"{entry.filename!r}, an encrypted file")
            # zipfile cuts a name at a zero byte: the uncut one is judged.
            yield Member(entry.orig_filename, entry.is_dir(), partial(opened.open, entry))


def _tar_members(stream: IO[bytes]) -> Generator[Member, None, None]:
    reader: Any = _BoundedReads(stream)
    with stream, tarfile.open(fileobj=reader, mode="r:", tarinfo=_StrictTarInfo) as opened:
        for entry in opened:
            reader.headers = None  # what is read before the next entry is content
            if not (entry.isreg() or entry.isdir()):
                raise ValueError(f"{entry.name!r}, a link or a device")
            yield Member(entry.name, entry.isdir(), partial(_open_entry, opened, entry))
            reader.headers = 0
        # The check sum of a packed tar stands at its very end.
        padding = 0
        for chunk in iter(partial(stream.read, 1 << 16), b""):
            padding += len(chunk)
            if chunk.strip(b"\0") or padding > MAX_HEADER_BYTES:
                raise ValueError("data behind the archive's end")


def _open_entry(opened: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(entry)
    if content is None:
        raise ValueError(f"{entry.name!r}, an entry without content")
    return content


class _BoundedReads:
    """A stream that limits the size of one read, and of the headers before one entry, to that of a header."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.seek, self.tell, self._read = stream.seek, stream.tell, stream.read
        self.headers: int | None = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise ValueError(f"a header of {size} bytes")
        if self.headers is not None:
            self.headers += size
            if self.headers > 2 * MAX_HEADER_BYTES:
                raise ValueError(f"more than {2 * MAX_HEADER_BYTES} bytes of headers before one entry")
        return self._read(size)


class _StrictTarInfo(tarfile.TarInfo):
    @classmethod
    def fromtarfile(cls, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().fromtarfile(*args, **kwargs)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise ValueError(f"a broken header ({error})") from error
