from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from detach_core.acquisition.local import origin_of
from detach_core.acquisition.obtain import RemoteFile, obtain, remote_files
from detach_core.acquisition.settings import DownloadFile, DownloadSettings, public_url
from detach_core.contracts.raw_files import DownloadedFile
from detach_core.foundation.errors import BadInputError, UserError

SENSOR = b"0 1 2\n33 1 2\n"


def zip_of(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


@pytest.fixture
def published(tmp_path):
    """OPPORTUNITY's origin as if SENSOR had been published as S1-ADL1.dat."""
    table = tmp_path / "checksums.csv"
    table.write_text(f"file,bytes,sha256\nS1-ADL1.dat,{len(SENSOR)},{hashlib.sha256(SENSOR).hexdigest()}\n")
    return {"opportunity": replace(origin_of("opportunity"), checksums=table)}


@pytest.fixture
def bring(tmp_path, limits, published, log):
    def run(url, path="uci", sha256=None, unpack=True, adapter="hwu_usp", max_bytes=10**6, max_entries=100):
        file = RemoteFile(url, PurePosixPath(path), sha256, unpack)
        few = replace(limits, max_unpacked_gb=max_bytes / 1e9, max_entries=max_entries)
        return obtain(file, tmp_path / "root", limits=few, origin=published.get(adapter, origin_of(adapter)), log=log)

    return run


def names(tmp_path):
    root = tmp_path / "root"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_plain_file_goes_where_it_should(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(SENSOR))
    sha256 = hashlib.sha256(SENSOR).hexdigest()
    assert bring(url, "a/S1.dat", unpack=False) == [DownloadedFile("a/S1.dat", len(SENSOR), sha256, url)]
    assert (tmp_path / "root/a/S1.dat").read_bytes() == SENSOR


def test_an_archive_is_unpacked_and_goes(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(zip_of(dataset__a=b"1", b=b"22")))
    assert [(file.path, file.bytes, file.url) for file in bring(url)] == [("uci/b", 2, url), ("uci/dataset/a", 1, url)]
    assert names(tmp_path) == ["uci/.unpacked.json", "uci/b", "uci/dataset/a"]


def test_what_is_here_and_sound_is_not_fetched_again(loopback, reply, bring):
    content = zip_of(a=b"1")
    url = loopback.give(reply(content))
    assert bring(url) == bring(url) == bring(url, sha256=hashlib.sha256(content).hexdigest())
    assert len(loopback.requests) == 1


@pytest.mark.parametrize("damage", ["changed", "removed", "receipt"])
def test_what_is_no_longer_sound_is_fetched_again(loopback, reply, bring, tmp_path, damage):
    url = loopback.give(reply(zip_of(a=b"1", b=b"2")))
    bring(url)
    folder = tmp_path / "root/uci"
    if damage == "changed":
        (folder / "a").write_bytes(b"9")
    elif damage == "removed":
        (folder / "a").unlink()
    else:
        (folder / ".unpacked.json").write_text("[]")
    bring(url)
    assert len(loopback.requests) == 2
    assert (folder / "a").read_bytes() == b"1"


def test_another_sum_in_the_config_is_not_satisfied_by_the_old_content(loopback, reply, bring):
    url = loopback.give(reply(zip_of(a=b"1")))
    bring(url)
    with pytest.raises(BadInputError, match="sha256"):
        bring(url, sha256="0" * 64)


def test_an_archive_that_is_refused_leaves_nothing_and_keeps_the_old_content(loopback, reply, bring, tmp_path):
    bring(loopback.give(reply(zip_of(a=b"1"))))
    with pytest.raises(BadInputError, match="leads outside"):
        bring(loopback.give(reply(zip_of(**{"..__evil": b"x"})), path="/evil"))
    assert names(tmp_path) == ["uci/.unpacked.json", "uci/a"]
    assert not (tmp_path / "evil").exists()


def test_a_link_in_an_archive_is_refused(loopback, reply, bring, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("evil")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(BadInputError, match="a link or a device"):
        bring(loopback.give(reply(buffer.getvalue())))
    assert names(tmp_path) == []


def test_a_web_page_in_the_archives_place_is_removed(loopback, reply, bring, tmp_path):
    with pytest.raises(BadInputError, match="a web page"):
        bring(loopback.give(reply(b"<html>log in</html>")))
    assert names(tmp_path) == []


def test_an_archive_above_the_limit_stays_and_need_not_come_again(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(zip_of(a=b"1", b=b"2")))
    with pytest.raises(BadInputError, match=r"download\.max_entries"):
        bring(url, max_entries=1)
    assert names(tmp_path) == ["..uci.archive.fetched.json", ".uci.archive"]
    assert len(bring(url)) == 2
    assert len(loopback.requests) == 1
    assert names(tmp_path) == ["uci/.unpacked.json", "uci/a", "uci/b"]


def test_files_of_opportunity_are_held_against_their_published_sums(loopback, reply, bring, caplog):
    caplog.set_level("INFO")
    bring(loopback.give(reply(zip_of(**{"dataset__S1-ADL1.dat": SENSOR, "readme": b""}))), adapter="opportunity")
    assert "1 of 1 published files of OPPORTUNITY and Opportunity++ were received" in caplog.text


@pytest.mark.parametrize("unpack", [True, False])
def test_a_file_of_opportunity_with_another_content_is_refused_and_removed(loopback, reply, bring, tmp_path, unpack):
    content = zip_of(**{"S1-ADL1.dat": b"else"}) if unpack else b"else"
    with pytest.raises(BadInputError, match=r"S1-ADL1\.dat.*as published"):
        bring(loopback.give(reply(content)), "x" if unpack else "S1-ADL1.dat", unpack=unpack, adapter="opportunity")
    assert names(tmp_path) == []


def test_the_same_names_of_another_dataset_are_left_alone(loopback, reply, bring):
    assert len(bring(loopback.give(reply(zip_of(**{"S1-ADL1.dat": b"else"}))))) == 1


def test_a_missing_archive_is_told(loopback, reply, bring):
    with pytest.raises(UserError, match="404"):
        bring(loopback.give(reply(status=404)))


ENTRY = {"url": "https://example.org/a.zip", "path": "uci", "sha256": None, "unpack": True}


def files_of(*entries, **changes):
    files = tuple(DownloadFile(**(ENTRY | entry)) for entry in entries)
    return remote_files(DownloadSettings(files=files, **changes))


def test_a_section_names_files():
    (found,) = files_of({"sha256": "A" * 64, "path": "./uci/"})
    assert (found.path, found.sha256) == (PurePosixPath("uci"), "a" * 64)


def test_an_empty_list_is_refused():
    with pytest.raises(UserError, match=r"download\.files: found no entry.*docs/data\.md"):
        files_of()


@pytest.mark.parametrize("url", ["ftp://a/x", "file:///etc/passwd", "a.zip", "http://", "https://[bad/x", ""])
def test_an_address_that_is_not_http_is_refused(url):
    with pytest.raises(UserError, match=r"download\.files\[1\]\.url"):
        files_of({"path": "other"}, {"url": url})


@pytest.mark.parametrize("path", ["../x", "/x", "", ".", "C:/x", ".hidden", "a/.hidden", "a\\b"])
def test_a_path_outside_or_hidden_is_refused(path):
    with pytest.raises(UserError, match=r"download\.files\[0\]\.path"):
        files_of({"path": path})


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64, "a" * 63])
def test_a_sum_that_is_none_is_refused(sha256):
    with pytest.raises(UserError, match=r"download\.files\[0\]\.sha256"):
        files_of({"sha256": sha256})


@pytest.mark.parametrize("pair", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "./a/")])
def test_two_entries_for_one_place_are_refused(pair):
    with pytest.raises(UserError, match=r"download\.files\[1\]\.path.*apart from"):
        files_of({"path": pair[0]}, {"path": pair[1]})


def test_entries_side_by_side_are_fine():
    assert len(files_of({"path": "a/b"}, {"path": "a/c"}, {"path": "ab"})) == 3


def test_what_may_be_shown_of_an_address_holds_no_secret():
    assert public_url("https://user:word@a.org:8443/x/y.zip?sig=1#f") == "https://a.org:8443/x/y.zip"
