import dataclasses
import json
import subprocess
from dataclasses import asdict
from typing import Any

import pytest

from detach_core.contracts.provenance import (
    Provenance,
    canonical_json,
    commit_of,
    digest,
    make_provenance,
    parse_json,
)


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


@pytest.fixture
def checkout(tmp_path):
    """A repository with a commit of code and pages, and its commit."""
    for name in ("README.md", "docs/results.md", "detach_core/code.py", "config.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("one\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True)
    return tmp_path, head.stdout.strip()


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("README.md", ""),
        ("docs/results.md", ""),
        ("docs/new.md", ""),
        ("new.py", ""),
        ("detach_core/code.py", "-dirty"),
        ("config.yaml", "-dirty"),
    ],
)
def test_changed_code_and_settings_are_marked_and_changed_pages_are_not(checkout, name, mark):
    root, head = checkout
    (root / name).write_text("two\n")
    assert commit_of(root) == head + mark


def test_outside_of_a_repository_the_commit_is_unknown(tmp_path):
    assert commit_of(tmp_path) == "unknown"
