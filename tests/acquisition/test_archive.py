from __future__ import annotations

import hashlib
import io
import os
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.acquisition.archive import LimitError, UnpackedFile, new_folder, unpack
from detach_core.foundation.errors import BadInputError, UserError

ROOMY = {"max_bytes": 1_000_000, "max_entries": 100}


def zip_of(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(entries, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o6777
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


PACKERS = [zip_of, tar_of]


def run(tmp_path, content, progress=lambda count: None, **limits):
    (tmp_path / "archive").write_bytes(content)
    folder = tmp_path / "folder"
    folder.mkdir()
    return unpack(tmp_path / "archive", folder, progress=progress, **(ROOMY | limits))


def names_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("pack", PACKERS)
def test_files_come_out_with_their_content_size_and_sum(tmp_path, pack):
    seen: list[Any] = []
    files = run(tmp_path, pack([("b/c.dat", b"abc"), ("a", b"")]), progress=seen.append)
    assert files == [
        UnpackedFile("a", 0, hashlib.sha256(b"").hexdigest()),
        UnpackedFile("b/c.dat", 3, hashlib.sha256(b"abc").hexdigest()),
    ]
    assert (tmp_path / "folder" / "b" / "c.dat").read_bytes() == b"abc"
    assert sum(seen) == 3


def test_modes_of_the_archive_are_ignored(tmp_path):
    run(tmp_path, tar_of([("a", b"x")]))
    assert (tmp_path / "folder" / "a").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("name", ["../out", "/tmp/detach_out", "a/../../out", "C:\\out", "..\\out"])
def test_a_name_that_leads_outside_is_refused_and_writes_nothing_there(tmp_path, pack, name):
    with pytest.raises(BadInputError, match=r"archive: .*undamaged zip or tar archive"):
        run(tmp_path, pack([("fine", b"x"), (name, b"evil")]))
    assert names_below(tmp_path) == ["archive", "folder", "folder/fine"]


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("pair", [("a", "a"), ("a", "./a"), ("a", "a/b"), ("a/b", "a")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(tmp_path, pack, pair):
    with pytest.raises(BadInputError, match="a second entry of that name"):
        run(tmp_path, pack([(name, b"x") for name in pair]))


@pytest.mark.parametrize("pack", PACKERS)
def test_more_content_than_allowed_is_refused_while_it_comes(tmp_path, pack):
    with pytest.raises(LimitError, match=r"download\.max_unpacked_gb"):
        run(tmp_path, pack([("a", bytes(600)), ("b", bytes(600))]), max_bytes=1000)
    assert sum(path.stat().st_size for path in (tmp_path / "folder").iterdir()) <= 1000
    assert not (tmp_path / "folder" / "b").stat().st_size


@pytest.mark.parametrize("pack", PACKERS)
def test_as_much_content_as_allowed_is_fine(tmp_path, pack):
    assert len(run(tmp_path, pack([("a", bytes(600)), ("b", bytes(400))]), max_bytes=1000, max_entries=2)) == 2


@pytest.mark.parametrize("pack", PACKERS)
def test_more_entries_than_allowed_are_refused(tmp_path, pack):
    with pytest.raises(LimitError, match=r"more than 3 entries.*download\.max_entries"):
        run(tmp_path, pack([(str(number), b"") for number in range(4)]), max_entries=3)


def test_a_header_that_lies_about_the_size_is_not_believed(tmp_path):
    content = bytearray(zip_of([("bomb", bytes(100_000))]))
    central = content.index(b"PK\x01\x02")
    content[22:26] = content[central + 24 : central + 28] = struct.pack("<I", 10)
    with pytest.raises(BadInputError):
        run(tmp_path, bytes(content), max_bytes=1000)


def test_an_archive_without_files_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="found no file"):
        run(tmp_path, zip_of([("only/", b"")]))


@pytest.mark.parametrize("pack", PACKERS)
def test_a_cut_archive_is_refused(tmp_path, pack):
    content = pack([("a", os.urandom(5000)), ("b", os.urandom(5000))])
    for length in (10, 3000, len(content) - 20):
        outer = tmp_path / str(length)
        outer.mkdir()
        with pytest.raises(BadInputError):
            run(outer, content[:length])


def test_a_web_page_in_the_archives_place_is_called_so(tmp_path):
    with pytest.raises(BadInputError, match="a web page"):
        run(tmp_path, b"<!doctype html><title>Please log in</title>")


def test_a_full_disk_is_the_users_matter(tmp_path, monkeypatch):
    def open_full(self, mode="r", *rest, **more):
        if mode == "xb":
            raise OSError(28, "No space left on device")
        return original(self, mode, *rest, **more)

    original = Path.open
    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(UserError, match="No space left on device"):
        run(tmp_path, zip_of([("a", b"x")]))


def test_a_new_folder_takes_its_place_whole(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with new_folder(tmp_path / "folder") as fresh:
        (fresh / "new").touch()
        assert names_below(tmp_path / "folder") == ["old"]
    assert names_below(tmp_path) == ["folder", "folder/new"]


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "folder") as fresh:
        (fresh / "new" / "deeper").mkdir()
    assert names_below(tmp_path) == ["folder", "folder/old"]


def test_what_a_killed_run_left_is_cleared(tmp_path):
    (tmp_path / ".folder.unpacking").mkdir()
    (tmp_path / ".folder.unpacking" / "half").touch()
    with new_folder(tmp_path / "folder") as fresh:
        (fresh / "new").touch()
    assert names_below(tmp_path) == ["folder", "folder/new"]


SEEDS = [
    pack([("a/b.dat", bytes(range(256)) * 8), ("c", b"abc"), ("d" * 120, b"long name")])
    for pack in (zip_of, tar_of, lambda entries: tar_of(entries, "w"), lambda entries: tar_of(entries, "w:xz"))
]


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=8)), max_size=6),
    st.none() | st.integers(0, 1 << 14),
)
def test_any_damage_ends_in_files_below_the_folder_or_in_one_clear_error(seed, patches, length):
    content = bytearray(seed)
    for position, patch in patches:
        position %= len(content)
        content[position : position + len(patch)] = patch
    with tempfile.TemporaryDirectory() as name:
        outer = Path(name)
        try:
            files = run(outer, bytes(content[:length]))
        except UserError:
            files = None
        assert sorted(path.name for path in outer.iterdir()) == ["archive", "folder"]
        for path in (outer / "folder").rglob("*"):
            assert not path.is_symlink()
        if files is not None:
            for file in files:
                content = (outer / "folder" / file.path).read_bytes()
                assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
