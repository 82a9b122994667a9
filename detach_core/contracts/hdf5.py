"""HDF5 artifacts: schema and provenance attributes, checked reading, memory-mapped streams.

No other module opens an HDF5 file. None is ever locked: a file under its own name is whole and stays as it is, a new
one has a name that no other process knows, and some network file systems have no locks and refuse to open what asks
for one.

HDF5 writes much of a file only when its objects are closed. h5py closes them where Python can raise nothing, prints the
error instead, and the file passes for written with a hole in it; later the process may crash. So the file is written
through an object of this module, which HDF5 believes to be well at all times.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.provenance import Provenance, parse_json
from detach_core.foundation.errors import (
    LABEL,
    ContractError,
    UnreadableFileError,
    UserError,
    label_fault,
    open_for_reading,
    raise_unreadable,
)
from detach_core.foundation.files import atomic_path

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
    """A new HDF5 file at `path`, in the format of the library versions `libver`, renamed when the block succeeds.

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
    """A file that records the first write error, and from then on accepts data without writing it."""

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


def storage_fault(node: h5py.Dataset, file: h5py.File) -> str | None:
    """Fault in the storage of `node`, None if there is none; no value is read.

    An artifact holds its values itself and uncompressed: one that promises more than its file has bytes would only fill
    the memory, and one that points elsewhere would read a file that was not given.
    """
    if node.shape is None:
        return "a dataset without values"
    if node.is_virtual or node.external or node.file.filename != file.filename:
        return "values that lie in another file"
    size = file.id.get_filesize()
    if node.nbytes > size:
        return f"shape {node.shape}, {node.nbytes} bytes in a file of {size}"
    return None


def all_finite(node: h5py.Dataset) -> bool:
    """Whether all values of `node` are finite; read in pieces, so that large datasets need little memory."""
    pieces = range(0, len(node), 4096)
    return all(bool(np.all(np.isfinite(np.asarray(node[first : first + 4096], dtype=node.dtype)))) for first in pieces)


# Virtual datasets need 1.10's format; it also lifts the 64 KiB limit of an attribute.
LIBRARY_VERSION = ("v110", "v110")

_ROWS_AT_ONCE = 64  # a single small row costs several times its copy


@contextmanager
def create_artifact(path: Path | str, *, schema: str, provenance: Provenance | None) -> Iterator[h5py.File]:
    """A new HDF5 file of `schema` that is renamed to `path` when the block succeeds."""
    with atomic_path(path) as partial, new_hdf5_file(partial, libver=LIBRARY_VERSION) as file:
        file.attrs["schema"] = schema
        if provenance is not None:
            file.attrs["provenance"] = provenance.to_json()
        yield file


def write_json(node: h5py.HLObject, **values: Any) -> None:
    """Each value as a JSON string attribute of `node`."""
    for name, value in values.items():
        node.attrs[name] = json.dumps(value, separators=(",", ":"))


def create_stream(group: h5py.Group, name: str, shape: Sequence[int], dtype: str) -> h5py.Dataset:
    """An empty contiguous dataset, so that readers can map it into memory."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    properties.set_obj_track_times(False)  # the same content gives the same bytes
    space = h5py.h5s.create_simple(tuple(shape))
    kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
    return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, properties))


def write_rows(datasets: Sequence[h5py.Dataset], rows: Iterable[Sequence[NDArray[Any]]]) -> None:
    """Fill `datasets`, all of one length, row by row; each item of `rows` holds one row of every dataset.

    Raises:
        ValueError: there are more or fewer rows than the datasets have.
    """
    buffers = [np.empty((_ROWS_AT_ONCE, *dataset.shape[1:]), dataset.dtype) for dataset in datasets]
    length, written, waiting = len(datasets[0]), 0, 0
    for row in rows:
        for buffer, values in zip(buffers, row, strict=True):
            buffer[waiting] = values
        waiting += 1
        if waiting == _ROWS_AT_ONCE or written + waiting >= length:
            if written + waiting > length or written == length:
                raise ValueError(f"more than {length} rows")
            for dataset, buffer in zip(datasets, buffers, strict=True):
                dataset[written : written + waiting] = buffer[:waiting]
            written, waiting = written + waiting, 0
    if written + waiting < length:
        raise ValueError(f"{written + waiting} rows for {length}")


def blank(path: Path | str, name: str) -> None:
    """Zeros over the dataset `name` where it lies in the file, so that the file holds no copy of it."""
    with h5py.File(path, "r+") as file:
        values = file[name]
        for first in range(0, len(values), 256):
            values[first : first + 256] = 0


def _remedy(rule: str) -> str:
    return f"rerun the rule `{rule}` (snakemake --forcerun {rule})"


@dataclass(frozen=True)
class ArtifactReader:
    """Checked access to an open artifact; every refusal is a `ContractError` that names the rule to rerun."""

    path: Path
    file: h5py.File
    rule: str

    def error(self, field: str, *, expected: str, found: str) -> ContractError:
        """The error for a `field` that does not fit the contract."""
        return ContractError(self.path, field, expected=expected, found=found, remedy=_remedy(self.rule))

    def dataset(
        self, name: str, *, dtype: str, shape: Sequence[int | None], finite: bool = False, parts: Sequence[str] = ()
    ) -> h5py.Dataset:
        """The dataset `name`, of exactly `dtype` and `shape` (None: any length).

        Args:
            name: its path in the file.
            dtype: a numpy type name; "table" for a compound type with the fields `parts`.
            shape: its lengths, None where any will do.
            finite: refuse NaN and infinity (reads the whole dataset).
            parts: the fields of a table.
        """
        node = self.any_dataset(name)
        if dtype == "table":
            if node.dtype.names != tuple(parts):
                raise self.error(name, expected=f"a table of {', '.join(parts)}", found=str(node.dtype))
        elif node.dtype != np.dtype(dtype):
            raise self.error(name, expected=dtype, found=str(node.dtype))
        if node.ndim != len(shape) or any(
            want not in (None, have) for want, have in zip(shape, node.shape, strict=True)
        ):
            wanted = "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
            raise self.error(name, expected=f"shape {wanted}", found=f"shape {node.shape}")
        if finite and not all_finite(node):
            raise self.error(name, expected="finite values", found="NaN or infinity")
        return node

    def any_dataset(self, name: str) -> h5py.Dataset:
        """The dataset `name`, of any type and shape, whose values are stored in the file."""
        node = self.file.get(name)
        if not isinstance(node, h5py.Dataset):
            raise self.error(name, expected="a dataset", found="nothing" if node is None else "a group")
        if (fault := storage_fault(node, self.file)) is not None:
            raise self.error(name, expected="values in the file itself", found=fault)
        return node

    def stream(self, name: str, *, dtype: str, shape: Sequence[int | None]) -> np.memmap[Any, Any]:
        """The dataset `name` mapped into memory, read-only."""
        node = self.dataset(name, dtype=dtype, shape=shape)
        offset = node.id.get_offset()
        if offset is None or offset + node.nbytes > self.path.stat().st_size:
            raise self.error(name, expected="a contiguous dataset", found="a chunked, empty or cut one")
        return np.memmap(self.path, mode="r", dtype=node.dtype, shape=node.shape, offset=offset)

    def attribute(self, name: str, kind: type, node: str = "/") -> Any:
        """The attribute `name` of `node`, as `kind` (str, int, float)."""
        field = f"{node}@{name}"
        if node not in self.file or name not in self.file[node].attrs:
            raise self.error(field, expected=f"an attribute of {kind.__name__}", found="nothing")
        value = self.file[node].attrs[name]
        value = value.item() if isinstance(value, np.generic) else value
        if kind is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, float) and not math.isfinite(value)):
            raise self.error(field, expected=kind.__name__, found=f"{type(value).__name__} {value!r}"[:80])
        return value

    def label(self, name: str, node: str = "/") -> str:
        """The attribute `name` of `node`, a text that may be shown (`detach_core/foundation/errors.py`)."""
        text: str = self.attribute(name, str, node)
        self._check_label(f"{node}@{name}", text)
        return text

    def _check_label(self, field: str, text: str) -> None:
        if (fault := label_fault(text)) is not None:
            raise self.error(field, expected=LABEL, found=fault)

    def json(self, name: str, kind: type, node: str = "/") -> Any:
        """The JSON attribute `name` of `node`, whose value is a `kind` (list, dict)."""
        text = self.attribute(name, str, node)
        field = f"{node}@{name}"
        try:
            value = parse_json(text)
        except ValueError:
            raise self.error(field, expected="JSON", found=repr(text[:40])) from None
        if not isinstance(value, kind):
            raise self.error(field, expected=f"a JSON {kind.__name__}", found=type(value).__name__)
        return value

    def names(self, name: str, node: str = "/") -> tuple[str, ...]:
        """The JSON attribute `name` of `node`, a list of labels."""
        values = self.json(name, list, node)
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"{node}@{name}", expected="a JSON list of strings", found=str(values)[:80])
        for value in values:
            self._check_label(f"{node}@{name}", value)
        return tuple(values)

    def provenance(self) -> Provenance:
        """Provenance of this artifact."""
        try:
            return Provenance.from_json(self.attribute("provenance", str))
        except ValueError:
            raise self.error("/@provenance", expected="a provenance record", found="something else") from None


@contextmanager
def open_artifact(path: Path | str, *, schema: str, rule: str) -> Iterator[ArtifactReader]:
    """A reader of the artifact at `path`, an output of `rule`.

    Raises:
        ContractError: the file is missing, is no HDF5 file, is damaged, or follows another schema.
        UnreadableFileError: the file is there and the operating system does not let it be read.
    """
    path = Path(path)
    if not _is_file(path):
        raise ContractError(path, "file", expected=f"an artifact {schema}", found="nothing", remedy=_remedy(rule))
    try:
        file = open_hdf5_file(path)
    except UnreadableFileError:
        raise
    except OSError as error:
        raise ContractError(path, "file", expected="an HDF5 file", found=str(error), remedy=_remedy(rule)) from None
    with file:
        reader = ArtifactReader(path, file, rule)
        if (found := reader.attribute("schema", str)) != schema:
            raise reader.error("/@schema", expected=schema, found=found)
        try:
            yield reader
        except UserError:
            raise
        except (OSError, RuntimeError, KeyError, TypeError, MemoryError) as error:  # what h5py raises on a damaged file
            raise_unreadable(path, error)
            raise reader.error("file", expected="a whole artifact", found=f"damage ({error})"[:200]) from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # a folder above it that may not be entered is no missing file
        raise_unreadable(path, error)
        raise
