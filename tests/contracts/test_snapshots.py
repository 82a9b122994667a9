import pytest
import torch

from detach_core.contracts.checkpoint import SNAPSHOTS_SCHEMA, read_snapshots, write_snapshots, write_tensors
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

PROVENANCE = make_provenance(stage="pretrain", source="simulated", settings={}, seed=0)


def test_what_is_written_is_read(tmp_path):
    epochs = {0: {"net.weight": torch.zeros(2)}, 12: {"net.weight": torch.ones(2)}}
    write_snapshots(tmp_path / "s.safetensors", epochs, num_epochs=30, provenance=PROVENANCE)
    read = read_snapshots(tmp_path / "s.safetensors")
    assert sorted(read.epochs) == [0, 12]
    assert torch.equal(read.epochs[12]["net.weight"], torch.ones(2))
    assert read.provenance == PROVENANCE


def test_a_method_without_snapshots_writes_an_empty_file(tmp_path):
    write_snapshots(tmp_path / "s.safetensors", {}, num_epochs=0, provenance=PROVENANCE)
    assert read_snapshots(tmp_path / "s.safetensors").epochs == {}


@pytest.mark.parametrize("name", ["5/weight", "weight"])
def test_a_tensor_of_no_epoch_is_refused(tmp_path, name):
    header = {"schema": SNAPSHOTS_SCHEMA, "epochs": [0], "num_epochs": 1, "provenance": PROVENANCE.to_json()}
    write_tensors(tmp_path / "s.safetensors", {name: torch.zeros(1)}, header)
    with pytest.raises(ContractError) as caught:
        read_snapshots(tmp_path / "s.safetensors")
    assert caught.value.field == name


def test_a_checkpoint_is_no_snapshot_file(tmp_path):
    write_tensors(tmp_path / "s.safetensors", {}, {"schema": "detach.checkpoint/1"})
    with pytest.raises(ContractError, match="schema"):
        read_snapshots(tmp_path / "s.safetensors")
