from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from detach_core.contracts.checkpoint import read_tensors, write_tensors
from detach_core.contracts.classifier import SCHEMA, Classifier, find_classifier, read_classifier, write_classifier
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

TENSORS = {
    "mean": torch.tensor([0.5, -1.0, 0.0], dtype=torch.float64),
    "std": torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64),
    "coefficients": torch.arange(6, dtype=torch.float64).reshape(3, 2) / 3,
    "intercept": torch.tensor([0.1, -0.1], dtype=torch.float64),
}
NAMES = [field.name for field in fields(Classifier) if field.name != "tensors"]


def make_classifier(**changes):
    texts = {
        "dataset": "opportunity",
        "variant": "detach",
        "run": "detach+1",
        "split": "default",
        "protocol": "by_recording",
        "label_unit": "window",
        "feature": "sensor",
        "target": "class",
        "kind": "logistic",
    }
    made = make_provenance(stage="probe", source="simulated", settings={}, seed=1, inputs={"checkpoint": "c0"})
    classes = {"class_names": ["Open Door 1", "Tür zu"], "class_places": ["Door 1", ""], "class_actions": ["Open", ""]}
    fields: dict[str, Any] = {**texts, "c": 0.1, **classes, "tensors": TENSORS, "provenance": made}
    return Classifier(**fields | changes)


@pytest.mark.parametrize("c", [0.1, None])
def test_what_is_written_is_read_to_the_last_bit(tmp_path, c):
    written = make_classifier(c=c)
    write_classifier(tmp_path / "c.safetensors", written)
    read = read_classifier(tmp_path / "c.safetensors")
    assert replace(read, tensors={}) == replace(written, tensors={})
    assert {name: tensor.tolist() for name, tensor in read.tensors.items()} == {
        name: tensor.tolist() for name, tensor in TENSORS.items()
    }


def test_a_classifier_is_found_for_its_own_checkpoint_alone(tmp_path):
    path = tmp_path / "c.safetensors"
    for checkpoint_id, said in (("c0", "found nothing, expected"), ("c1", "found nothing, expected")):
        assert said in str(find_classifier(path, checkpoint_id=checkpoint_id))
    write_classifier(path, make_classifier())
    own, other = (find_classifier(path, checkpoint_id=name) for name in ("c0", "c1"))
    assert isinstance(own, Classifier)
    assert own.run == "detach+1"
    assert "checkpoint c0, expected one of checkpoint c1; load that run" in str(other)


@pytest.mark.parametrize("name", NAMES)
def test_each_missing_field_is_named(tmp_path, name):
    path = tmp_path / "c.safetensors"
    write_classifier(path, make_classifier())
    tensors, header = read_tensors(path, schema=SCHEMA, fields=(), rule="probe")
    del header[name]
    write_tensors(path, tensors, header)
    with pytest.raises(ContractError, match="rerun the rule `probe`") as caught:
        read_classifier(path)
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("mean", torch.zeros(2, dtype=torch.float64)),
        ("mean", torch.zeros(0, dtype=torch.float64)),
        ("std", torch.zeros(3, 1, dtype=torch.float64)),
        ("std", torch.tensor([1.0, -2.0, 1.0], dtype=torch.float64)),
        ("coefficients", torch.zeros(3, 5, dtype=torch.float64)),
        ("coefficients", torch.zeros(3, 2)),
        ("intercept", torch.zeros(3, dtype=torch.float64)),
        ("another", torch.zeros(3, dtype=torch.float64)),
        *((name, None) for name in TENSORS),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path, name, tensor):
    tensors = {key: value for key, value in (TENSORS | {name: tensor}).items() if value is not None}
    write_classifier(tmp_path / "c.safetensors", make_classifier(tensors=tensors))
    with pytest.raises(ContractError, match="rerun the rule `probe`"):
        read_classifier(tmp_path / "c.safetensors")
