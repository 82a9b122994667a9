import dataclasses
import json
from dataclasses import asdict
from typing import Any

import pytest

from detach_core.contracts.provenance import Provenance, canonical_json, digest, make_provenance, parse_json


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
    changes: list[dict[str, Any]] = [{"seed": 4}, {"source": "local"}, {"settings_digest": "x"}, {"inputs": {}}]
    for change in (*changes, {"stage": "split"}):
        assert dataclasses.replace(made, **change).artifact_id != made.artifact_id


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', "[" * 100_000, "{", "9" * 5000])
def test_text_that_canonical_json_never_writes_is_refused(text):
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize(
    "change", [{"stage": 5}, {"seed": "1"}, {"seed": True}, {"inputs": []}, {"inputs": {"a": 1}}, {"extra": "x"}]
)
def test_fields_of_other_types_are_refused(change):
    fields = asdict(make_provenance(stage="pack", source="simulated", settings={}, seed=1))
    assert Provenance.from_fields(fields).seed == 1
    with pytest.raises(ValueError):
        Provenance.from_fields(fields | change)


@pytest.mark.parametrize("fields", [None, [], "x", {}])
def test_what_has_other_fields_is_refused(fields):
    with pytest.raises(ValueError):
        Provenance.from_fields(fields)


@pytest.mark.parametrize("field", ["commit", "version", "stage", "source", "settings_digest"])
@pytest.mark.parametrize("text", ["", "a b", "a\n.. raw:: html", "<b>", "=1", "`x`", "a" * 101, "|a|", "\u202ea", "ü"])
def test_a_record_of_more_than_words_is_none(field, text):
    record = json.loads(make_provenance(stage="pack", source="simulated", settings={}).to_json())
    for fields in (record | {field: text}, record | {"inputs": {"windows": text}}, record | {"inputs": {text: "a"}}):
        with pytest.raises(ValueError, match="fields of other types"):
            Provenance.from_fields(fields)
