from dataclasses import replace
from types import SimpleNamespace

import torch

from detach_core.contracts.provenance import make_provenance
from detach_core.training import identity
from detach_core.training.identity import code_digest, tensors_digest, training_identity

PROVENANCE = make_provenance(stage="pretrain", source="simulated", settings={"a": 1}, seed=0, inputs={"windows": "w"})
STAGE_1 = SimpleNamespace(tensors={"w": torch.arange(4.0)})


def differing(one, other):
    return [name for name in one if one[name] != other[name]]


def test_equal_trainings_have_equal_identities():
    one, other = (training_identity(PROVENANCE, device="cpu", spatial=STAGE_1) for _ in range(2))
    assert one == other
    assert all(isinstance(value, str) for value in one.values())


def test_every_difference_is_named():
    changes = {
        "stage": {"stage": "pretrain_spatial"},
        "data source": {"source": "local"},
        "settings": {"settings_digest": "0"},
        "seed": {"seed": 1},
        "inputs": {"inputs": {"windows": "x"}},
        "version": {"version": "0"},
    }
    one = training_identity(PROVENANCE, device="cpu", spatial=None)
    for name, change in changes.items():
        assert differing(one, training_identity(replace(PROVENANCE, **change), device="cpu", spatial=None)) == [name]
    assert differing(one, training_identity(PROVENANCE, device="cpu", spatial=STAGE_1)) == ["Stage 1"]


def test_what_is_not_in_the_bits_of_a_training_does_not_count():
    one = training_identity(PROVENANCE, device="cpu", spatial=None)
    assert one == training_identity(replace(PROVENANCE, commit="another"), device="cpu", spatial=None)


def test_the_digest_of_tensors_sees_values_types_shapes_and_names():
    tensors = {"w": torch.arange(4.0), "flag": torch.tensor(True), "none": torch.zeros(0, 2)}
    others = [
        tensors | {"w": torch.tensor([0.0, 1.0, 2.0, 3.5])},
        tensors | {"w": torch.arange(4.0).view(torch.int32)},
        tensors | {"w": torch.arange(4.0).reshape(2, 2)},
        {"x" if name == "w" else name: value for name, value in tensors.items()},
    ]
    assert tensors_digest(tensors) == tensors_digest({name: value.clone() for name, value in tensors.items()})
    assert tensors_digest(tensors) == tensors_digest(dict(reversed(tensors.items())))
    assert len({tensors_digest(each) for each in [tensors, *others]}) == 5


def test_the_code_that_trains_counts_and_other_code_does_not(tmp_path, monkeypatch):
    for package in ("training", "methods", "reports"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "a.py").write_text("A = 1\n")
    monkeypatch.setattr(identity, "__file__", str(tmp_path / "training" / "identity.py"))
    digests = []
    for package in ("reports", "methods", "training"):
        code_digest.cache_clear()
        digests.append(code_digest())
        (tmp_path / package / "a.py").write_text("A = 2\n")
    code_digest.cache_clear()
    digests.append(code_digest())
    monkeypatch.undo()
    code_digest.cache_clear()
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
