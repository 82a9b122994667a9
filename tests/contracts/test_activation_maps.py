import time
from dataclasses import fields, is_dataclass

import h5py
import numpy as np
import pytest

from detach_core.contracts.analysis import MAPS, read_activation_maps, write_activation_maps
from detach_core.foundation.errors import ContractError
from tests.fixtures.maps import make_maps

ATTRIBUTES = [
    "schema", "provenance", "dataset", "source", "split", "part", "variant", "baseline", "moving", "working_hz",
    "class_names", "recordings",
]  # fmt: skip
DATASETS = [
    "window", "start_s", "frames", "change", "measured_window", "measured_share", "measured_even", "measured_peak",
    *(f"{name}_{part}" for name in MAPS for part in ("cells", "rows_px", "columns_px", "span")),
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    write_activation_maps(tmp_path / "activation_maps.h5", make_maps())
    return tmp_path / "activation_maps.h5"


def assert_same(found, expected):
    for field in fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype, field.name
            np.testing.assert_array_equal(one, other)
        elif isinstance(other, dict):
            assert one.keys() == other.keys()
            for name in other:
                assert_same(one[name], other[name])
        elif is_dataclass(other) and field.name != "provenance":
            assert_same(one, other)
        else:
            assert one == other, field.name


def test_what_is_written_is_read(path):
    assert_same(read_activation_maps(path), make_maps())


def test_equal_maps_give_equal_bytes_at_any_time(path, tmp_path):
    time.sleep(1.1)  # HDF5 counts in seconds
    write_activation_maps(tmp_path / "again.h5", make_maps())
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_a_part_in_which_nothing_moves_is_read_too(tmp_path):
    maps = make_maps(num_measured=0)
    write_activation_maps(tmp_path / "none.h5", maps)
    assert_same(read_activation_maps(tmp_path / "none.h5"), maps)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_missing_attribute_is_named(path, name):
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
    with pytest.raises(ContractError, match=f"/@{name}"):
        read_activation_maps(path)


@pytest.mark.parametrize("name", DATASETS)
def test_a_missing_dataset_is_named_with_the_rule_that_makes_it(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(ContractError, match=f"{name}: found nothing.*rerun the rule `activation_maps`"):
        read_activation_maps(path)


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("change", ["type", "length"])
def test_a_dataset_of_another_type_or_length_is_refused(path, name, change):
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        del file[name]
        file[name] = values.astype(np.float16) if change == "type" else values[:-1]
    with pytest.raises(ContractError):
        read_activation_maps(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["start_s", "measured_share", "measured_even", "temporal_cells", "spatial_rows_px"])
def test_values_that_are_not_finite_are_refused(path, name, value):
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        values.flat[1] = value
        file[name][...] = values
    with pytest.raises(ContractError, match=f"{name}: found NaN or infinity"):
        read_activation_maps(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("measured_share", 1.5),
        ("measured_even", -0.1),
        ("measured_peak", 2),
        ("temporal_span", 6),
        ("temporal_span", -1),
        ("baseline_columns_px", 40.0),
    ],
)
def test_values_out_of_their_range_are_refused(path, name, value):
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        values.flat[1] = value
        file[name][...] = values
    with pytest.raises(ContractError, match=name):
        read_activation_maps(path)


def test_names_are_one_for_each_window(path):
    with h5py.File(path, "r+") as file:
        file.attrs["class_names"] = '["tea"]'
    with pytest.raises(ContractError, match="/@class_names: found 1, expected 3 names"):
        read_activation_maps(path)
