from __future__ import annotations

import dataclasses
import hashlib
import shutil
import socket
import time
from collections import namedtuple
from typing import Any

import pytest

from detach_core.acquisition.download import fetch
from detach_core.foundation.errors import BadInputError, UserError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ETAG = {"ETag": '"v1"'}


@pytest.fixture
def bring(tmp_path, limits, log):
    def run(url, sha256=SHA256, max_bytes=10**9, **changes):
        return fetch(
            url,
            tmp_path / "target.bin",
            sha256=sha256,
            limits=dataclasses.replace(limits, max_unpacked_gb=max_bytes / 1e9, **changes),
            log=log,
        )

    return run


def hidden(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def ranges(loopback):
    return [headers.get("Range") for _, headers in loopback.requests]


def test_a_file_comes_whole_and_checked(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(CONTENT))
    fetched = bring(url)
    assert (fetched.bytes, fetched.sha256, fetched.url) == (len(CONTENT), SHA256, url)
    assert (tmp_path / "target.bin").read_bytes() == CONTENT
    assert hidden(tmp_path) == [".target.bin.fetched.json", "target.bin"]


@pytest.mark.parametrize("form", [{"chunked": True}, {"length": False}])
def test_a_server_that_does_not_tell_the_length_is_fine(loopback, reply, bring, form):
    assert bring(loopback.give(reply(CONTENT, **form))).sha256 == SHA256


def test_a_connection_that_breaks_off_is_resumed_where_it_broke(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(CONTENT, headers=ETAG, break_after=300_000), reply(CONTENT, headers=ETAG))
    bring(url)
    assert (tmp_path / "target.bin").read_bytes() == CONTENT
    assert ranges(loopback) == [None, "bytes=300000-"]
    assert loopback.requests[1][1]["If-Range"] == '"v1"'


def test_a_chunked_transfer_that_breaks_off_is_resumed(loopback, reply, bring):
    bring(loopback.give(reply(CONTENT, chunked=True, break_after=300_000), reply(CONTENT)))
    assert ranges(loopback)[1].startswith("bytes=2")


def test_the_part_is_kept_over_runs(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(CONTENT, headers=ETAG, break_after=100_000, ignore_range=True))
    with pytest.raises(UserError, match="gave up after 1 attempts; the 100000 bytes received are kept"):
        bring(url, attempts=1)
    assert hidden(tmp_path) == [".target.bin.partial", ".target.bin.partial.json"]
    loopback.give(reply(CONTENT, headers=ETAG))
    bring(url, attempts=1)
    assert ranges(loopback) == [None, "bytes=100000-"]
    assert (tmp_path / "target.bin").read_bytes() == CONTENT


def test_a_part_that_is_already_whole_needs_no_server(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(CONTENT, break_after=100_000))
    with pytest.raises(UserError):
        bring(url, attempts=1)
    (tmp_path / ".target.bin.partial").write_bytes(CONTENT)
    bring(url, attempts=1)
    assert len(loopback.requests) == 1


def test_a_server_that_ignores_ranges_makes_it_begin_anew(loopback, reply, bring, tmp_path):
    bring(loopback.give(reply(CONTENT, break_after=300_000), reply(CONTENT, ignore_range=True)))
    assert (tmp_path / "target.bin").read_bytes() == CONTENT


def test_a_file_that_changed_in_between_begins_anew(loopback, reply, bring, tmp_path):
    url = loopback.give(
        reply(b"old" * 200_000, headers={"ETag": '"v0"'}, break_after=300_000), reply(CONTENT, headers=ETAG)
    )
    bring(url)
    assert (tmp_path / "target.bin").read_bytes() == CONTENT
    assert len(loopback.requests) == 2


def test_a_changed_file_behind_a_server_that_ignores_if_range_begins_anew(loopback, reply, bring, tmp_path):
    changed = reply(CONTENT, headers=ETAG, honour_if_range=False)
    bring(loopback.give(reply(b"old" * 200_000, headers={"ETag": '"v0"'}, break_after=300_000), changed))
    assert (tmp_path / "target.bin").read_bytes() == CONTENT
    assert ranges(loopback) == [None, "bytes=300000-", None]


def test_pieces_that_do_not_fit_together_are_fetched_anew(loopback, reply, bring, tmp_path):
    other = b"x" * len(CONTENT)
    bring(loopback.give(reply(other, break_after=300_000), reply(CONTENT)))
    assert (tmp_path / "target.bin").read_bytes() == CONTENT
    assert ranges(loopback) == [None, "bytes=300000-", None]


def test_a_part_that_nothing_can_vouch_for_is_not_continued(loopback, reply, bring):
    bring(loopback.give(reply(CONTENT, chunked=True, break_after=300_000), reply(CONTENT)), sha256=None)
    assert ranges(loopback) == [None, None]


def test_a_range_that_was_not_asked_for_is_not_taken(loopback, reply, bring, tmp_path):
    wrong = reply(CONTENT[5:], status=206, headers={"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"})
    unsaid = reply(CONTENT, status=206)
    bring(loopback.give(wrong, unsaid, reply(CONTENT)))
    assert (tmp_path / "target.bin").read_bytes() == CONTENT


def test_a_file_shorter_than_its_part_begins_anew(loopback, reply, bring, tmp_path):
    bring(loopback.give(reply(CONTENT + b"more" * 9, break_after=len(CONTENT) + 9), reply(CONTENT)))
    assert (tmp_path / "target.bin").read_bytes() == CONTENT
    assert len(loopback.requests) == 3


def test_a_wrong_body_is_refused_with_both_sums_and_removed(loopback, reply, bring, tmp_path):
    with pytest.raises(BadInputError) as error:
        bring(loopback.give(reply(b"<!DOCTYPE html> please log in")))
    found = hashlib.sha256(b"<!DOCTYPE html> please log in").hexdigest()
    assert found in str(error.value)
    assert SHA256 in str(error.value)
    assert "a web page" in str(error.value)
    assert "check url and sha256" in str(error.value)
    assert hidden(tmp_path) == []
    assert len(loopback.requests) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "has no such file"),
        (410, "no longer"),
        (401, "requires a login"),
        (403, "login"),
        (418, "does not deliver"),
    ],
)
def test_an_answer_that_will_not_change_is_told_at_once(loopback, reply, bring, tmp_path, status, words):
    with pytest.raises(UserError, match=f"answered {status}.*{words}.*source: local"):
        bring(loopback.give(reply(status=status)))
    assert len(loopback.requests) == 1
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_an_answer_that_may_change_is_asked_for_again(loopback, reply, bring, status):
    bring(loopback.give(reply(status=status), reply(status=status), reply(CONTENT)))
    assert len(loopback.requests) == 3


def test_attempts_are_bounded(loopback, reply, bring):
    with pytest.raises(UserError, match=r"503.*gave up after 4 attempts"):
        bring(loopback.give(reply(status=503)))
    assert len(loopback.requests) == 4


def test_waits_double_up_to_their_limit_and_heed_the_server(loopback, reply, bring, monkeypatch):
    waits: list[Any] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    url = loopback.give(*[reply(status=503)] * 4, reply(status=503, headers={"Retry-After": "7"}), reply(CONTENT))
    bring(url, attempts=9, backoff_s=1.0, max_backoff_s=5.0)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    waits.clear()
    bring(
        loopback.give(reply(status=503, headers={"Retry-After": "3"}), reply(CONTENT), path="/other"),
        sha256=None,
        backoff_s=1.0,
        max_backoff_s=5.0,
    )
    assert waits == [3.0]


def test_a_silent_server_counts_as_broken(loopback, reply, bring):
    began = time.monotonic()
    with pytest.raises(UserError, match="gave up after 2 attempts"):
        bring(loopback.give(reply(CONTENT, pause_s=0.5)), attempts=2, timeout_s=0.1)
    assert time.monotonic() - began < 2


def test_a_slow_server_ends_at_the_time_limit(loopback, reply, bring):
    began = time.monotonic()
    with pytest.raises(UserError, match=r"download\.max_hours"):
        bring(loopback.give(reply(CONTENT, pause_s=0.01)), max_hours=0.2 / 3600)
    assert time.monotonic() - began < 2


def test_nobody_listening_is_told_after_the_attempts(bring):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=r"the connection failed.*gave up after 2 attempts"):
        bring(f"http://127.0.0.1:{port}/file", attempts=2)


def test_redirections_are_followed(loopback, reply, bring):
    loopback.give(reply(CONTENT), path="/there")
    assert bring(loopback.give(reply(status=302, headers={"Location": "/there"}))).sha256 == SHA256


def test_endless_redirections_are_refused(loopback, reply, bring):
    with pytest.raises(UserError, match="without end"):
        bring(loopback.give(reply(status=302, headers={"Location": "/file"})))
    assert len(loopback.requests) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirection_to_another_kind_of_address_is_refused(loopback, reply, bring, location):
    with pytest.raises(UserError, match=r"is not http\(s\)"):
        bring(loopback.give(reply(status=302, headers={"Location": location})))
    assert len(loopback.requests) == 1


@pytest.mark.parametrize("form", [{}, {"chunked": True}])
def test_a_file_larger_than_allowed_is_refused_and_not_kept(loopback, reply, bring, tmp_path, form):
    with pytest.raises(UserError, match=r"download\.max_unpacked_gb"):
        bring(loopback.give(reply(CONTENT, **form)), max_bytes=1000)
    assert hidden(tmp_path) == []


def test_too_small_a_disk_is_told_before_anything_is_written(loopback, reply, bring, tmp_path, monkeypatch):
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 1000))
    with pytest.raises(UserError, match=f"room for 1000 bytes, expected {len(CONTENT)}.*make room"):
        bring(loopback.give(reply(CONTENT)))
    assert hidden(tmp_path) == []


def test_a_file_that_is_here_and_sound_is_not_fetched_again(loopback, reply, bring, tmp_path):
    url = loopback.give(reply(CONTENT))
    first = bring(url, sha256=None)
    assert bring(url, sha256=None) == first
    assert bring(url) == first
    assert len(loopback.requests) == 1
    (tmp_path / "target.bin").write_bytes(b"damaged")
    assert bring(url, sha256=None) == first
    assert len(loopback.requests) == 2


def test_another_url_for_the_same_place_is_fetched(loopback, reply, bring, tmp_path):
    bring(loopback.give(reply(CONTENT)), sha256=None)
    bring(loopback.give(reply(b"other"), path="/other"), sha256=None)
    assert (tmp_path / "target.bin").read_bytes() == b"other"


def test_secrets_of_an_address_appear_nowhere(loopback, reply, bring, tmp_path, caplog):
    url = loopback.give(reply(status=503), reply(CONTENT)).replace("http://", "http://user:sesame@")
    bring(url + "?token=sesame")
    with pytest.raises(UserError) as error:
        bring(loopback.give(reply(status=404), path="/other") + "?token=sesame", sha256="0" * 64)
    written = "".join(path.read_text("latin-1") for path in tmp_path.iterdir() if path.suffix == ".json")
    assert "sesame" not in written + caplog.text + str(error.value)
    assert "503" in caplog.text


@pytest.mark.parametrize("cut", [0, 1, 4096, len(CONTENT) - 1])
def test_wherever_it_breaks_off_the_file_comes_out_the_same(loopback, reply, bring, tmp_path, cut):
    broken = reply(CONTENT, headers=ETAG, break_after=cut)
    bring(loopback.give(broken, reply(CONTENT, headers=ETAG)))
    assert (tmp_path / "target.bin").read_bytes() == CONTENT


def test_an_empty_file_is_a_file(loopback, reply, bring, tmp_path):
    assert bring(loopback.give(reply(b"")), sha256=None).bytes == 0
    assert (tmp_path / "target.bin").stat().st_size == 0
