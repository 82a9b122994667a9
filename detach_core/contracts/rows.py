"""Arrays larger than memory: (T, ...) values in a file, read some rows at a time.

`LazyRows` is their common base: an index takes rows as numpy does and reads no others, and `numpy.asarray` reads all.
A pass over a whole recording goes by `blocks`.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detach_core.contracts.hdf5 import ArtifactReader

_BLOCK_BYTES = 1 << 21

_MOST_SPARSE = 8  # rows that are read for one that is wanted, before each run of rows is read by itself


class LazyRows(ABC):
    """(T, ...) values of which only the requested rows are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def read(self, first: int, end: int) -> NDArray[Any]:
        """The rows [first, end), in an array of their own; 0 <= first <= end <= T."""
        ...

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        rows, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(rows, slice):
            first, end, step = rows.indices(len(self))
            if step < 1:
                raise IndexError(f"rows are read forwards, got a step of {step}")
            values = self.read(first, max(first, end))[::step]
        elif isinstance(rows, int | np.integer):
            row = range(len(self))[int(rows)]
            return self.read(row, row + 1)[(0, *rest)]
        else:
            values = self._take(np.asarray(rows))
        return values[(slice(None), *rest)] if rest else values

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self.read(0, len(self)).astype(dtype or self.dtype, copy=False)

    def _take(self, rows: NDArray[Any]) -> NDArray[Any]:
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
            raise IndexError(f"expected row numbers (N,), got {rows.dtype} {rows.shape}")
        if not len(rows):
            return self.read(0, 0)
        low, end = int(rows.min()), int(rows.max()) + 1
        if low < 0 or end > len(self):
            raise IndexError(f"rows {low}..{end - 1} of {len(self)}")
        if end - low <= _MOST_SPARSE * len(rows):
            return np.asarray(self.read(low, end)[rows - low])
        edges = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        return np.concatenate([self.read(rows[start], rows[stop - 1] + 1) for start, stop in pairwise(edges)])


Rows = LazyRows | NDArray[Any]


def blocks(rows: Rows, *, extra: int = 0) -> Iterator[tuple[int, NDArray[Any]]]:
    """All of `rows` in pieces of some megabytes: (number of its first row, its rows).

    Args:
        rows: (T, ...).
        extra: rows of the next piece that each piece holds as well, where there are any: 1 to see every step once.
    """
    row_bytes = rows.dtype.itemsize * math.prod(rows.shape[1:])
    count = max(1, _BLOCK_BYTES // max(row_bytes, 1))
    for first in range(0, len(rows), count):
        yield first, rows[first : first + count + extra]


class MappedRows(LazyRows):
    """Rows of another array, each piece changed by a `function` that keeps its shape."""

    def __init__(self, rows: Rows, function: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self._rows, self._function = rows, function
        self.shape, self.dtype = tuple(rows.shape), np.dtype(np.float64)

    def read(self, first: int, end: int) -> NDArray[Any]:
        """The changed rows [first, end), in float64."""
        return np.asarray(self._function(self._rows[first:end]), dtype=np.float64)


class SelectedRows(LazyRows):
    """The rows `numbers` (N,) of another array."""

    def __init__(self, rows: Rows, numbers: NDArray[np.integer]) -> None:
        self._rows, self._numbers = rows, numbers
        self.shape, self.dtype = (len(numbers), *rows.shape[1:]), np.dtype(rows.dtype)

    def read(self, first: int, end: int) -> NDArray[Any]:
        """The selected rows [first, end)."""
        return np.asarray(self._rows[self._numbers[first:end]])


class JoinedRows(LazyRows):
    """Concatenation of the rows of several arrays of one shape."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts = parts
        self._edges = np.cumsum([0, *map(len, parts)]).tolist()
        self.shape, self.dtype = (self._edges[-1], *parts[0].shape[1:]), parts[0].dtype

    def read(self, first: int, end: int) -> NDArray[np.generic]:
        """The rows [first, end), from whichever arrays they lie in."""
        found = [
            part[max(first - start, 0) : min(end, stop) - start]
            for part, start, stop in zip(self._parts, self._edges[:-1], self._edges[1:], strict=True)
            if max(first, start) < min(end, stop)
        ]
        return np.concatenate(found) if found else np.empty((0, *self.shape[1:]), self.dtype)


@dataclass(frozen=True, eq=False)
class RowFile(LazyRows):
    """Contiguous rows in `file` (a path or an unnamed file) from the byte `offset` on."""

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
    """An unnamed open file in `folder` (None: the system's for temporary files), deleted with its last reference."""

    def __init__(self, folder: Path | None) -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            self.descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.descriptor)


class Spool:
    """Rows of one shape, spooled to an unnamed file and read from there."""

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
    """The array `mapped`, read by rows if it is a mapped file, whose pages would otherwise stay in memory."""
    # A view of a mapping holds the file, but not its offset in it.
    base: object = mapped.base
    if not isinstance(mapped, np.memmap) or mapped.filename is None or not isinstance(base, mmap.mmap):
        return mapped
    return RowFile(Path(mapped.filename), mapped.offset, mapped.shape, mapped.dtype)


def open_rows(reader: ArtifactReader, name: str, *, dtype: str, shape: tuple[int | None, ...]) -> RowFile:
    """The dataset `name` of an open artifact, readable by rows after the artifact is closed.

    Raises:
        ContractError: it is missing, has another type or shape, or is not in one piece.
    """
    node = reader.dataset(name, dtype=dtype, shape=shape)
    offset = node.id.get_offset() if node.size else 0
    if offset is None or offset + node.nbytes > reader.path.stat().st_size:
        raise reader.error(name, expected="a contiguous dataset", found="a chunked or cut one")
    return RowFile(reader.path, offset, node.shape, node.dtype)
