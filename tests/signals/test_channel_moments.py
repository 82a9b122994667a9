from __future__ import annotations

import numpy as np
import pytest

from detach_core.signals import normalization as module
from detach_core.signals.normalization import channel_moments, pairwise_sum


@pytest.mark.parametrize("at_once", [1, 2_000, 50_000])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 11), (901, 6, 100), (1234, 34, 60), (3001, 1, 33)])
def test_moments_are_numpys_to_the_bit_however_little_is_read_at_once(shape, at_once, monkeypatch):
    monkeypatch.setattr(module, "_VALUES_AT_ONCE", at_once)
    windows = np.random.default_rng(0).normal(3.0, 500.0, shape).astype(np.float32)
    by_channel = np.moveaxis(windows.astype(np.float64), 1, 0).reshape(shape[1], -1)
    mean, std = channel_moments(windows)
    np.testing.assert_array_equal(mean, by_channel.mean(axis=1))
    np.testing.assert_array_equal(std, by_channel.std(axis=1))


def test_a_constant_channel_does_not_deviate():
    windows = np.full((500, 2, 60), 1000.123, np.float32)
    windows[7, 0, 3] = 0.0
    _, std = channel_moments(windows)
    assert std[0] > 0.0
    assert std[1] == 0.0


def test_pieces_are_no_larger_than_asked_for_and_are_all_there():
    seen = []

    def read(first, size):
        seen.append((first, size))
        return np.ones((2, size))

    assert pairwise_sum(read, 10_000, 600).tolist() == [10_000.0, 10_000.0]
    assert max(size for _, size in seen) <= 600
    assert [first for first, _ in seen] == np.cumsum([0, *(size for _, size in seen)])[:-1].tolist()
