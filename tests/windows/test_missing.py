from __future__ import annotations

import numpy as np

from detach_core.windows.packing import fill_missing

NAN = np.nan


def one(values, **options):
    return fill_missing(np.array([[values]], np.float32), **{"max_nan_share": 0.5, **options})[0, 0].tolist()


def test_gaps_are_bridged_by_straight_lines():
    assert one([1, NAN, NAN, 4, 5, 6]) == [1, 2, 3, 4, 5, 6]


def test_before_the_first_and_behind_the_last_sample_the_sample_is_repeated():
    assert one([NAN, 2, 3, NAN]) == [2, 2, 3, 3]


def test_exactly_the_allowed_share_is_still_interpolated_and_more_is_zero():
    assert one([NAN, NAN, 3, 4]) == [3, 3, 3, 4]
    assert one([NAN, NAN, NAN, 4]) == [0, 0, 0, 0]


def test_a_channel_without_any_sample_is_zero_even_when_all_may_be_lost():
    assert one([NAN, NAN], max_nan_share=1.0) == [0, 0]


def test_other_channels_and_the_input_are_left_alone():
    windows = np.array([[[1, NAN, 3], [7, 8, 9]]], np.float32)
    before = windows.copy()
    filled = fill_missing(windows, max_nan_share=0.5)
    assert filled[0, 1].tolist() == [7, 8, 9]
    np.testing.assert_array_equal(windows, before)
