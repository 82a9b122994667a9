import dataclasses

import pytest

from detach_core.contracts.provenance import Provenance, canonical_json, digest, make_provenance


def test_key_order_does_not_change_the_digest():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_nan_is_refused_by_canonical_json():
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"a": float("nan")})


def test_provenance_survives_json():
    made = make_provenance(stage="pack", source="simulated", settings={"a": 1}, seed=3, inputs={"frames": "0f"})
    assert Provenance.from_json(made.to_json()) == made


def test_artifact_id_ignores_the_commit_and_sees_everything_else():
    made = make_provenance(stage="pack", source="simulated", settings={"a": 1}, seed=3, inputs={"frames": "0f"})
    assert dataclasses.replace(made, commit="other", version="9").artifact_id == made.artifact_id
    for change in ({"seed": 4}, {"source": "local"}, {"settings_digest": "x"}, {"inputs": {}}, {"stage": "split"}):
        assert dataclasses.replace(made, **change).artifact_id != made.artifact_id
