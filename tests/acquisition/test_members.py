from __future__ import annotations

import io
import tarfile
import zipfile
from functools import partial
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.acquisition.archive import MAX_HEADER_BYTES, archive_members, member_path


def write_tar(path, names, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"abc"))


def read(path):
    found = {}
    for member in archive_members(path):
        if not member.is_folder:
            with member.open() as content:
                found[member.name] = content.read()
    return found


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_each_packing_of_a_tar_is_told_by_its_content(tmp_path, mode):
    write_tar(tmp_path / "archive.zip", ["a", "b/c"], mode)
    assert read(tmp_path / "archive.zip") == {"a": b"abc", "b/c": b"abc"}


def test_a_zip_is_told_by_its_content(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive.tar", "w") as archive:
        archive.writestr("a/", "")
        archive.writestr("a/b", "abc")
    assert read(tmp_path / "archive.tar") == {"a/b": b"abc"}


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"\n<!DOCTYPE html><html>", "a web page"), (b"", "neither zip nor tar, 0 bytes"), (b"x" * 600, "neither")],
)
def test_what_is_no_archive_is_called_by_what_it_looks_like(tmp_path, content, found):
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(ValueError, match=found):
        read(tmp_path / "archive")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_devices_and_pipes_of_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "archive", "w") as archive:
        entry = tarfile.TarInfo("evil")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(ValueError, match="'evil', a link or a device"):
        read(tmp_path / "archive")


def test_links_of_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        entry = zipfile.ZipInfo("evil")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(ValueError, match="'evil', a link or a device"):
        read(tmp_path / "archive")


def test_an_encrypted_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("secret", "abc")
    content = bytearray((tmp_path / "archive").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(ValueError, match="'secret', an encrypted file"):
        read(tmp_path / "archive")


def test_a_zero_byte_in_a_zip_name_is_not_cut_away(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("aXb", "abc")
    content = (tmp_path / "archive").read_bytes().replace(b"aXb", b"a\0b")
    (tmp_path / "archive").write_bytes(content)
    (member,) = archive_members(tmp_path / "archive")
    with pytest.raises(ValueError, match="control character"):
        member_path(member.name)


def test_a_damaged_header_in_the_middle_of_a_tar_is_no_end(tmp_path):
    write_tar(tmp_path / "archive", ["a", "b", "c"])
    content = bytearray((tmp_path / "archive").read_bytes())
    content[1024:1030] = b"xxxxxx"
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(ValueError, match="a broken header"):
        read(tmp_path / "archive")


def test_data_behind_a_tars_end_are_refused(tmp_path):
    write_tar(tmp_path / "archive", ["a"])
    with (tmp_path / "archive").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="behind the archive's end"):
        read(tmp_path / "archive")


def test_a_wrong_check_sum_at_the_end_of_a_packed_tar_is_seen(tmp_path):
    write_tar(tmp_path / "archive", ["a"], "w:gz")
    content = bytearray((tmp_path / "archive").read_bytes())
    content[-8] ^= 1
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(OSError, match="CRC check failed"):
        read(tmp_path / "archive")


def test_a_tar_header_that_would_fill_the_memory_is_refused(tmp_path):
    entry = tarfile.TarInfo("@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, MAX_HEADER_BYTES + 1
    (tmp_path / "archive").write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 16))
    with pytest.raises(ValueError, match="a header of"):
        read(tmp_path / "archive")


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "a/..", "/a", "//a", "C:/a", "c:a", "..\\a", "a\\b", "\\\\host\\a", "a\0b", "a\nb", "\x7f"],
)
def test_names_that_lead_outside_or_are_not_portable_are_refused(name):
    with pytest.raises(ValueError):
        member_path(name)


@pytest.mark.parametrize(
    ("name", "path"), [("a/b", "a/b"), ("./a//b/", "a/b"), ("a..b", "a..b"), ("./", "."), ("é", "é")]
)
def test_plain_names_are_taken_in_their_simplest_form(name, path):
    assert member_path(name) == PurePosixPath(path)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab./\\:C\0\n é"), max_size=12))
def test_an_accepted_name_always_stays_below_the_folder(name):
    try:
        path = member_path(name)
    except ValueError:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert "\\" not in str(path)


def test_a_long_content_is_no_header(tmp_path):
    size = 2 * MAX_HEADER_BYTES + 5_000_000
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", compresslevel=1) as archive:
        for name in ("a", "b"):
            entry = tarfile.TarInfo(name)
            entry.size = size
            archive.addfile(entry, io.BytesIO(bytes(size)))
    lengths = {}
    for member in archive_members(tmp_path / "a.tar.gz"):
        with member.open() as content:
            lengths[member.name] = sum(len(chunk) for chunk in iter(partial(content.read, 1 << 20), b""))
    assert lengths == {"a": size, "b": size}


def test_padding_has_an_end(tmp_path):
    write_tar(tmp_path / "a.tar", ["a"])
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole + bytes(MAX_HEADER_BYTES // 2))
    assert read(tmp_path / "a.tar") == {"a": b"abc"}
    (tmp_path / "a.tar").write_bytes(whole + bytes(MAX_HEADER_BYTES + 1))
    with pytest.raises(ValueError, match="behind the archive's end"):
        read(tmp_path / "a.tar")


def test_headers_before_one_entry_have_an_end(tmp_path):
    text = b"15000019 comment=" + b"x" * (15_000_000 + 1) + b"\n"
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(text)
    (tmp_path / "a.tar").write_bytes((info.tobuf() + text + bytes(-len(text) % 512)) * 3)
    with pytest.raises(ValueError, match="bytes of headers before one entry"):
        read(tmp_path / "a.tar")
