from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts import rows as module
from detach_core.contracts.rows import JoinedRows, LazyRows, MappedRows, SelectedRows, blocks

VALUES = np.arange(60, dtype=np.float32).reshape(20, 3)


class Counted(LazyRows):
    """Rows of an array that remember which of them were read."""

    def __init__(self, values):
        self.values, self.seen = values, []
        self.shape, self.dtype = values.shape, values.dtype

    def read(self, first, end):
        self.seen.append((first, end))
        return self.values[first:end].copy()


KEYS = [
    3,
    -1,
    np.int64(4),
    slice(2, 7),
    slice(None, None, 3),
    slice(15, 90),
    slice(9, 4),
    np.array([3, 4, 5]),
    np.array([7, 2, 2]),
    np.array([0, 19]),
    np.array([], dtype=np.int64),
    (slice(2, 7), 1),
    (4, 2),
    (slice(None), [0, 2]),
    (np.array([3, 1]), slice(1, None)),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_an_index_gives_what_numpy_gives(key):
    expected, found = VALUES[key], Counted(VALUES)[key]
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == np.shape(expected)


def test_only_the_rows_asked_for_are_read():
    rows = Counted(VALUES)
    assert rows.seen == []
    _ = rows[2:7, 1], rows[-1]
    assert rows.seen == [(2, 7), (19, 20)]


def test_rows_far_apart_are_read_in_their_runs():
    rows = Counted(np.zeros((1000, 2)))
    _ = rows[np.array([5, 6, 7, 900])]
    assert rows.seen == [(5, 8), (900, 901)]


@pytest.mark.parametrize("key", [20, -21, np.array([3, 20]), np.array([-1]), np.zeros(20, bool), slice(9, 4, -1)])
def test_rows_that_are_not_there_and_masks_are_refused(key):
    with pytest.raises(IndexError):
        Counted(VALUES)[key]


def test_all_rows_make_an_array():
    assert len(Counted(VALUES)) == 20
    np.testing.assert_array_equal(np.asarray(Counted(VALUES)), VALUES)
    assert np.asarray(Counted(VALUES), dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("rows", [VALUES, Counted(VALUES)])
def test_blocks_are_all_rows_in_pieces_of_bounded_size(rows, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 7 * 12)
    pieces = list(blocks(rows))
    assert [(first, len(piece)) for first, piece in pieces] == [(0, 7), (7, 7), (14, 6)]
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), VALUES)
    assert [len(piece) for _, piece in blocks(rows, extra=1)] == [8, 8, 6]


def test_a_row_larger_than_a_block_is_a_block(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 5)
    assert [first for first, _ in blocks(VALUES)] == list(range(20))
    assert list(blocks(VALUES[:0])) == []


def test_mapped_rows_are_changed_as_they_are_read():
    rows = Counted(VALUES)
    half = MappedRows(rows, lambda piece: piece / 2)
    assert rows.seen == []
    np.testing.assert_array_equal(half[4:6], VALUES[4:6].astype(np.float64) / 2)
    assert rows.seen == [(4, 6)]
    assert half.dtype == np.float64


def test_selected_rows_are_those_of_their_numbers():
    numbers = np.array([4, 9, 10, 19, 2])
    for rows in (VALUES, Counted(VALUES)):
        selected = SelectedRows(rows, numbers)
        assert selected.shape == (5, 3)
        np.testing.assert_array_equal(selected[1:4], VALUES[numbers][1:4])


def test_joined_rows_lie_one_behind_the_other():
    parts = [Counted(VALUES[:6]), Counted(VALUES[:0]), Counted(VALUES[6:])]
    joined = JoinedRows(parts)
    assert joined.shape == (20, 3)
    np.testing.assert_array_equal(joined[:], VALUES)
    for part in parts:
        part.seen.clear()
    np.testing.assert_array_equal(joined[4:8], VALUES[4:8])
    assert [part.seen for part in parts] == [[(4, 6)], [], [(0, 2)]]
    assert joined[3:3].shape == (0, 3)
