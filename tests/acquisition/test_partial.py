from __future__ import annotations

import hashlib
from typing import Any

import pytest

from detach_core.acquisition.partial import Fetched, Partial, Whole, hash_file

URL = "https://example.org/a.zip"


def whole(**changes):
    fields: dict[str, Any] = {"url": URL, "etag": '"v1"', "last_modified": "then", "length": 10}
    return Whole(**(fields | changes))


@pytest.fixture
def partial(tmp_path):
    return Partial(tmp_path / "a.zip")


def begun(partial, content=b"abc"):
    partial.begin(whole())
    partial.path.write_bytes(content)
    return partial


def test_a_part_is_known_again_with_what_it_is_a_part_of(partial):
    assert begun(partial).whole(URL) == whole()
    assert partial.size() == 3


def test_no_part_is_nothing(partial):
    assert partial.whole(URL) is None
    assert partial.size() == 0


@pytest.mark.parametrize("note", ["", "{", "[]", "{}", '{"url": 1, "more": 2}', "\xff"])
def test_a_part_with_a_damaged_note_is_removed(partial, note):
    begun(partial).note.write_text(note, encoding="latin-1")
    assert partial.whole(URL) is None
    assert not partial.path.exists()


def test_a_part_of_another_address_is_removed(partial):
    assert begun(partial).whole("https://example.org/b.zip") is None
    assert not partial.path.exists()


def test_a_finished_part_takes_the_targets_name_and_is_known_again(partial, tmp_path):
    sha256 = hashlib.sha256(b"abc").hexdigest()
    fetched = begun(partial).finish(Fetched(URL, 3, sha256))
    assert partial.target.read_bytes() == b"abc"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.zip.fetched.json", "a.zip"]
    assert partial.finished(URL, None) == fetched
    assert partial.finished(URL, sha256) == fetched


def test_a_finished_file_that_is_not_what_it_should_be_does_not_count(partial):
    begun(partial).finish(Fetched(URL, 3, hashlib.sha256(b"abc").hexdigest()))
    assert partial.finished(URL, "0" * 64) is None
    assert partial.finished("https://example.org/b.zip", None) is None
    partial.target.write_bytes(b"abd")
    assert partial.finished(URL, None) is None


def test_a_file_that_the_user_put_there_counts_when_its_sum_is_right(partial):
    partial.target.write_bytes(b"abc")
    assert partial.finished(URL, None) is None
    assert partial.finished(URL, hashlib.sha256(b"abc").hexdigest()).bytes == 3


def test_removing_leaves_nothing(partial, tmp_path):
    begun(partial).finish(Fetched(URL, 3, "0" * 64))
    begun(partial).remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "validator"),
    [
        ({}, '"v1"'),
        ({"etag": 'W/"v1"'}, "then"),
        ({"etag": None}, "then"),
        ({"etag": None, "last_modified": None}, None),
    ],
)
def test_only_a_strong_tag_or_a_date_vouches_for_a_part(changes, validator):
    assert whole(**changes).validator == validator


@pytest.mark.parametrize("changes", [{"etag": '"v2"'}, {"length": 11}, {"url": "x"}])
def test_what_differs_contradicts(changes):
    assert whole().contradicts(whole(**changes))


@pytest.mark.parametrize("changes", [{}, {"etag": None}, {"length": None}])
def test_what_is_not_said_does_not_contradict(changes):
    assert not whole().contradicts(whole(**changes))


def test_a_hash_stays_open_for_more(tmp_path):
    (tmp_path / "a").write_bytes(b"ab")
    sha256 = hash_file(tmp_path / "a")
    sha256.update(b"c")
    assert sha256.hexdigest() == hashlib.sha256(b"abc").hexdigest()
