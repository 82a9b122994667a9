import numpy as np
import pytest

from detach_core.contracts.metrics import Interval
from detach_core.evaluation.hierarchy import SplitFigures, estimate, hierarchical_means
from detach_core.evaluation.intervals import resampling_weights

INTERVAL = Interval(resamples=4000, confidence=0.95, seed=0)


def mean_of(values):
    return lambda weight: weight @ values / weight.sum(axis=1)


def split(values, *seeds):
    count = len(values)
    return SplitFigures(
        np.arange(count), np.zeros(count, int), tuple(mean_of(np.asarray(one)) for one in (values, *seeds))
    )


def test_one_split_and_seed_is_the_plain_bootstrap_of_the_units():
    values = np.random.default_rng(1).normal(size=40)
    found = estimate([split(values)], INTERVAL)
    weight = resampling_weights(np.arange(40), np.zeros(40, int), 4000, np.random.default_rng([0, 6]))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(np.quantile(weight @ values / 40, [0.025, 0.975]))


def test_the_value_is_the_mean_over_splits_of_the_mean_over_seeds():
    found = estimate([split([0.0, 1.0], [1.0, 1.0]), split([0.25, 0.25], [0.25, 0.25])], INTERVAL)
    assert found.value == pytest.approx(((0.5 + 1.0) / 2 + 0.25) / 2)


def test_splits_that_differ_widen_the_interval_beyond_that_of_the_units():
    values = np.random.default_rng(2).normal(scale=0.1, size=60)
    alike = estimate([split(values) for _ in range(4)], INTERVAL)
    apart = estimate([split(values + shift) for shift in (-1.0, -0.5, 0.5, 1.0)], INTERVAL)
    assert apart.high - apart.low > 5 * (alike.high - alike.low)


def test_the_spread_over_seeds_and_splits_is_that_of_their_draws():
    # Without units to draw, the variance of the mean is known: of two splits, -1 and +1, drawn twice.
    values = [np.full((20000, 3), -1.0), np.full((20000, 3), 1.0)]
    means = hierarchical_means(values, np.random.default_rng(0))
    assert sorted(np.unique(means)) == [-1.0, 0.0, 1.0]
    assert means.var() == pytest.approx(0.5, abs=0.02)
    seeds = hierarchical_means([np.tile([0.0, 1.0], (20000, 1))], np.random.default_rng(0))
    assert seeds.var() == pytest.approx(0.125, abs=0.01)


@pytest.mark.parametrize("values", [[], [np.zeros((3, 0))], [np.zeros((3, 1)), np.zeros((4, 1))]])
def test_what_cannot_be_drawn_is_refused(values):
    with pytest.raises(ValueError, match="expected"):
        hierarchical_means(values, np.random.default_rng(0))
