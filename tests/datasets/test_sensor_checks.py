from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from detach_core.contracts.errors import BadInputError
from detach_core.datasets.sensor_checks import check_channels, check_increasing, check_rate

PATH = Path("S1-Drill.dat")


@pytest.mark.parametrize("value", [0.1, 0.05])
def test_time_that_stands_still_or_runs_backwards_is_named_by_its_line(value):
    time_s = np.array([0.0, 0.1, value, 0.3])
    with pytest.raises(BadInputError, match=r"line 4, column timestamp: found .* after 0.100 s"):
        check_increasing(PATH, time_s, first_line=2, column="timestamp")


def test_a_lost_time_is_named_by_its_line():
    with pytest.raises(BadInputError, match="line 2, column 1: found NaN"):
        check_increasing(PATH, np.array([0.0, np.nan, 0.2]), first_line=1, column="1")


def test_increasing_time_passes():
    check_increasing(PATH, np.array([0.0, 0.1, 5.0]), first_line=1, column="1")


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
    recording = SimpleNamespace(sensor=sensor, channel_names=("a", "b", "c"))
    with pytest.raises(BadInputError, match=r"channel b: found only NaN.*all_nan_channel: zero"):
        check_channels(PATH, recording)
