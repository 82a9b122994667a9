"""Arrays that may be longer than memory: (T, ...) values that are read some rows at a time.

`LazyRows` is what all of them share: an index takes rows as numpy does and reads no others, and `numpy.asarray` reads
all. What goes through a whole recording does so by `blocks`. Those that lie in a file are in `row_files`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_BLOCK_BYTES = 1 << 21
_MOST_SPARSE = 8  # rows that are read for one that is wanted, before each run of rows is read by itself


class LazyRows(ABC):
    """(T, ...) values of which a reader holds only the rows that it asked for."""

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
    """The rows of several arrays of one shape, one array behind the other."""

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
