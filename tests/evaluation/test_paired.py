import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score

from detach_core.contracts.metrics import Interval, Predictions
from detach_core.evaluation.intervals import f1_of
from detach_core.evaluation.paired import SplitPair, SwapTest, difference, holm, swap_test

INTERVAL = Interval(resamples=999, confidence=0.95, seed=0)
LABEL = np.arange(90) // 3 % 3


def predictions(right, seed, first_unit=0):
    """Right with that probability, three windows of a gesture alike."""
    rng = np.random.default_rng(seed)
    wrong = np.repeat(rng.random(30) >= right, 3)
    predicted = np.where(wrong, (LABEL + 1) % 3, LABEL)
    unit = first_unit + np.arange(90)
    return Predictions(unit, np.arange(90) // 3, LABEL, predicted, np.eye(3)[predicted])


def p_of(pairs, swaps=999):
    return swap_test(pairs, 3, swaps=swaps, seed=0).p


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
    assert p_of([SplitPair((a,), (a,))]) == 1.0


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
    assert p_of([clear]) < 0.01
    assert p_of([noise]) > 0.05


def test_p_is_uniform_where_neither_is_better():
    found = [
        p_of([SplitPair((predictions(0.7, 2 * k),), (predictions(0.7, 2 * k + 1),))], swaps=199) for k in range(60)
    ]
    assert np.mean(np.array(found) < 0.1) < 0.25
    assert 0.35 < np.mean(found) < 0.7


def f1_difference(a, b, swapped):
    """scikit-learn's figures, the answers of the swapped gestures exchanged by hand."""
    swap = np.isin(a.instance, swapped)
    first, second = np.where(swap, b.predicted, a.predicted), np.where(swap, a.predicted, b.predicted)
    one, other = (f1_score(a.label, x, average="weighted", zero_division=0) for x in (first, second))
    return one - other


def by_hand(pairs, gestures):
    """p by going through every way to swap, a gesture in all its splits and seeds at once."""
    found = []
    for chosen in itertools.product((False, True), repeat=len(gestures)):
        swapped = np.array(gestures)[np.array(chosen)]
        means = [np.mean([f1_difference(a, b, swapped) for a, b in zip(*pair, strict=True)]) for pair in pairs]
        found.append(abs(np.mean(means)))
    return np.mean(np.array(found) >= found[0] - 1e-12)


def part(one, gestures):
    rows = np.isin(one.instance, gestures)
    return Predictions(
        *(getattr(one, name)[rows] for name in ("unit", "instance", "label", "predicted", "probabilities"))
    )


@pytest.mark.parametrize("num_seeds", [1, 2])
@pytest.mark.parametrize("tested", [[range(5)], [range(4), range(2, 6)], [range(2), range(2, 5)], [range(4)] * 3])
def test_p_of_gestures_that_several_splits_test_equals_an_enumeration_by_hand(tested, num_seeds):
    def answers(right, shift):
        return [
            tuple(part(predictions(right, shift + 10 * split + seed), gestures) for seed in range(num_seeds))
            for split, gestures in enumerate(tested)
        ]

    pairs = list(zip(answers(0.9, 1), answers(0.5, 101), strict=True))
    gestures = sorted(set().union(*tested))
    found = swap_test([SplitPair(*pair) for pair in pairs], 3, swaps=1000, seed=0)
    assert found.p == pytest.approx(by_hand(pairs, gestures))
    assert found.num_gestures == len(gestures)
    assert found.smallest_p == 2.0 / 2 ** len(gestures)


def test_random_swaps_come_near_the_enumeration_and_say_how_small_p_can_get():
    a, b = (part(predictions(right, seed), range(12)) for right, seed in ((0.9, 3), (0.6, 4)))
    pairs = [SplitPair((a,), (b,))]
    exact = swap_test(pairs, 3, swaps=2**12, seed=0)
    drawn = swap_test(pairs, 3, swaps=2**12 - 1, seed=0)
    assert (exact.smallest_p, drawn.smallest_p) == (2.0**-11, 2.0**-12)
    assert 0.0 < exact.p < 1.0
    assert abs(drawn.p - exact.p) < 4.0 * np.sqrt(exact.p * (1.0 - exact.p) / 2**12)


def test_the_smallest_p_is_reached_where_every_gesture_says_the_same():
    right, wrong = predictions(1.0, 0), predictions(0.0, 0)
    found = swap_test([SplitPair((right,), (wrong,))], 3, swaps=10_000, seed=0)
    assert found.p == found.smallest_p == pytest.approx(1.0 / 10_001)


def test_units_outside_any_gesture_are_swapped_each_by_itself_and_once_over_the_splits():
    one, other = predictions(0.9, 1), predictions(0.5, 2)
    lone = [Predictions(a.unit, np.full(90, -1), a.label, a.predicted, a.probabilities) for a in (one, other)]
    pair = SplitPair((lone[0],), (lone[1],))
    assert swap_test([pair, pair], 3, swaps=100, seed=0).num_gestures == 90
    mixed = [
        Predictions(a.unit, np.where(a.unit < 9, -1, a.instance), a.label, a.predicted, a.probabilities)
        for a in (one, other)
    ]
    assert swap_test([SplitPair((mixed[0],), (mixed[1],)), pair], 3, swaps=100, seed=0).num_gestures == 90 + 27


def test_few_gestures_are_enumerated_exactly():
    rows = np.arange(6)  # two gestures of three windows
    label = np.zeros(6, int)
    right = Predictions(rows, rows // 3, label, label, np.eye(2)[label])
    wrong = Predictions(rows, rows // 3, label, label + 1, np.eye(2)[label + 1])
    # Of the four ways to swap, two are as extreme as what was seen.
    assert swap_test([SplitPair((right,), (wrong,))], 2, swaps=999, seed=0) == SwapTest(0.5, 0.5, 2)


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
    assert swap_test([SplitPair(tuple(first), tuple(second), draws=4)], 3, swaps=10_000, seed=0).p < 0.01


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
