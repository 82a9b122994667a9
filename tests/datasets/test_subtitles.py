from __future__ import annotations

import pytest

from detach_core.contracts.errors import BadInputError
from detach_core.datasets.subtitles import Caption, read_captions

TEXT = "1\n00:00:01,500 --> 00:00:03,000\n406516 - Open Door 1\n\n2\n01:02:03,004 --> 01:02:04,000\ntwo\nlines\n"


@pytest.fixture
def srt(tmp_path):
    def write(content):
        path = tmp_path / "S1-Drill_ml_both_arms.srt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_captions_have_times_text_and_line(srt):
    assert read_captions(srt(TEXT)) == [
        Caption(1.5, 3.0, "406516 - Open Door 1", 2),
        Caption(3723.004, 3724.0, "two lines", 6),
    ]


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("1\n00:", "00:"), (",500", ".500"), ("1\n00", "\n\n1\n00")])
def test_variants_of_writers_are_read(srt, change):
    assert [caption.start_s for caption in read_captions(srt(TEXT.replace(*change)))] == [1.5, 3723.004]


def test_a_byte_order_mark_is_skipped(srt):
    assert len(read_captions(srt(b"\xef\xbb\xbf" + TEXT.encode()))) == 2


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("00:00:01,500 -->", "0:61:01,500 -->", "line 2"),
        ("00:00:01,500 --> 00:00:03", "00:00:05,500 --> 00:00:03", "line 2"),
        ("two\nlines\n", "", "line 6"),
        ("01:02:03,004 --> 01:02:04", "00:00:00,004 --> 01:02:04", "line 6"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(srt, old, new, line):
    with pytest.raises(BadInputError, match=line):
        read_captions(srt(TEXT.replace(old, new)))


def test_text_that_is_not_utf_8_is_named_by_its_line(srt):
    with pytest.raises(BadInputError, match=r"line 3: found the byte 0xe9, expected UTF-8"):
        read_captions(srt(TEXT.encode().replace(b"Open", b"\xe9")))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInputError, match="found nothing"):
        read_captions(tmp_path / "no.srt")
