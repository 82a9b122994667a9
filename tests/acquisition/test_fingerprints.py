import hashlib
import json
import os

import pytest

from detach_core.acquisition.local import HASHED_BYTES, Fingerprints

STAMP_NS = 1_600_000_000_000_000_123


def put(path, content, stamp_ns=STAMP_NS):
    path.write_bytes(content)
    os.utime(path, ns=(stamp_ns, stamp_ns))
    return path.name


@pytest.fixture
def patient(monkeypatch):
    """Files of now count as settled."""
    monkeypatch.setattr("detach_core.acquisition.local._SETTLED_NS", -1)


def test_a_small_file_goes_by_its_content_and_a_large_one_by_size_and_stamp(tmp_path):
    small, large = put(tmp_path / "a", b"x"), put(tmp_path / "b", bytes(HASHED_BYTES + 1))
    found = Fingerprints().of_files([small, large], tmp_path)
    checksum = hashlib.sha256(b"x").hexdigest()[:16]
    assert found == [f"a: sha256 {checksum}", f"b: {HASHED_BYTES + 1} bytes of {STAMP_NS} ns"]


@pytest.mark.parametrize("size", [1, HASHED_BYTES, HASHED_BYTES + 1])
def test_an_older_stamp_a_newer_stamp_and_another_size_are_another_file(tmp_path, size):
    found = []
    for content, stamp_ns in (
        (bytes(size), STAMP_NS),
        (b"1" * size, STAMP_NS - 1),
        (b"2" * size, STAMP_NS + 1),
        (b"3" * (size - 1), STAMP_NS),
    ):
        found += Fingerprints().of_files([put(tmp_path / "a", content, stamp_ns)], tmp_path)
    assert len(set(found)) == 4


def test_what_is_not_there_is_told_as_absent(tmp_path):
    assert Fingerprints().of_files(["a"], tmp_path) == ["a: absent (No such file or directory)"]
    (tmp_path / "a").symlink_to("nowhere")
    assert Fingerprints().of_files(["a"], tmp_path) == ["a: absent (No such file or directory)"]


def test_a_link_goes_by_what_it_leads_to(tmp_path):
    put(tmp_path / "a", b"x")
    (tmp_path / "b").symlink_to("a")
    before = Fingerprints().of_files(["b"], tmp_path)
    put(tmp_path / "a", b"y")
    assert Fingerprints().of_files(["b"], tmp_path) != before


def test_a_checksum_is_computed_once_and_again_when_the_file_is_another(tmp_path, monkeypatch, patient):
    path, cache = tmp_path / "a", tmp_path / "deep" / "cache.json"
    put(path, b"x")
    first = Fingerprints(cache).of_files(["a"], tmp_path)
    read = []
    digest = hashlib.file_digest

    def counted(*given):
        read.append(1)
        return digest(*given)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert Fingerprints(cache).of_files(["a"], tmp_path) == first
    assert not read
    put(path, b"y")  # equal size and stamp; the time of change is beyond any tool's reach
    assert Fingerprints(cache).of_files(["a"], tmp_path) != first
    assert len(read) == 1


@pytest.mark.parametrize("text", ["", "[", "{}", "[1]", '{"a": 3}', '{"a": [1, 2, 3, 4, 5]}', "null"])
def test_a_damaged_cache_is_no_cache(tmp_path, text):
    put(tmp_path / "a", b"x")
    (tmp_path / "cache.json").write_text(text)
    assert Fingerprints(tmp_path / "cache.json").of_files(["a"], tmp_path) == Fingerprints().of_files(["a"], tmp_path)


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path, patient):
    put(tmp_path / "a", b"x")
    (tmp_path / "file").touch()
    assert len(Fingerprints(tmp_path / "file" / "cache.json").of_files(["a"], tmp_path)) == 1


@pytest.fixture
def manifest(tmp_path):
    """A manifest of the files `a` and `b`, younger than both."""
    for name in "ab":
        put(tmp_path / name, bytes(HASHED_BYTES + 1))
    checksum = hashlib.sha256(bytes(HASHED_BYTES + 1)).hexdigest()
    files = [{"path": name, "bytes": HASHED_BYTES + 1, "sha256": checksum} for name in "ab"]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"files": files}))
    later_ns = (tmp_path / "b").stat().st_ctime_ns + 10_000_000
    os.utime(path, ns=(later_ns, later_ns))
    return path


def test_files_as_their_manifest_says_are_told_nothing_of(tmp_path, manifest, monkeypatch):
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("nothing has changed, nothing need be read"))
    assert Fingerprints().unlike_manifest(manifest, ["a", "b"], tmp_path) == []


def test_a_file_unlike_its_manifest_is_told(tmp_path, manifest):
    os.utime(manifest, ns=(0, 0))  # everything else has changed since
    assert Fingerprints().unlike_manifest(manifest, ["a", "b"], tmp_path) == []
    put(tmp_path / "a", b"1" * (HASHED_BYTES + 1))
    put(tmp_path / "c", b"x")
    (tmp_path / "b").unlink()
    found = Fingerprints().unlike_manifest(manifest, ["a", "b", "c"], tmp_path)
    assert [line.split(":")[0] for line in found] == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"files": 3}', '{"files": [{}]}', '{"files": [3]}', "[" * 100_000])
def test_a_manifest_that_cannot_be_read_is_left_to_the_stage_that_reads_it(tmp_path, manifest, text):
    manifest.write_text(text)
    put(tmp_path / "a", b"x")
    assert Fingerprints().unlike_manifest(manifest, ["a"], tmp_path) == []
