"""How the values of an HDF5 dataset are stored: whether they lie in the file itself, and whether all are numbers."""

from __future__ import annotations

import h5py
import numpy as np


def storage_fault(node: h5py.Dataset, file: h5py.File) -> str | None:
    """What is wrong with how `node` is stored, None where all is well; nothing of it is read.

    An artifact holds its values itself and uncompressed: one that promises more than its file has bytes would only fill
    the memory, and one that points elsewhere would read a file that nobody named.
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
    """Whether no value of `node` is NaN or infinite; read in pieces, so that large datasets need little memory."""
    pieces = range(0, len(node), 4096)
    return all(bool(np.all(np.isfinite(np.asarray(node[first : first + 4096], dtype=node.dtype)))) for first in pieces)
