import h5py
import numpy as np
import pytest

from detach_core.contracts.hdf5 import all_finite, storage_fault


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", libver=("v110", "v110")) as file:
        yield file


def test_values_in_the_file_itself_pass(file):
    file["whole"] = np.ones((100, 3), np.float32)
    file["none"] = np.ones((0, 3), np.float32)
    file.flush()
    assert storage_fault(file["whole"], file) is None
    assert storage_fault(file["none"], file) is None


@pytest.mark.parametrize("options", [{}, {"chunks": (1024,)}, {"chunks": (1024,), "compression": "gzip"}])
def test_a_dataset_that_promises_more_than_the_file_has_is_told(file, options):
    file.create_dataset("huge", shape=(1 << 40,), dtype="float32", **options)
    assert "4398046511104 bytes in a file of" in storage_fault(file["huge"], file)


def test_a_packed_dataset_larger_than_its_file_is_told(file):
    file.create_dataset("packed", data=np.zeros(1_000_000), chunks=(1000,), compression="gzip")
    file.flush()
    assert "8000000 bytes" in storage_fault(file["packed"], file)


def test_values_elsewhere_and_no_values_are_told(file, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(8))
    file.create_dataset("external", shape=(1,), dtype="float64", external=[(str(tmp_path / "secret"), 0, 8)])
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.ones(1)
    file["linked"] = h5py.ExternalLink("other.h5", "x")
    layout = h5py.VirtualLayout((1,), "float64")
    layout[...] = h5py.VirtualSource("other.h5", "x", (1,))
    file.create_virtual_dataset("virtual", layout)
    file.create_dataset("empty", data=h5py.Empty("f8"))
    for name in ("external", "linked", "virtual"):
        assert storage_fault(file[name], file) == "values that lie in another file"
    assert storage_fault(file["empty"], file) == "a dataset without values"


def test_one_value_that_is_no_number_is_found_in_whatever_piece(file):
    values = np.ones((10_000, 2), np.float32)
    file["good"] = values
    values[9_000, 1] = np.nan
    file["bad"] = values
    assert all_finite(file["good"])
    assert not all_finite(file["bad"])
