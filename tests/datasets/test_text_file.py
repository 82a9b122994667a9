from __future__ import annotations

import pytest

from detach_core.datasets import text_file as module
from detach_core.datasets.text_file import open_text, read_text
from detach_core.foundation.errors import BadInputError


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "tea_s01.csv"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(params=[1, 3, 1 << 20])
def piece_bytes(request, monkeypatch):
    """The file is checked in pieces of so many bytes, so that letters lie across them."""
    monkeypatch.setattr(module, "_PIECE_BYTES", request.param)


def test_text_is_read_without_its_mark_and_with_its_line_breaks(write, piece_bytes):
    path = write(b"\xef\xbb\xbf" + "a\r\nT\u00fcr \U0001f6aa\rb\n".encode())
    assert read_text(path) == "a\r\nT\u00fcr \U0001f6aa\rb\n"
    with open_text(path) as file:
        assert list(file) == ["a\r\n", "T\u00fcr \U0001f6aa\r", "b\n"]


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [
        (b"a\nb\nT\xfcr\n", 3, "0xfc"),
        (b"\xff\xfea\x00", 1, "0xff"),
        ("a\nT\u00fc".encode()[:-1], 2, "0xc3"),
        (b"\xef\xbb\xbf\n\n\xe2\x82\n", 3, "0xe2"),
    ],
)
def test_what_is_not_utf_8_is_named_by_its_line(write, piece_bytes, content, line, byte):
    with pytest.raises(BadInputError, match=rf"tea_s01.csv: line {line}: found the byte {byte}, expected UTF-8 text"):
        open_text(write(content))


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="found nothing"):
        open_text(tmp_path / "no.csv")
    with pytest.raises(BadInputError, match="neither a file nor a link to one"):
        open_text(tmp_path)
