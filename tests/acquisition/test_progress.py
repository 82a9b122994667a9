from __future__ import annotations

import logging

from detach_core.acquisition import download
from detach_core.acquisition.download import byte_progress


def test_the_log_hears_now_and_then_how_far_it_is(caplog, monkeypatch, log):
    now = iter([0.0, 10.0, 31.0, 32.0, 62.0])
    monkeypatch.setattr(download, "_now_s", lambda: next(now))
    with (
        caplog.at_level(logging.INFO, "detach.test"),
        byte_progress(log, "a.zip", total=10_000_000, done=1_000_000) as go,
    ):
        for _ in range(3):
            go(2_000_000)
    assert [record.message for record in caplog.records] == ["a.zip: 5 of 10 MB"]


def test_an_unknown_total_is_fine(caplog, monkeypatch, log):
    monkeypatch.setattr(download, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO, "detach.test"), byte_progress(log, "a.zip", total=None) as go:
        go(3_000_000)
    assert [record.message for record in caplog.records] == ["a.zip: 3 MB"]


def test_the_terminal_shows_a_bar(capsys, log):
    with byte_progress(log, "a.zip", total=4) as go:
        go(4)
    assert "a.zip" in capsys.readouterr().err
