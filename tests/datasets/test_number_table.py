from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.datasets.registry import LOST_WORDS
from detach_core.datasets.text_file import LostWords, read_number_blocks
from detach_core.foundation.errors import BadInputError

GOOD = b"0 1.5 NaN -3\n33 2.5 7 1e3\n67 3.5 8 -0.25\n"


def read_table(path, **wanted):
    return np.concatenate(list(read_number_blocks(path, **wanted)))


@pytest.fixture
def read(tmp_path):
    def run(content, columns=(1, 2, 3, 4)):
        path = tmp_path / "S1-Drill.dat"
        path.write_bytes(content)
        return read_table(path, num_columns=4, columns=columns)

    return run


def refusal(read, content, columns=(1, 2, 3, 4)):
    with pytest.raises(BadInputError) as error:
        read(content, columns)
    return str(error.value)


def test_the_wanted_columns_come_in_the_wanted_order(read):
    np.testing.assert_array_equal(read(GOOD, (3, 1)), [[np.nan, 0], [7, 33], [8, 67]])
    np.testing.assert_array_equal(read(GOOD)[:, 3], [-3, 1000, -0.25])


@pytest.mark.parametrize(
    "content",
    [
        GOOD.rstrip(b"\n"),
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b" ", b"\t"),
        GOOD + b"\n\n",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b" ", b"   "),
        b"\n" + GOOD,
    ],
)
def test_line_ends_tabs_and_blank_lines_do_not_matter(read, content):
    np.testing.assert_array_equal(read(content), read(GOOD))


def test_a_short_line_is_named(read):
    message = refusal(read, GOOD.replace(b"33 2.5 7 1e3", b"33 2.5 7"))
    assert "line 2" in message
    assert "3 values" in message
    assert "expected 4" in message


def test_a_short_and_a_long_line_do_not_make_up_for_each_other(read):
    assert "line 2" in refusal(read, GOOD.replace(b"1e3\n67", b"\n1e3 67"))


@pytest.mark.parametrize(
    ("bad", "shown"),
    [(b"2x5", "'2x5'"), (b"--5", "'--5'"), (b"inf", "'inf'"), (b"\xff", "xff"), (b"1_0", "'1_0'"), (b"1,5", "1,5")],
)
def test_what_is_no_number_is_named_by_line_and_column(read, bad, shown):
    message = refusal(read, GOOD.replace(b"2.5", bad))
    assert "line 2, column 2" in message
    assert shown in message
    assert "S1-Drill.dat" in message


def test_a_letter_in_a_column_that_nobody_asked_for_is_named_too(read):
    assert "line 3, column 3" in refusal(read, GOOD.replace(b" 8 ", b" q "), columns=(1, 2))


def test_empty_and_missing_files_are_refused(read, tmp_path):
    assert "an empty file" in refusal(read, b" \n")
    with pytest.raises(BadInputError, match="found nothing"):
        read_table(tmp_path / "no.dat", num_columns=4, columns=[1])


LOST = LostWords(LOST_WORDS)


@pytest.mark.parametrize(
    "word",
    [
        b"NAN",
        b"nAn",
        b"+nan",
        b"-NaN",
        b"?",
        b"unavailable",
        b"Unknown",
        b"N/A",
        b"NA",
        b"null",
        b"NONE",
        b"-",
        b"1.#QNAN",
    ],
)
def test_a_lost_word_is_a_lost_value_and_its_neighbours_stay(tmp_path, word):
    path = tmp_path / "S1-Drill.dat"
    path.write_bytes(GOOD.replace(b"2.5", word))
    found = read_table(path, num_columns=4, columns=[1, 2, 3, 4], lost=LOST)
    np.testing.assert_array_equal(found, [[0, 1.5, np.nan, -3], [33, np.nan, 7, 1000], [67, 3.5, 8, -0.25]])
    np.testing.assert_array_equal(read_table(path, num_columns=4, columns=[3, 1], lost=LOST), found[:, [2, 0]])


@pytest.mark.parametrize("bad", [b"inf", b"-Infinity", b"1.#INF", b"1e999", b"ajar", b"unavailable5", b"2-", b"--"])
def test_what_is_neither_a_number_nor_a_lost_word_is_named(tmp_path, bad):
    path = tmp_path / "S1-Drill.dat"
    path.write_bytes(GOOD.replace(b"1.5", b"?").replace(b"2.5", bad))
    with pytest.raises(BadInputError, match=r"line 2, column 2: found .* expected a number or NaN or a word of"):
        read_table(path, num_columns=4, columns=[1, 2, 3, 4], lost=LOST)


def test_lost_words_in_some_blocks_leave_the_others_as_they_are(tmp_path):
    values = np.arange(300_000.0).reshape(-1, 3)
    lines = [" ".join(map(str, row)) for row in values.tolist()]
    for row in (5, 90_000):
        lines[row] = f"{values[row, 0]} unknown {values[row, 2]}"
        values[row, 1] = np.nan
    path = tmp_path / "t.dat"
    path.write_text("\n".join(lines))
    np.testing.assert_array_equal(read_table(path, num_columns=3, columns=[1, 2, 3], lost=LOST), values)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.lists(st.floats(allow_infinity=False, width=64), min_size=3, max_size=3), min_size=1, max_size=6)
)
def test_every_float_comes_back_exactly(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "t.dat"
    path.write_text("\n".join(" ".join(repr(value) for value in row) for row in rows))
    np.testing.assert_array_equal(read_table(path, num_columns=3, columns=[1, 2, 3]), np.array(rows))


def test_a_file_of_many_blocks_is_read_and_blamed_by_its_own_line_numbers(read):
    rows = [f"{row} {row / 8} NaN {'9' * (row % 20 + 1)}" for row in range(90_000)]
    content = "\n".join(rows).encode()
    assert len(content) > 2 << 20
    found = read(content)
    np.testing.assert_array_equal(found[:, 0], np.arange(90_000))
    np.testing.assert_array_equal(found[:, 1], np.arange(90_000) / 8)
    rows[77_776] = "1 2 3"
    assert "line 77777: found 3 values" in refusal(read, "\n".join(rows).encode())
