"""HDF5 files opened: old ones for reading, new ones so that they say so when the disk has no room for them.

No other module opens one. Nothing is ever locked, since a file under its own name is whole and stays as it is, while a
new one has a name that no other process knows; some network file systems know no locks and refuse to open what asks
for one.

HDF5 writes much of a file only when its objects are closed. h5py closes them where Python can raise nothing, prints the
error instead, and the file passes for written with a hole in it; later the process may crash. So the file is written
through an object of ours, which HDF5 believes to be well at all times.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from detach_core.contracts.errors import open_for_reading, raise_unreadable

# HDF5 gathers less than that and writes it whenever it likes; more comes straight from a call of ours, which may fail.
_GATHERED_BYTES = 2**16


def open_hdf5_file(path: Path | str) -> h5py.File:
    """The HDF5 file at `path`, open for reading.

    Raises:
        UnreadableFileError: the file is there and the operating system does not let it be read.
        OSError: it is no HDF5 file, or cut.
    """
    with open_for_reading(path):
        pass  # what the operating system has against it, in its own words; HDF5 has no number for that
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise_unreadable(path, error)
        raise


@contextmanager
def new_hdf5_file(path: Path | str, *, libver: tuple[str, str]) -> Iterator[h5py.File]:
    """A new HDF5 file at `path`, in the format of the library versions `libver`, whole when the block ends well.

    Raises:
        OSError: as the operating system said it when some of the file could not be written.
    """
    with _Recorder(path, "w+") as recorder:
        try:
            with h5py.File(recorder, "w", libver=libver, locking=False) as file:
                yield file
        except Exception:
            # What HDF5 makes of a file that it cannot read back is beside the point.
            if recorder.failure is not None:
                raise recorder.failure from None
            raise
        if recorder.failure is not None:
            raise recorder.failure


class _Recorder(io.FileIO):
    """A file that remembers the first error of writing, and from then on takes all that comes and writes nothing."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        left = memoryview(data).cast("B")
        length = len(left)
        try:
            while len(left) and self.failure is None:
                left = left[super().write(left) :]  # a disk that is nearly full takes a part without an error
        except OSError as error:
            self.failure = error
            if length > _GATHERED_BYTES:
                raise
        return length

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0
