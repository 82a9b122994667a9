from __future__ import annotations

import json

import pytest

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.raw_files import DownloadedFile, read_download_manifest, write_download_manifest
from detach_core.foundation.errors import ContractError

FILES = [
    DownloadedFile(path="b/S1-ADL2.dat", bytes=3, sha256="0" * 64, url="https://example.org/a.zip"),
    DownloadedFile(path="b/S1-ADL1.dat", bytes=0, sha256="a" * 64, url="https://example.org/a.zip"),
]
PROVENANCE = make_provenance(stage="download", source="downloaded", settings={"adapter": "opportunity"})


@pytest.fixture
def manifest_path(tmp_path):
    path = tmp_path / "download.json"
    write_download_manifest(path, files=FILES, provenance=PROVENANCE)
    return path


def rewrite(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_what_was_written_is_read_sorted_by_path(manifest_path):
    manifest = read_download_manifest(manifest_path)
    assert [file.path for file in manifest.files] == ["b/S1-ADL1.dat", "b/S1-ADL2.dat"]
    assert set(manifest.files) == set(FILES)
    assert manifest.provenance == PROVENANCE


@pytest.mark.parametrize("field", ["schema", "files", "provenance"])
def test_a_missing_field_is_named(manifest_path, field):
    rewrite(manifest_path, lambda document: document.pop(field))
    with pytest.raises(ContractError, match=f"{field}.*run the rule download again"):
        read_download_manifest(manifest_path)


@pytest.mark.parametrize("field", ["path", "bytes", "sha256", "url"])
@pytest.mark.parametrize("value", [None, 1.5, []])
def test_a_file_field_of_another_type_is_named(manifest_path, field, value):
    rewrite(manifest_path, lambda document: document["files"][1].update({field: value}))
    with pytest.raises(ContractError, match=f"files/1/{field}"):
        read_download_manifest(manifest_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("path", "../x"), ("path", "/x"), ("path", ""), ("bytes", -1), ("sha256", "abc"), ("sha256", "A" * 64)],
)
def test_an_impossible_value_is_refused(manifest_path, field, value):
    rewrite(manifest_path, lambda document: document["files"][0].update({field: value}))
    with pytest.raises(ContractError, match=f"files/0/{field}"):
        read_download_manifest(manifest_path)


def test_another_schema_is_refused(manifest_path):
    rewrite(manifest_path, lambda document: document.update(schema="detach.download/2"))
    with pytest.raises(ContractError, match=r"detach\.download/2.*expected detach\.download/1"):
        read_download_manifest(manifest_path)


def test_a_file_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "download.json").write_text("{")
    with pytest.raises(ContractError, match="a readable JSON file"):
        read_download_manifest(tmp_path / "download.json")
