from dataclasses import fields

import h5py
import numpy as np
import pytest

from detach_core.contracts.analysis import NO_PAIR, read_negative_pairs, write_negative_pairs
from detach_core.foundation.errors import ContractError
from tests.fixtures.pairs import make_pairs


@pytest.fixture
def path(tmp_path):
    write_negative_pairs(tmp_path / "pairs.h5", make_pairs())
    return tmp_path / "pairs.h5"


def refusal(path):
    with pytest.raises(ContractError) as caught:
        read_negative_pairs(path)
    assert "negative_pairs" in caught.value.remedy
    return caught.value.field


def test_what_is_written_is_read(path):
    read, made = read_negative_pairs(path), make_pairs()
    for field in fields(made):
        found, expected = getattr(read, field.name), getattr(made, field.name)
        if isinstance(expected, np.ndarray):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
        elif field.name != "snapshots":
            assert found == expected, field.name
    assert [one.epoch for one in read.snapshots] == [0, 4, 10]
    for found, expected in zip(read.snapshots, made.snapshots, strict=True):
        for name in ("spatial_similarity", "temporal_similarity", "weight"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_equal_pairs_make_equal_files(path, tmp_path):
    write_negative_pairs(tmp_path / "again.h5", make_pairs())
    assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()


@pytest.mark.parametrize("name", ["schema", "provenance", "variant", "seed", "epochs", "kind_names", "kinds_from"])
def test_each_missing_attribute_is_named(path, name):
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
    assert refusal(path) == f"/@{name}"


@pytest.mark.parametrize("name", ["window", "label", "kind", "epoch4_weight", "epoch10_temporal_similarity"])
def test_each_missing_dataset_is_named(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
    assert refusal(path) == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch0_weight", np.nan),
        ("epoch0_weight", -0.1),
        ("epoch4_spatial_similarity", 1.1),
        ("epoch4_spatial_similarity", -0.1),
        ("epoch10_temporal_similarity", -1.1),
        ("kind", 3),
        ("label", 5),
        ("place", 2),
        ("action", -2),
    ],
)
def test_values_out_of_their_range_are_refused(path, name, value):
    with h5py.File(path, "r+") as file:
        file[name][(0, 1) if file[name].ndim == 2 else 0] = value
    assert refusal(path) == name


@pytest.mark.parametrize("place", [(1, 0), (2, 2)])
def test_a_pair_that_would_count_twice_is_refused(path, place):
    with h5py.File(path, "r+") as file:
        assert file["kind"][place] == NO_PAIR
        file["kind"][place] = 1
    assert refusal(path) == "kind"


def test_matrices_of_another_batch_are_refused(path):
    with h5py.File(path, "r+") as file:
        del file["epoch4_weight"]
        file["epoch4_weight"] = np.ones((3, 3), np.float32)
    assert refusal(path) == "epoch4_weight"


@pytest.mark.parametrize("text", ["[]", "[4, 0]", "[0, 0]", '["0"]', "{}"])
def test_epochs_that_do_not_rise_are_refused(path, text):
    with h5py.File(path, "r+") as file:
        file.attrs["epochs"] = text
    assert refusal(path) == "/@epochs"


def test_a_file_that_is_not_there_is_named_with_its_rule(tmp_path):
    assert refusal(tmp_path / "none.h5") == "file"
