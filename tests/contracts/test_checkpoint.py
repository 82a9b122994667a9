from dataclasses import fields, replace

import pytest
import torch

from detach_core.contracts.checkpoint import (
    CHECKPOINT_SCHEMA,
    Checkpoint,
    read_checkpoint,
    read_tensors,
    write_checkpoint,
    write_tensors,
)
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

HEADER_FIELDS = [field.name for field in fields(Checkpoint) if field.name != "tensors"]


def make_checkpoint():
    return Checkpoint(
        method="detach",
        settings={"epochs": 2, "encoders": {"dim": 4}},
        shape={"channels": 3},
        normalisation={"mean": [0.1], "std": [1.0]},
        dataset="opportunity",
        class_names=["Open Door 1", "Tür zu"],
        class_places=["Door 1", ""],
        class_actions=["Open", ""],
        channel_names=["a", "b"],
        window_s=2.0,
        max_nan_share=0.5,
        flow_method="dis fast",
        flow_max_px=16.0,
        epoch=2,
        facts={"num_weights": 12},
        tensors={"weight": torch.arange(4.0)},
        provenance=make_provenance(stage="pretrain", source="simulated", settings={}, seed=1),
    )


def test_what_is_written_is_read(tmp_path):
    written = make_checkpoint()
    write_checkpoint(tmp_path / "c.safetensors", written)
    read = read_checkpoint(tmp_path / "c.safetensors")
    assert torch.equal(read.tensors["weight"], written.tensors["weight"])
    assert replace(read, tensors={}) == replace(written, tensors={})


@pytest.mark.parametrize("field", HEADER_FIELDS)
def test_each_missing_field_is_named(tmp_path, field):
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, make_checkpoint())
    tensors, header = read_tensors(path, schema=CHECKPOINT_SCHEMA, fields=(), rule="pretrain")
    del header[field]
    write_tensors(path, tensors, header)
    with pytest.raises(ContractError) as caught:
        read_checkpoint(path)
    assert caught.value.field == field
