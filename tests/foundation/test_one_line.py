import pytest

from detach_core.foundation.errors import LONGEST, one_line, shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Tür 1", "Tür 1"),
        ("a\nERROR b", "a\\nERROR b"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u2028b", "a\\u2028b"),
        ("a\udcffb", "a\\udcffb"),
    ],
)
def test_what_cannot_be_printed_becomes_an_escape(text, line):
    assert one_line(text) == line
    assert one_line(text).isprintable()


def test_a_value_is_shown_as_python_writes_it_and_cut():
    assert shown("a\n") == r"'a\n'"
    assert shown(1.5) == "1.5"
    assert shown("x" * 1000) == "'" + "x" * (LONGEST - 1) + "..."


def test_a_number_that_python_does_not_write_is_told():
    assert shown(1 << 20_000) == "a number of thousands of digits"
