import resource

import h5py
import numpy as np
import pytest

from detach_core.contracts.hdf5 import LIBRARY_VERSION, create_stream
from detach_core.contracts.hdf5_file import new_hdf5_file


def fill(file):
    """Large and small datasets, groups and attributes: all that HDF5 writes at once or later."""
    create_stream(file, "large", (100, 300), "float32")[...] = np.ones((100, 300), np.float32)
    file["small"] = np.arange(1000.0)
    for number in range(30):
        file.create_group(f"group{number}").attrs["text"] = "x" * 500


def test_what_is_written_is_read_and_the_same_content_gives_the_same_bytes(tmp_path):
    for name in "ab":
        with new_hdf5_file(tmp_path / name, libver=LIBRARY_VERSION) as file:
            fill(file)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with h5py.File(tmp_path / "a", "r") as file:
        assert float(file["large"][...].sum()) == 30000.0
        np.testing.assert_array_equal(file["small"], np.arange(1000.0))
        assert {len(file[f"group{number}"].attrs["text"]) for number in range(30)} == {500}


@pytest.fixture
def limit_bytes():
    """Sets how large a file may grow; beyond it the system refuses, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_whatever_cannot_be_written_is_an_error(tmp_path, limit_bytes):
    with new_hdf5_file(tmp_path / "whole", libver=LIBRARY_VERSION) as file:
        fill(file)
    size = (tmp_path / "whole").stat().st_size
    for share in (0.0, 0.2, 0.5, 0.8, 0.95, 0.999):
        limit_bytes(int(share * size))
        with pytest.raises(OSError, match="File too large"), new_hdf5_file(tmp_path / "a", libver=LIBRARY_VERSION) as f:
            fill(f)
    limit_bytes(size)
    with new_hdf5_file(tmp_path / "a", libver=LIBRARY_VERSION) as file:
        fill(file)


def test_an_error_of_the_block_stays_itself_where_the_disk_was_well(tmp_path):
    with pytest.raises(ValueError, match="mine"), new_hdf5_file(tmp_path / "a", libver=LIBRARY_VERSION):
        raise ValueError("mine")
