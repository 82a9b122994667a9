from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from detach_core.acquisition.plan import public_url, read_plan
from detach_core.foundation.errors import UserError

ENTRY = {"url": "https://example.org/a.zip", "path": "uci", "sha256": None, "unpack": True}
SECTION = {
    "files": [ENTRY],
    "max_unpacked_gb": 4.0,
    "max_entries": 10,
    "attempts": 3,
    "backoff_s": 1.0,
    "max_backoff_s": 60.0,
    "timeout_s": 30.0,
    "max_hours": 2.0,
}


def plan(*entries, **changes):
    return read_plan(SECTION | {"files": [ENTRY | entry for entry in entries]} | changes)


def test_a_section_becomes_a_plan():
    found = plan({"sha256": "A" * 64, "path": "./uci/"})
    assert found.files[0].path == PurePosixPath("uci")
    assert found.files[0].sha256 == "a" * 64
    assert (found.max_bytes, found.max_entries, found.patience.limit_s) == (4 * 10**9, 10, 7200)


def test_an_empty_list_is_refused():
    with pytest.raises(UserError, match=r"download\.files: found no entry.*docs/data\.md"):
        plan()


@pytest.mark.parametrize("url", ["ftp://a/x", "file:///etc/passwd", "a.zip", "http://", "https://[bad/x", ""])
def test_an_address_that_is_not_http_is_refused(url):
    with pytest.raises(UserError, match=r"download\.files\[1\]\.url"):
        plan({"path": "other"}, {"url": url})


@pytest.mark.parametrize("path", ["../x", "/x", "", ".", "C:/x", ".hidden", "a/.hidden", "a\\b"])
def test_a_path_outside_or_hidden_is_refused(path):
    with pytest.raises(UserError, match=r"download\.files\[0\]\.path"):
        plan({"path": path})


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64, "a" * 63])
def test_a_sum_that_is_none_is_refused(sha256):
    with pytest.raises(UserError, match=r"download\.files\[0\]\.sha256"):
        plan({"sha256": sha256})


@pytest.mark.parametrize("pair", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "./a/")])
def test_two_entries_for_one_place_are_refused(pair):
    with pytest.raises(UserError, match=r"download\.files\[1\]\.path.*apart from"):
        plan({"path": pair[0]}, {"path": pair[1]})


def test_entries_side_by_side_are_fine():
    assert len(plan({"path": "a/b"}, {"path": "a/c"}, {"path": "ab"}).files) == 3


def test_what_may_be_shown_of_an_address_holds_no_secret():
    assert public_url("https://user:word@a.org:8443/x/y.zip?sig=1#f") == "https://a.org:8443/x/y.zip"
