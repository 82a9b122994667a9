import pytest
import torch

from detach_core.contracts.checkpoint import (
    STATE_SCHEMA,
    TrainingState,
    read_tensors,
    read_training_state,
    write_tensors,
    write_training_state,
)
from detach_core.foundation.errors import ContractError

IDENTITY = {"seed": "0"}


def make_state():
    return TrainingState(
        epoch=1,
        rows=[{"epoch": 0, "share": float("nan")}, {"epoch": 1, "share": 0.1, "sizes": [1, 2]}],
        values={"phase": "joint", "rates": [0.1, 1 / 3]},
        tensors={"random/torch": torch.arange(5, dtype=torch.uint8), "weights/w": torch.tensor([0.1, 1e-30])},
    )


def write(path):
    write_training_state(path, make_state(), identity=IDENTITY)
    return path


def test_what_is_written_is_read_bit_for_bit(tmp_path):
    expected = make_state()
    found, identity = read_training_state(write(tmp_path / "training_state.safetensors"))
    assert identity == IDENTITY
    assert (found.epoch, found.values) == (1, expected.values)
    assert found.rows == [{"epoch": 0, "share": None}, expected.rows[1]]
    assert found.tensors.keys() == expected.tensors.keys()
    for name, value in expected.tensors.items():
        assert found.tensors[name].dtype == value.dtype
        assert torch.equal(found.tensors[name], value)


def test_a_file_that_is_not_whole_is_refused(tmp_path):
    path = write(tmp_path / "a.safetensors")
    whole = path.read_bytes()
    for length in (0, 4, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ContractError, match="a safetensors file"):
            read_training_state(path)


def test_another_artifact_is_refused(tmp_path):
    write_tensors(tmp_path / "a.safetensors", {}, {"schema": "detach.checkpoint/1"})
    with pytest.raises(ContractError, match=r"detach\.checkpoint/1"):
        read_training_state(tmp_path / "a.safetensors")


@pytest.mark.parametrize("field", ["identity", "epoch", "rows", "values"])
def test_a_field_that_is_missing_or_of_another_type_is_refused(tmp_path, field):
    path = write(tmp_path / "a.safetensors")
    tensors, header = read_tensors(path, schema=STATE_SCHEMA, fields=(), rule="pretrain")
    for changed in ({name: value for name, value in header.items() if name != field}, {**header, field: "text"}):
        write_tensors(path, tensors, changed)
        with pytest.raises(ContractError) as caught:
            read_training_state(path)
        assert caught.value.field == field
