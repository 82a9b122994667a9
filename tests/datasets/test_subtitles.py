from __future__ import annotations

import pytest

from detach_core.datasets.opportunity.text import Caption, read_captions
from detach_core.foundation.errors import BadInputError

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


FIRST, SECOND = "00:00:01,000 --> 00:00:02,000", "00:00:03,000 --> 00:00:04,000"


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (f"1\n{FIRST}\na\n2\n{SECOND}\nb\n", ["a", "b"]),
        (f"1\n{FIRST}\na\n2\n{SECOND}\nb", ["a", "b"]),
        (f"1\r\n{FIRST}\r\na\r\n2\r\n{SECOND}\r\nb", ["a", "b"]),
        (f"{FIRST}\na\n{SECOND}\nb\n", ["a", "b"]),
        (f"{FIRST}\na\n\n2\n{SECOND}\nb\n", ["a", "b"]),
        (f"1\n{FIRST}\na\n{SECOND}\nb\n", ["a", "b"]),
        (f"1\n{FIRST}\na\nlines\n2\n{SECOND}\nb\nlines", ["a lines", "b lines"]),
        (f"1\n{FIRST}\n406520\n2\n{SECOND}\n404520", ["406520", "404520"]),
        (f"1\n{FIRST}\n406520\n\n2\n{SECOND}\n404520", ["406520", "404520"]),
        (f"{FIRST}\n406520\n{SECOND}\n404520\n", ["406520", "404520"]),
        (f"{FIRST}\n406520\n\n{SECOND}\n404520\n", ["406520", "404520"]),
        (f"1\n{FIRST}\n406520\n{SECOND}\n404520\n", ["406520", "404520"]),
        (f"1\n{FIRST} X1:10 X2:20\na\n\n2\n{SECOND} align:start\nb\n", ["a", "b"]),
        (f"\n\n1\n{FIRST}\na\n \n\n\n2\n{SECOND}\nb\n\n\n", ["a", "b"]),
        (f"1\n{FIRST}\na\u2028b\n\n2\n{SECOND}\nc", ["a\u2028b", "c"]),
    ],
)
def test_no_caption_is_swallowed_however_they_are_set_apart(srt, content, texts):
    found = read_captions(srt(content))
    assert [(caption.start_s, caption.end_s) for caption in found] == [(1.0, 2.0), (3.0, 4.0)]
    assert [caption.text for caption in found] == texts


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"WEBVTT\n\n{FIRST}\na\n", "line 1: found a WebVTT file, expected SubRip"),
        (f"1\n{FIRST}\na\n\n2\n{SECOND} b\n", "line 6: found .* expected times like"),
        (f"1\n{FIRST}\na\n\n2\n0:3 --> 0:4\nb\n", "line 6: found .* expected times like"),
        (f"1\n{FIRST}\na\n\nb\n\n3\n{SECOND}\nc", "line 5: found 'b' below a blank line"),
        (f"1\n{FIRST}\na\n\n2\nb\n", "line 5: found '2' below a blank line"),
        (f"1\n{FIRST}\n2\n{SECOND}\nb\n", "line 2: found a caption without text"),
        (f"1\n{FIRST}\n\n2\n{SECOND}\nb\n", "line 2: found a caption without text"),
        (f"Title\n1\n{FIRST}\na\n", "line 1: found 'Title', expected times"),
        ("406520 - Open Fridge\n", "line 1: found '406520 - Open Fridge', expected times"),
    ],
)
def test_what_could_be_a_caption_without_times_is_refused(srt, content, message):
    with pytest.raises(BadInputError, match=message):
        read_captions(srt(content))


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


@pytest.mark.parametrize("content", ["", "\n", " \r\n\r\n"])
def test_an_empty_track_has_no_captions(srt, content):
    assert read_captions(srt(content)) == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInputError, match="found nothing"):
        read_captions(tmp_path / "no.srt")
