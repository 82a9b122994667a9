from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detach_core.windows.packing import first_rows, rows_per_window, window_starts


def test_windows_start_at_whole_strides_inside_the_interval():
    assert window_starts(begin_s=0.4, end_s=6.0, length_s=2.0, stride_s=1.0).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_window_that_ends_exactly_at_the_end_is_kept():
    assert window_starts(begin_s=0.0, end_s=2.0, length_s=2.0, stride_s=1.0).tolist() == [0.0]


def test_an_interval_shorter_than_a_window_has_none():
    assert len(window_starts(begin_s=0.0, end_s=1.9, length_s=2.0, stride_s=1.0)) == 0
    assert len(window_starts(begin_s=9.0, end_s=1.0, length_s=2.0, stride_s=1.0)) == 0


def test_a_stride_that_float_cannot_hold_loses_no_window():
    assert len(window_starts(begin_s=0.0, end_s=3.0, length_s=0.3, stride_s=0.1)) == 28


@pytest.mark.parametrize(("length_s", "stride_s"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_lengths_that_are_not_positive_are_refused(length_s, stride_s):
    with pytest.raises(ValueError, match="positive"):
        window_starts(begin_s=0.0, end_s=1.0, length_s=length_s, stride_s=stride_s)


@given(
    begin_s=st.floats(-5, 20),
    duration_s=st.floats(0, 60),
    length_s=st.sampled_from([0.5, 1.0, 2.0]),
    stride_s=st.sampled_from([0.25, 1.0, 2.0]),
)
def test_windows_are_inside_evenly_spaced_and_none_is_left_out(begin_s, duration_s, length_s, stride_s):
    starts = window_starts(begin_s=begin_s, end_s=begin_s + duration_s, length_s=length_s, stride_s=stride_s)
    expected = [
        k * stride_s
        for k in range(-100, 1000)
        if k * stride_s >= begin_s - 1e-6 and k * stride_s + length_s <= begin_s + duration_s + 1e-6
    ]
    np.testing.assert_allclose(starts, expected)


def test_the_first_row_is_the_nearest_sample():
    starts = np.array([0.0, 1.0, 1.016, 1.017])
    assert first_rows(starts, origin_s=0.0, rate_hz=30).tolist() == [0, 30, 30, 31]
    assert first_rows(np.array([1.0]), origin_s=0.5, rate_hz=30).tolist() == [15]


def test_rows_of_a_window_follow_the_rate():
    assert [rows_per_window(2.0, rate) for rate in (5, 10, 30, 50)] == [10, 20, 60, 100]
