import numpy as np
import pytest
from scipy.stats import t

from detach_core.contracts.metrics import Interval
from detach_core.evaluation.intervals import (
    SplitMetrics,
    estimate,
    estimate_of_mean,
    resampling_weights,
    shifted_interval,
)

INTERVAL = Interval(resamples=4000, confidence=0.95, seed=0)


def mean_of(values):
    return lambda weight: weight @ values / weight.sum(axis=1)


def split(values, *seeds):
    count = len(values)
    return SplitMetrics(
        np.arange(count), np.zeros(count, int), tuple(mean_of(np.asarray(one)) for one in (values, *seeds))
    )


def test_one_split_and_seed_is_the_plain_bootstrap_of_the_units():
    values = np.random.default_rng(1).normal(size=40)
    found = estimate([split(values)], INTERVAL)
    weight = resampling_weights(np.arange(40), np.zeros(40, int), 4000, np.random.default_rng([0, 6]))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(shifted_interval(values.mean(), weight @ values / 40, 0.95))


def test_the_value_is_the_mean_over_splits_of_the_mean_over_seeds():
    found = estimate([split([0.0, 1.0], [1.0, 1.0]), split([0.25, 0.25], [0.25, 0.25])], INTERVAL)
    assert found.value == pytest.approx(((0.5 + 1.0) / 2 + 0.25) / 2)


def test_splits_that_differ_widen_the_interval_beyond_that_of_the_units():
    values = np.random.default_rng(2).normal(scale=0.1, size=60)
    alike = estimate([split(values) for _ in range(4)], INTERVAL)
    apart = estimate([split(values + shift) for shift in (-1.0, -0.5, 0.5, 1.0)], INTERVAL)
    assert apart.high - apart.low > 5 * (alike.high - alike.low)


def certain(*values):
    """Figures of a split's seeds that its units do not change, (K,) and (B, K)."""
    plain = np.array(values)
    return plain, np.tile(plain, (50, 1))


def test_seeds_alone_give_the_textbook_interval_of_student_s_t():
    plain, drawn = certain(0.1, 0.4, 0.3)
    found = estimate_of_mean([plain], [drawn], 0.95)
    expected = t.interval(0.95, 2, plain.mean(), plain.std(ddof=1) / np.sqrt(3))
    assert (found.low, found.high) == pytest.approx(expected)


def test_splits_alone_give_the_textbook_interval_of_student_s_t():
    plain, drawn = zip(*(certain(value) for value in (0.1, 0.4, 0.3, 0.8)), strict=True)
    found = estimate_of_mean(plain, drawn, 0.9)
    values = np.concatenate(plain)
    assert (found.low, found.high) == pytest.approx(t.interval(0.9, 3, values.mean(), values.std(ddof=1) / 2))


def test_splits_that_agree_by_luck_do_not_narrow_the_interval_below_what_units_and_seeds_vary():
    rng = np.random.default_rng(0)
    plain = [np.array([0.2, 0.6])] * 4
    drawn = [np.array([0.2, 0.6]) + rng.normal(size=(20_000, 1)) * 0.1 for _ in range(4)]
    found = estimate_of_mean(plain, drawn, 0.95)
    units, seeds = 0.01 / 4, 0.08 / 2 / 4
    freedom = 4 * (units + seeds) ** 2 / seeds**2
    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, freedom) * np.sqrt(units + seeds), rel=0.01)


def test_figures_of_several_draws_of_folds_are_averaged_and_the_draws_drawn():
    values = np.random.default_rng(4).normal(size=30)
    shift = np.array([-0.3, 0.0, 0.3, 0.8])
    draws = SplitMetrics(np.arange(30), np.zeros(30, int), (lambda weight: mean_of(values)(weight)[:, None] + shift,))
    found, alone = estimate([draws], INTERVAL), estimate([split(values)], INTERVAL)
    assert found.value == pytest.approx(values.mean() + shift.mean())
    variance = values.var(ddof=1) / 30 + shift.var(ddof=1) / 4
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.08)
    assert found.high - found.low > 1.2 * (alone.high - alone.low)


def test_the_interval_of_few_seeds_covers_where_drawing_three_with_replacement_would_not():
    rng, held = np.random.default_rng(5), {"t": 0, "drawn": 0}
    for _ in range(400):
        plain = rng.normal(size=3)
        found = estimate_of_mean([plain], [np.tile(plain, (20, 1))], 0.95)
        held["t"] += found.low <= 0.0 <= found.high
        low, high = np.quantile(plain[rng.integers(3, size=(400, 3))].mean(1), [0.025, 0.975])
        held["drawn"] += low <= 0.0 <= high
    assert 0.92 <= held["t"] / 400 <= 0.98
    assert held["drawn"] / 400 < 0.85


def test_the_bounds_stay_in_the_range_of_the_figure():
    plain, drawn = certain(0.9, 1.0)
    assert estimate_of_mean([plain], [drawn], 0.95, (0.0, 1.0)).high == 1.0


def test_a_figure_that_a_resample_does_not_have_leaves_no_interval():
    plain, drawn = certain(0.5, 0.6)
    drawn[3, 1] = np.nan
    for count in (1, 2):
        assert np.isnan(estimate_of_mean([plain[-count:]], [drawn[:, -count:]], 0.95).low)


@pytest.mark.parametrize(
    ("plain", "drawn"),
    [
        ([], []),
        ([np.zeros(0)], [np.zeros((3, 0))]),
        ([np.zeros(1)], [np.zeros((3, 2))]),
        ([np.zeros(1)], []),
        ([np.zeros(1)], [np.zeros((0, 1))]),
    ],
)
def test_figures_that_do_not_fit_are_refused(plain, drawn):
    with pytest.raises(ValueError, match="expected"):
        estimate_of_mean(plain, drawn, 0.95)
