from __future__ import annotations

import numpy as np
import pytest

from detach_core.signals.resampling import is_even, on_even_clock, sampling_rate_hz


def test_the_rate_of_rounded_milliseconds_is_found_and_a_gap_does_not_lower_it():
    time_s = np.round(np.arange(300) / 30, 3)
    assert sampling_rate_hz(time_s) == pytest.approx(30, rel=1e-3)
    time_s[150:] += 5.0
    assert sampling_rate_hz(time_s) == pytest.approx(30, rel=1e-3)


@pytest.mark.parametrize("time_s", [[0.0], [0.0, 0.0], [1.0, 0.5]])
def test_a_rate_needs_increasing_time(time_s):
    with pytest.raises(ValueError, match="increasing"):
        sampling_rate_hz(np.array(time_s))


def test_rounding_is_even_and_a_lost_sample_is_not():
    time_s = np.round(np.arange(100) / 30, 3)
    assert is_even(time_s, 30)
    assert not is_even(np.delete(time_s, 50), 30)


def test_nearest_takes_the_closer_sample_and_leaves_gaps_open():
    time_s = np.array([0.0, 0.12, 0.19, 0.6])
    ticks, values = on_even_clock(
        time_s, np.array([[0.0], [1.0], [2.0], [3.0]]), rate_hz=10, choice="nearest", max_gap_s=0.11
    )
    np.testing.assert_allclose(ticks, np.arange(7) / 10)
    np.testing.assert_array_equal(values[:, 0], [0, 1, 2, np.nan if 0.3 - 0.19 > 0.11 else 2, np.nan, 3, 3])


def test_previous_holds_a_state_until_it_changes():
    time_s = np.array([0.0, 0.15, 0.45])
    _, values = on_even_clock(time_s, np.array([[0.0], [1.0], [2.0]]), rate_hz=10, choice="previous", max_gap_s=np.inf)
    assert values[:, 0].tolist() == [0, 0, 1, 1, 1]


def test_an_even_stream_comes_back_as_it_was():
    time_s = np.arange(50) / 50
    values = np.random.default_rng(0).normal(size=(50, 3))
    for choice in ("nearest", "previous"):
        ticks, even = on_even_clock(time_s, values, rate_hz=50, choice=choice, max_gap_s=0.02)
        np.testing.assert_allclose(ticks, time_s)
        np.testing.assert_array_equal(even, values)
