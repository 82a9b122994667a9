from __future__ import annotations

import gc
from pathlib import Path

import h5py
import numpy as np
import pytest

from detach_core.contracts.hdf5 import create_artifact, create_stream, open_artifact
from detach_core.contracts.rows import RowFile, Spool, open_rows, rows_of
from detach_core.foundation.errors import ContractError

VALUES = np.arange(60, dtype=np.float32).reshape(20, 3)


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


def test_a_spool_gives_back_what_was_added_and_leaves_nothing(tmp_path):
    gc.collect()  # files that other tests left to the collector
    before = open_files()
    spool = Spool(tmp_path, (3,), "float32")
    for first in range(0, 20, 6):
        spool.append(VALUES[first : first + 6].astype(np.float64))
    rows = spool.rows()
    assert (rows.shape, rows.dtype) == ((20, 3), np.dtype(np.float32))
    np.testing.assert_array_equal(rows[:], VALUES)
    np.testing.assert_array_equal(rows[5:9], VALUES[5:9])
    assert list(tmp_path.iterdir()) == []
    del spool
    gc.collect()
    np.testing.assert_array_equal(rows[19], VALUES[19])
    del rows
    gc.collect()
    assert open_files() == before


def test_a_spool_of_nothing_is_empty(tmp_path):
    spool = Spool(tmp_path, (), "float64")
    spool.append(np.empty(0))
    assert spool.rows()[:].shape == (0,)


def test_a_file_that_has_become_shorter_is_not_made_up(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes(VALUES.tobytes())
    rows = RowFile(path, 0, (20, 3), np.dtype(np.float32))
    np.testing.assert_array_equal(rows[18:], VALUES[18:])
    path.write_bytes(VALUES.tobytes()[:-1])
    np.testing.assert_array_equal(rows[:19], VALUES[:19])
    with pytest.raises(OSError, match="shorter than it was"):
        rows[18:]


@pytest.fixture
def artifact(tmp_path):
    def make(fill):
        with create_artifact(tmp_path / "a.h5", schema="detach.test/1", provenance=None) as file:
            fill(file)
        return tmp_path / "a.h5"

    return make


def read(path, shape=(None, 3)):
    with open_artifact(path, schema="detach.test/1", rule="ingest") as reader:
        return open_rows(reader, "values", dtype="float32", shape=shape)


def test_a_dataset_is_read_by_rows_after_its_file_was_closed(artifact):
    def fill(file):
        file["before"] = np.zeros(1000)
        create_stream(file, "values", VALUES.shape, "float32")[...] = VALUES

    rows = read(artifact(fill))
    np.testing.assert_array_equal(rows[:], VALUES)
    np.testing.assert_array_equal(rows[7:9], VALUES[7:9])


@pytest.mark.parametrize(
    ("fill", "found"),
    [
        (lambda file: None, "found nothing"),
        (lambda file: file.create_dataset("values", data=VALUES, chunks=(5, 3)), "found a chunked or cut one"),
        (lambda file: file.create_dataset("values", data=VALUES.astype(np.float64)), "found float64"),
        (lambda file: file.create_dataset("values", data=VALUES[:, :2]), r"found shape \(20, 2\)"),
    ],
)
def test_a_dataset_that_cannot_be_read_by_rows_is_named(artifact, fill, found):
    with pytest.raises(ContractError, match=f"values: {found}.*rerun the rule `ingest`"):
        read(artifact(fill))


def test_a_dataset_of_no_rows_is_read(artifact):
    rows = read(artifact(lambda file: create_stream(file, "values", (0, 3), "float32")))
    assert rows[:].shape == (0, 3)


def test_a_mapping_is_read_from_its_file_and_its_views_are_left_alone(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes(bytes(12) + VALUES.tobytes())
    mapped = np.memmap(path, mode="r", dtype=np.float32, shape=(20, 3), offset=12)
    found = rows_of(mapped)
    assert isinstance(found, RowFile)
    np.testing.assert_array_equal(found[4:9], VALUES[4:9])
    assert rows_of(VALUES) is VALUES
    view = mapped[4:]
    assert rows_of(view) is view


def test_the_file_is_open_only_while_it_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["values"] = VALUES
        offset = file["values"].id.get_offset()
    before = open_files()
    many = [RowFile(Path(path), offset, (20, 3), np.dtype(np.float32)) for _ in range(50)]
    assert all((rows[0] == VALUES[0]).all() for rows in many)
    assert open_files() == before
