import numpy as np
import pytest
from sklearn.metrics import f1_score

from detach_core.contracts.metrics import Interval
from detach_core.contracts.predictions import Predictions
from detach_core.evaluation.figures import f1_of
from detach_core.evaluation.paired import SplitPair, difference, holm, swap_p_value

INTERVAL = Interval(resamples=999, confidence=0.95, seed=0)
LABEL = np.arange(90) // 3 % 3


def predictions(right, seed, first_unit=0):
    """Right with that probability, three windows of a gesture alike."""
    rng = np.random.default_rng(seed)
    wrong = np.repeat(rng.random(30) >= right, 3)
    predicted = np.where(wrong, (LABEL + 1) % 3, LABEL)
    unit = first_unit + np.arange(90)
    return Predictions(unit, np.arange(90) // 3, LABEL, predicted, np.eye(3)[predicted])


def test_the_difference_is_that_of_the_printed_figures():
    a, b = predictions(0.9, 1), predictions(0.5, 2)
    found = difference([SplitPair((a,), (b,))], f1_of(3), INTERVAL)
    expected = f1_score(LABEL, a.predicted, average="weighted") - f1_score(LABEL, b.predicted, average="weighted")
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high


def test_equal_answers_differ_by_nothing_and_are_not_significant():
    a = predictions(0.7, 1)
    found = difference([SplitPair((a,), (a,))], f1_of(3), INTERVAL)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert swap_p_value([SplitPair((a,), (a,))], 3, INTERVAL) == 1.0


def test_what_is_hard_for_both_cancels():
    a = predictions(0.6, 1)
    better = np.where((a.predicted != LABEL) & (np.arange(90) < 12), LABEL, a.predicted)
    b = Predictions(a.unit, a.instance, LABEL, better, np.eye(3)[better])
    paired = difference([SplitPair((b,), (a,))], f1_of(3), INTERVAL)
    apart = difference([SplitPair((b,), (predictions(0.6, 9),))], f1_of(3), INTERVAL)
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


def test_a_clear_difference_is_significant_and_noise_is_not():
    clear = SplitPair((predictions(0.95, 1), predictions(0.95, 2)), (predictions(0.4, 3), predictions(0.4, 4)))
    noise = SplitPair((predictions(0.7, 5),), (predictions(0.7, 6),))
    assert swap_p_value([clear], 3, INTERVAL) < 0.01
    assert swap_p_value([noise], 3, INTERVAL) > 0.05


def test_p_is_uniform_where_neither_is_better():
    few = Interval(resamples=199, confidence=0.95, seed=0)
    found = [
        swap_p_value([SplitPair((predictions(0.7, 2 * k),), (predictions(0.7, 2 * k + 1),))], 3, few) for k in range(60)
    ]
    assert np.mean(np.array(found) < 0.1) < 0.25
    assert 0.35 < np.mean(found) < 0.7


def test_few_gestures_are_enumerated_exactly():
    rows = np.arange(6)  # two gestures of three windows
    label = np.zeros(6, int)
    right = Predictions(rows, rows // 3, label, label, np.eye(2)[label])
    wrong = Predictions(rows, rows // 3, label, label + 1, np.eye(2)[label + 1])
    # Of the four ways to swap, two are as extreme as what was seen.
    assert swap_p_value([SplitPair((right,), (wrong,))], 2, INTERVAL) == pytest.approx(0.5)


def test_other_units_are_refused():
    with pytest.raises(ValueError, match="the same units"):
        SplitPair((predictions(0.7, 1),), (predictions(0.7, 2, first_unit=5),))


def test_draws_of_folds_are_averaged_within_a_seed_and_stay_together():
    first = [predictions(0.9, seed) for seed in range(4)]
    second = [predictions(0.5, 10 + seed) for seed in range(4)]
    of_each = [
        f1_score(LABEL, a.predicted, average="weighted") - f1_score(LABEL, b.predicted, average="weighted")
        for a, b in zip(first, second, strict=True)
    ]
    one_seed = difference([SplitPair(tuple(first), tuple(second), draws=4)], f1_of(3), INTERVAL)
    two_seeds = difference([SplitPair(tuple(first), tuple(second), draws=2)], f1_of(3), INTERVAL)
    assert one_seed.value == pytest.approx(np.mean(of_each))
    assert two_seeds.value == pytest.approx(np.mean(of_each))
    assert one_seed.low < 0.3 < one_seed.value < 0.6 < one_seed.high
    assert swap_p_value([SplitPair(tuple(first), tuple(second), draws=4)], 3, INTERVAL) < 0.01


def test_draws_that_do_not_fill_the_seeds_are_refused():
    with pytest.raises(ValueError, match="not 2 draws"):
        SplitPair((predictions(0.7, 1),), (predictions(0.7, 2),), draws=2)


def test_holm_is_the_printed_step_down_rule():
    p = [0.04, 0.01, 0.03, 0.005]
    expected, largest = {}, 0.0
    for rank, place in enumerate(sorted(range(4), key=lambda k: p[k])):
        largest = max(largest, (4 - rank) * p[place])
        expected[place] = min(largest, 1.0)
    assert holm(p) == pytest.approx([expected[k] for k in range(4)])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
