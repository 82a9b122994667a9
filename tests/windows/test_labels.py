from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.windows import packing
from detach_core.windows.packing import centre_annotation, dominant_location, most_active_place, runs


def test_the_centre_decides_and_the_end_is_exclusive():
    centres = np.array([0.9, 1.0, 1.99, 2.0, 3.0])
    assert centre_annotation(centres, [1.0, 3.0], [2.0, 4.0]).tolist() == [-1, 0, 0, -1, 1]


def test_of_overlapping_annotations_the_later_start_wins():
    assert centre_annotation(np.array([1.0, 2.5]), [0.0, 2.0], [5.0, 3.0]).tolist() == [0, 1]


def test_an_annotation_rules_again_behind_one_inside_it():
    start, end = [0.0, 1.0, 2.0, 4.0, 12.0], [10.0, 6.0, 3.0, 5.0, 12.0]
    centres = np.array([-0.1, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.0, 9.9, 10.0, 12.0])
    assert centre_annotation(centres, start, end).tolist() == [-1, 0, 1, 2, 1, 3, 1, 0, 0, -1, -1]


def test_of_annotations_that_overlap_the_later_rules_until_its_end_and_then_what_is_left():
    start, end = [0.0, 2.0, 3.0, 3.0], [4.0, 8.0, 3.5, 5.0]
    centres = np.array([1.0, 2.5, 3.2, 3.7, 4.5, 5.0, 7.9, 8.0])
    assert centre_annotation(centres, start, end).tolist() == [0, 1, 3, 3, 3, 1, 1, -1]


def test_the_ruling_annotation_is_the_last_of_all_that_hold_the_centre():
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(0, 40, 60) / 2)
    end = start + rng.integers(0, 20, 60) / 2
    centres = rng.integers(-4, 70, 300) / 3
    holding = [np.flatnonzero((start <= centre) & (centre < end)) for centre in centres]
    expected = [int(which[-1]) if len(which) else -1 for which in holding]
    assert centre_annotation(centres, start.tolist(), end.tolist()).tolist() == expected


def test_without_annotations_nothing_is_labelled():
    assert centre_annotation(np.array([1.0, 2.0]), [], []).tolist() == [-1, -1]


def test_annotations_out_of_order_are_refused():
    with pytest.raises(ValueError, match="ordered"):
        centre_annotation(np.array([1.0]), [2.0, 1.0], [3.0, 2.0])


def test_runs_cover_all_rows():
    assert runs(np.array([0, 0, 7, 7, 7, 0])) == [(0, 0, 2), (7, 2, 5), (0, 5, 6)]
    assert runs(np.array([], dtype=np.int64)) == []


def test_the_location_used_longest_wins_over_none():
    location = np.array([-1, -1, -1, 2, 0, 0, -1, -1])
    first = np.array([0, 2, 4, 6])
    # Rows 0-3: only 2; rows 2-5: 0 twice, 2 once; rows 4-7: 0; rows 6-7: none.
    assert dominant_location(location, first[:3], 4).tolist() == [2, 0, 0]
    assert dominant_location(location, first[3:], 2).tolist() == [-1]
    assert dominant_location(np.full(5, -1), np.array([0]), 4).tolist() == [-1]


def test_a_channel_that_changes_outweighs_one_that_is_merely_on():
    windows = np.zeros((4, 2, 10), np.float32)
    windows[0, 0, 4:6] = 1.0
    windows[0, 1] = 1.0  # on throughout, but still
    windows[1, 1] = 1.0
    assert most_active_place(windows, [(0,), (1,)]).tolist() == [0, 1, -1, -1]


def test_polarity_of_a_switch_does_not_matter():
    windows = np.ones((3, 2, 10), np.float32)
    windows[1, 1] = 0.0
    assert most_active_place(windows, [(0,), (1,)]).tolist() == [-1, 1, -1]


def test_channels_of_one_place_count_together():
    windows = np.zeros((1, 3, 10), np.float32)
    windows[0, 0, 5] = 1.0
    windows[0, 1, 2] = windows[0, 2, 7] = 1.0
    windows = np.concatenate([windows, np.zeros((5, 3, 10), np.float32)])
    assert most_active_place(windows, [(0,), (1, 2)])[0] == 1


def test_places_and_locations_do_not_depend_on_the_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    windows = rng.choice([0.0, 1.0, 1.0, 5.0], (40, 3, 10)).astype(np.float32)
    windows[rng.random(40) < 0.4] = 1.0
    location, first = rng.integers(-1, 4, 90), rng.integers(0, 80, 40)
    places = [(0,), (1, 2)]
    active, dominant = most_active_place(windows, places), dominant_location(location, first, 10)
    assert len(np.unique(active)) == 3
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 7 * 3 * 10 * 4)
    monkeypatch.setattr(packing, "_WINDOWS_AT_ONCE", 7)
    np.testing.assert_array_equal(most_active_place(windows, places), active)
    np.testing.assert_array_equal(dominant_location(location, first, 10), dominant)
    for row, found in zip(first, dominant, strict=True):
        counts = np.bincount(location[row : row + 10] + 1, minlength=5)[1:]
        assert found == counts.argmax()
