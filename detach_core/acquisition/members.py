"""The members of a zip or tar archive, one after the other, in one form.

The kind is told by content. Tar headers are read so that a damaged one is an error; Python's own reader takes it for
the archive's end.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

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
    """The members of `archive`, in its order; each must be read before the next is asked for.

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
                raise ValueError("something behind the archive's end")


def _open_entry(opened: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(entry)
    if content is None:
        raise ValueError(f"{entry.name!r}, an entry without content")
    return content


class _BoundedReads:
    """A stream that refuses to read at once, or in headers before one entry, more than a header may have."""

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
