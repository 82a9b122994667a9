from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.durations import DurationHistogram, gesture_durations

# Means of datasets.md, 1.3 (read from the official figure independently of the histogram file).
OFFICIAL_MEANS_S = {
    "Open Door 1": 3.76,
    "Open Door 2": 3.97,
    "Close Door 1": 3.68,
    "Close Door 2": 3.82,
    "Open Fridge": 2.80,
    "Close Fridge": 2.46,
    "Open Dishwasher": 2.79,
    "Close Dishwasher": 2.61,
    "Open Drawer 1": 2.07,
    "Close Drawer 1": 1.76,
    "Open Drawer 2": 2.00,
    "Close Drawer 2": 1.78,
    "Open Drawer 3": 2.31,
    "Close Drawer 3": 2.25,
}


@pytest.mark.parametrize("label", OFFICIAL_MEANS_S)
def test_the_mean_of_many_draws_is_the_official_mean(label):
    generator = np.random.default_rng(1)
    draws = [gesture_durations()[label].draw(generator) for _ in range(3000)]
    assert np.mean(draws) == pytest.approx(OFFICIAL_MEANS_S[label], rel=0.04)


def test_all_draws_lie_inside_the_histogram_and_no_bin_is_left_out():
    histogram = gesture_durations()["Close Fridge"]
    generator = np.random.default_rng(0)
    draws = np.array([histogram.draw(generator) for _ in range(4000)])
    counts, _ = np.histogram(draws, histogram.edges_s)
    assert counts.sum() == 4000
    np.testing.assert_allclose(counts / 4000, histogram.share, atol=0.025)


def test_a_histogram_of_one_bin_has_its_centre_as_mean():
    assert DurationHistogram(np.array([1.0, 2.0]), np.array([1.0])).mean_s == 1.5
