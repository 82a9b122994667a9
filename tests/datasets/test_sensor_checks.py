from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.datasets.adapter import (
    check_channels,
    check_gaps,
    check_increasing,
    check_rate,
    check_repeats,
    check_sizes,
    count_lost,
)
from detach_core.foundation.errors import BadInputError

PATH = Path("S1-Drill.dat")


@pytest.fixture(params=[8, 24, 1 << 21], autouse=True)
def block_bytes(request, monkeypatch):
    """All checks see their rows in pieces of one, of three, and at once."""
    monkeypatch.setattr(rows, "_BLOCK_BYTES", request.param)


@pytest.mark.parametrize("value", [0.0999, 0.05, -3.0])
def test_time_that_runs_backwards_is_named_by_its_line(value):
    time_s = np.array([0.0, 0.1, value, 0.3])
    with pytest.raises(BadInputError, match=r"line 4, column timestamp: found .* after 0.100 s"):
        check_increasing(PATH, time_s, first_line=2, column="timestamp")


def test_a_lost_time_is_named_by_its_line():
    with pytest.raises(BadInputError, match="line 2, column 1: found NaN"):
        check_increasing(PATH, np.array([0.0, np.nan, 0.2]), first_line=1, column="1")


@pytest.mark.parametrize("time_s", [[0.0, 0.1, 5.0], [0.0, 0.1, 0.1, 0.3]])
def test_time_that_does_not_run_backwards_passes(time_s):
    check_increasing(PATH, np.array(time_s), first_line=1, column="1")


def test_a_line_that_stands_twice_is_named_and_a_coarse_clock_passes():
    time_s = np.arange(300) / 30
    with pytest.raises(BadInputError, match=r"line 2[2-4], column 1: found 0.633 s again, without a pause .* repeated"):
        check_repeats(PATH, np.insert(time_s, [20] * 3, time_s[19]), first_line=2, column="1")
    for coarse in (time_s, np.floor(time_s * 5) / 5, np.repeat(time_s[::2], 2)):
        check_repeats(PATH, coarse, first_line=2, column="1")


def test_time_that_stands_still_is_refused():
    with pytest.raises(BadInputError, match=r"found time that stands still over most of 40 samples, expected 30 "):
        check_rate(PATH, np.zeros(40), sensor_hz=30, tolerance=0.05)


def test_another_rate_is_refused_and_the_key_is_named():
    time_s = np.arange(100) / 28
    with pytest.raises(BadInputError, match=r"found 28.000 samples/s, expected 30 \(`native.sensor_hz`\)"):
        check_rate(PATH, time_s, sensor_hz=30, tolerance=0.05)
    check_rate(PATH, time_s, sensor_hz=30, tolerance=0.1)


def test_a_single_sample_is_refused():
    with pytest.raises(BadInputError, match="at least two"):
        check_rate(PATH, np.array([0.0]), sensor_hz=30, tolerance=0.05)


def test_a_channel_without_any_value_is_named():
    sensor = np.zeros((5, 3), np.float32)
    sensor[:, 1] = np.nan
    sensor[:4, 2] = np.nan
    recording: Any = SimpleNamespace(sensor=sensor, channel_names=("a", "b", "c"))
    with pytest.raises(BadInputError, match=r"channel b: found only NaN.*all_nan_channel: zero"):
        check_channels(PATH, recording)


def test_lost_samples_are_counted_by_channel():
    sensor = np.zeros((7, 3), np.float32)
    sensor[[0, 3, 6], 1] = np.nan
    sensor[2, 2] = np.nan
    assert count_lost(sensor).tolist() == [0, 3, 1]


def test_a_time_beyond_all_clocks_is_named_by_its_line():
    with pytest.raises(BadInputError, match=r"line 3, column 1: found 1e\+300 s, expected a time"):
        check_increasing(PATH, np.array([0.0, 0.1, 1e300]), first_line=1, column="1")


def test_a_clock_that_leaps_is_refused_behind_its_longest_gap():
    time_s = np.append(np.arange(100) / 30, 1e9)
    with pytest.raises(BadInputError, match=r"line 101, column 1: found a gap of 1e\+09 s, expected at most 10 times"):
        check_gaps(PATH, time_s, sensor_hz=30, first_line=1, column="1")
    check_gaps(PATH, np.append(np.arange(100) / 30, 30.0), sensor_hz=30, first_line=1, column="1")


def test_a_value_that_float32_cannot_hold_is_refused():
    values = np.zeros((5, 2))
    values[3, 1] = 1e39
    with pytest.raises(BadInputError, match=r"line 5, channel b: found 1e\+39, expected at most 3.40282e\+38"):
        check_sizes(PATH, values, first_line=2, channels=("a", "b"))
    check_sizes(PATH, np.array([[3.4e38, np.nan]]), first_line=2, channels=("a", "b"))
