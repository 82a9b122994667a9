from __future__ import annotations

import h5py
import numpy as np
import pytest

from detach_core.contracts.recording import open_location, read_truth, write_truth
from detach_core.foundation.errors import ContractError

LOCATION = np.array([-1, 0, 1, 1])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "truth" / "S1-Drill.h5"
    write_truth(
        path, sensor_hz=30, location=LOCATION, location_names=["Fridge", "Door 1"], extra={"opening": np.eye(3)}
    )
    return path


def test_what_was_written_is_read(path):
    truth = read_truth(path)
    assert (truth.sensor_hz, truth.location_names) == (30.0, ("Fridge", "Door 1"))
    assert truth.location.tolist() == LOCATION.tolist()
    assert truth.location.dtype == np.int16
    np.testing.assert_array_equal(truth.extra["opening"], np.eye(3))


def test_the_location_alone_is_left_in_the_file(path):
    location = open_location(path)
    assert (location.sensor_hz, location.names) == (30.0, ("Fridge", "Door 1"))
    assert location.rows[1:3].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("location", "extra"),
    [(np.array([2]), {}), (np.array([-2]), {}), (np.zeros((2, 2), int), {}), (LOCATION, {"location": LOCATION})],
)
def test_what_does_not_fit_is_not_written(tmp_path, location, extra):
    with pytest.raises(ValueError, match="location"):
        write_truth(tmp_path / "a.h5", sensor_hz=30, location=location, location_names=["a", "b"], extra=extra)
    assert not (tmp_path / "a.h5").exists()


def test_a_location_without_a_name_is_refused(path):
    with h5py.File(path, "r+") as file:
        file["location"][0] = 2
    with pytest.raises(ContractError, match=r"location: .*expected values -1..1.*simulate_home"):
        read_truth(path)
    with pytest.raises(ContractError, match=r"location: .*expected values -1..1.*simulate_home"):
        open_location(path)


@pytest.mark.parametrize("field", ["location", "@sensor_hz", "@location_names", "@schema"])
def test_a_missing_field_is_named(path, field):
    with h5py.File(path, "r+") as file:
        if field.startswith("@"):
            del file.attrs[field[1:]]
        else:
            del file[field]
    with pytest.raises(ContractError, match=field):
        read_truth(path)
