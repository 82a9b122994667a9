from __future__ import annotations

import hashlib
import json

import pytest

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.raw_files import RawFile, describe_files, read_raw_manifest, write_raw_manifest
from detach_core.foundation.errors import ContractError


@pytest.fixture
def manifest_path(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one.txt").write_bytes(b"one")
    (tmp_path / "a.txt").write_bytes(b"")
    files = describe_files(tmp_path, [tmp_path / "b" / "one.txt", tmp_path / "a.txt"])
    provenance = make_provenance(stage="simulate_home", source="simulated", settings={}, seed=0)
    write_raw_manifest(tmp_path / "shard0.json", recordings=["S1-Drill"], files=files, provenance=provenance)
    return tmp_path / "shard0.json"


def test_what_was_written_is_read(manifest_path):
    manifest = read_raw_manifest(manifest_path)
    assert manifest.recordings == ("S1-Drill",)
    assert manifest.files[1] == RawFile("b/one.txt", 3, hashlib.sha256(b"one").hexdigest())
    assert [file.path for file in manifest.files] == ["a.txt", "b/one.txt"]
    assert manifest.provenance.source == "simulated"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("schema", "detach.raw/2"),
        ("recordings", None),
        ("recordings", [1]),
        ("files", None),
        ("files", [{"path": "x", "bytes": 1}]),
        ("files", [{"path": "../x", "bytes": 1, "sha256": "0" * 64}]),
        ("files", [{"path": "/x", "bytes": 1, "sha256": "0" * 64}]),
        ("files", [{"path": "x", "bytes": -1, "sha256": "0" * 64}]),
        ("files", [{"path": "x", "bytes": 1.5, "sha256": "0" * 64}]),
        ("files", [{"path": "x", "bytes": 1, "sha256": "0" * 63}]),
        ("provenance", None),
    ],
)
def test_a_manifest_that_is_not_as_agreed_is_refused_by_its_place(manifest_path, place, value):
    document = json.loads(manifest_path.read_text())
    document[place] = value
    if value is None:
        del document[place]
    manifest_path.write_text(json.dumps(document))
    with pytest.raises(ContractError, match=place):
        read_raw_manifest(manifest_path)


def test_a_missing_manifest_names_the_rule(tmp_path):
    with pytest.raises(ContractError, match="simulate_home"):
        read_raw_manifest(tmp_path / "none.json")
