import h5py
import numpy as np
import pytest

from detach_core.contracts.embeddings import Assignments, read_assignments, write_assignments
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

MADE = Assignments(
    window=np.array([4, 5, 9]),
    cluster=np.array([[0, 1, 1], [0, 1, 0]], dtype=np.int32),
    confident=np.array([[True, True, False], [True, False, False]]),
    phases=("start", "warm-up"),
    num_clusters=2,
    provenance=make_provenance(stage="pretrain_spatial", source="simulated", settings={}, seed=0),
)


@pytest.fixture
def path(tmp_path):
    write_assignments(tmp_path / "assignments.h5", MADE)
    return tmp_path / "assignments.h5"


def test_what_is_written_is_read(path):
    read = read_assignments(path)
    for name in ("window", "cluster", "confident"):
        assert getattr(read, name).dtype == getattr(MADE, name).dtype
        np.testing.assert_array_equal(getattr(read, name), getattr(MADE, name))
    assert (read.phases, read.num_clusters, read.provenance) == (MADE.phases, 2, MADE.provenance)


def test_equal_assignments_give_equal_bytes(path, tmp_path):
    write_assignments(tmp_path / "again.h5", MADE)
    assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()


def test_the_state_before_a_phase_is_the_row_before_its_first_epoch():
    assert MADE.before("warm-up") == 0
    assert MADE.before("refinement") is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("cluster", np.array([[0, 1, 2], [0, 1, 0]], dtype=np.int32)),
        ("cluster", np.zeros((3, 3), dtype=np.int32)),
        ("confident", np.full((2, 3), 7, dtype=np.uint8)),
        ("window", np.zeros(3, dtype=np.float64)),
    ],
)
def test_values_that_cannot_be_are_refused(path, name, values):
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = values
    with pytest.raises(ContractError, match="pretrain_spatial") as caught:
        read_assignments(path)
    assert name in caught.value.field
