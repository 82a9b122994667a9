"""Rows that lie in a file: a dataset of an artifact, or a nameless file that holds what memory should not."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detach_core.contracts.hdf5 import ArtifactReader
from detach_core.contracts.rows import LazyRows, Rows


@dataclass(frozen=True, eq=False)
class RowFile(LazyRows):
    """Rows that lie one behind the other in `file` (a path, or a file without a name) from the byte `offset` on."""

    file: Path | NamelessFile
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, first: int, end: int) -> NDArray[Any]:
        """The rows [first, end).

        Raises:
            OSError: the file has become shorter than its rows.
        """
        values = np.empty((end - first, *self.shape[1:]), self.dtype)
        if values.size:
            left = _bytes_of(values)
            source = self.file if isinstance(self.file, Path) else self.file.descriptor
            # A file is not held open: thousands of recordings would be thousands of open files.
            with open(source, "rb", buffering=0, closefd=isinstance(source, Path)) as file:
                file.seek(self.offset + first * (values.nbytes // len(values)))
                while len(left):
                    count = file.readinto(left)
                    if not count:
                        raise OSError(f"{self.file}: the file is shorter than it was")
                    left = left[count:]
        return values


def _bytes_of(values: NDArray[Any]) -> memoryview:
    view: memoryview = values.reshape(-1).view(np.uint8).data
    return view


class NamelessFile:
    """An open file in `folder` (None: the system's for temporary files) that vanishes with the last who knows it."""

    def __init__(self, folder: Path | None) -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            self.descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.descriptor)


class Spool:
    """Rows of one shape that are written to a nameless file as they come, to be read again."""

    def __init__(self, folder: Path | None, row_shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._file, self._row_shape, self._dtype = NamelessFile(folder), row_shape, np.dtype(dtype)
        self._count = self._bytes = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Write `rows` (n, ...) behind the others."""
        values = np.ascontiguousarray(rows, dtype=self._dtype)
        left = _bytes_of(values)
        self._count += len(values)
        while len(left):
            written = os.pwrite(self._file.descriptor, left, self._bytes)
            left, self._bytes = left[written:], self._bytes + written

    def rows(self) -> RowFile:
        """All that was written."""
        return RowFile(self._file, 0, (self._count, *self._row_shape), self._dtype)


def rows_of(mapped: NDArray[Any]) -> Rows:
    """The array `mapped`, read by rows if it is a mapping of a file, which would keep all that was once looked at."""
    # A view of a mapping knows the file, but not where in it it begins.
    base: object = mapped.base
    if not isinstance(mapped, np.memmap) or mapped.filename is None or not isinstance(base, mmap.mmap):
        return mapped
    return RowFile(Path(mapped.filename), mapped.offset, mapped.shape, mapped.dtype)


def open_rows(reader: ArtifactReader, name: str, *, dtype: str, shape: tuple[int | None, ...]) -> RowFile:
    """The dataset `name` of an open artifact, to be read by rows also after the artifact was closed.

    Raises:
        ContractError: it is missing, has another type or shape, or is not in one piece.
    """
    node = reader.dataset(name, dtype=dtype, shape=shape)
    offset = node.id.get_offset() if node.size else 0
    if offset is None or offset + node.nbytes > reader.path.stat().st_size:
        raise reader.error(name, expected="a contiguous dataset", found="a chunked or cut one")
    return RowFile(reader.path, offset, node.shape, node.dtype)
