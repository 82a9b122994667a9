import hashlib
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from detach_core.contracts.checkpoint import read_tensors, write_tensors
from detach_core.foundation.errors import ContractError, NoSpaceError

READ: dict[str, Any] = {"schema": "detach.test/1", "fields": ("seed",), "rule": "pretrain"}
HEADER = {"schema": "detach.test/1", "seed": 3}


def test_what_is_written_is_read(tmp_path):
    tensors = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(7)}
    write_tensors(tmp_path / "a.safetensors", tensors, HEADER)
    read, header = read_tensors(tmp_path / "a.safetensors", **READ)
    assert header == HEADER
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


def test_equal_content_gives_equal_bytes(tmp_path):
    digests = set()
    for index in range(4):
        path = tmp_path / f"{index}.safetensors"
        write_tensors(path, {"b": torch.ones(2), "a": torch.zeros(1)}, {**HEADER, **{str(k): k for k in range(9)}})
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_tensors_that_share_memory_are_written_whole(tmp_path):
    base = torch.arange(4.0)
    write_tensors(tmp_path / "a.safetensors", {"whole": base, "tail": base[2:]}, HEADER)
    read, _ = read_tensors(tmp_path / "a.safetensors", **READ)
    assert read["tail"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("header", "field"),
    [({"schema": "detach.test/2", "seed": 3}, "schema"), ({"schema": "detach.test/1"}, "seed"), ({}, "schema")],
)
def test_another_schema_or_a_missing_field_is_refused(tmp_path, header, field):
    write_tensors(tmp_path / "a.safetensors", {"w": torch.ones(1)}, header)
    with pytest.raises(ContractError, match="rerun the rule `pretrain`") as caught:
        read_tensors(tmp_path / "a.safetensors", **READ)
    assert caught.value.field == field


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    write_tensors(tmp_path / "a.safetensors", {"fine": torch.ones(1), "bad": torch.tensor([1.0, float("nan")])}, HEADER)
    with pytest.raises(ContractError) as caught:
        read_tensors(tmp_path / "a.safetensors", **READ)
    assert caught.value.field == "bad"


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ContractError, match="a safetensors file"):
        read_tensors(tmp_path / "a.safetensors", **READ)
    with pytest.raises(ContractError):
        read_tensors(tmp_path / "none.safetensors", **READ)


def test_a_file_without_our_header_is_refused(tmp_path):
    save_file({"w": torch.ones(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ContractError) as caught:
        read_tensors(tmp_path / "a.safetensors", **READ)
    assert caught.value.field == "schema"


def test_a_full_disk_is_told_as_such_though_safetensors_has_words_alone(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("detach_core.contracts.checkpoint.save_file", refuse)
    with pytest.raises(NoSpaceError, match="no space is left"):
        write_tensors(tmp_path / "a.safetensors", {"a": torch.ones(2)}, HEADER)
