from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.signals.resampling import is_even, on_even_clock, sampling_rate_hz


def test_the_rate_of_rounded_milliseconds_is_found_and_a_gap_does_not_lower_it():
    time_s = np.round(np.arange(300) / 30, 3)
    assert sampling_rate_hz(time_s) == pytest.approx(30, rel=1e-3)
    time_s[150:] += 5.0
    assert sampling_rate_hz(time_s) == pytest.approx(30, rel=1e-3)


@pytest.mark.parametrize("time_s", [[0.0], [0.0, 0.0], [1.0, 0.5], [0.0, 0.1, 0.05, 0.2]])
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


def test_a_sample_that_is_a_little_late_counts_as_taken_at_its_tick():
    time_s = np.array([0.0, 0.104, 0.196, 0.306, 0.9])
    values = np.arange(5.0)[:, None]
    _, held = on_even_clock(time_s, values, rate_hz=10, choice="previous", max_gap_s=np.inf, early_s=0.05)
    assert held[:, 0].tolist() == [0, 1, 2, 3, 3, 3, 3, 3, 3, 4]
    _, held = on_even_clock(time_s, values, rate_hz=10, choice="previous", max_gap_s=np.inf)
    assert held[:, 0].tolist() == [0, 0, 2, 2, 3, 3, 3, 3, 3, 4]


def test_only_ticks_between_samples_that_lie_too_far_apart_become_nan():
    time_s = np.array([0.0, 0.14, 0.2, 0.5, 0.61])
    values = np.arange(5.0)[:, None]
    _, even = on_even_clock(time_s, values, rate_hz=20, choice="nearest", max_gap_s=0.025, longest_step_s=0.15)
    np.testing.assert_array_equal(even[:, 0], [0, 0, 1, 1, 2, *[np.nan] * 5, 3, 3, 4])


def test_an_even_stream_comes_back_as_it_was():
    time_s = np.arange(50) / 50
    values = np.random.default_rng(0).normal(size=(50, 3))
    for choice in ("nearest", "previous"):
        ticks, even = on_even_clock(time_s, values, rate_hz=50, choice=choice, max_gap_s=0.02)
        np.testing.assert_allclose(ticks, time_s)
        np.testing.assert_array_equal(even, values)


def even_at_once(time_s, values, rate_hz, choice, max_gap_s):
    """The even clock by its definition: every tick looks for its sample among all."""
    count = int(np.floor((time_s[-1] - time_s[0]) * rate_hz + 1e-6)) + 1
    ticks = time_s[0] + np.arange(count) / rate_hz
    found = np.full((count, values.shape[1]), np.nan)
    for tick, now in enumerate(ticks):
        before = max(np.flatnonzero(time_s <= now + 1e-9), default=0)
        after = min(before + 1, len(time_s) - 1)
        row = after if choice == "nearest" and time_s[after] - now < now - time_s[before] else before
        if abs(time_s[row] - now) <= max_gap_s:
            found[tick] = values[row]
    return ticks, found


@pytest.mark.parametrize("choice", ["nearest", "previous"])
@pytest.mark.parametrize("block_bytes", [8, 80, 1 << 21])
def test_an_uneven_clock_is_evened_out_in_whatever_pieces(choice, block_bytes, monkeypatch):
    monkeypatch.setattr(rows, "_BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(0)
    time_s = np.cumsum(rng.choice([0.02, 0.1, 0.11, 1.3], 300))
    values = rng.normal(size=(300, 2))
    expected_ticks, expected = even_at_once(time_s, values, 10.0, choice, 0.4)
    ticks, even = on_even_clock(time_s, values, rate_hz=10.0, choice=choice, max_gap_s=0.4)
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in rows.blocks(ticks)]), expected_ticks)
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in rows.blocks(even)]), expected)
    assert np.isnan(expected).any()


@pytest.mark.parametrize("block_bytes", [8, 80])
def test_rate_and_evenness_do_not_depend_on_the_pieces(block_bytes, monkeypatch):
    time_s = np.round(np.arange(500) / 30, 3)
    time_s[250:] += 0.01
    expected = sampling_rate_hz(time_s)
    monkeypatch.setattr(rows, "_BLOCK_BYTES", block_bytes)
    assert sampling_rate_hz(time_s) == pytest.approx(expected, rel=1e-12)
    assert is_even(time_s, 30)
    time_s[499] += 0.02
    assert not is_even(time_s, 30)
    time_s[300] = time_s[299] - 0.001
    with pytest.raises(ValueError, match="increasing"):
        sampling_rate_hz(time_s)
