from itertools import permutations

import numpy as np
import pytest

from detach_core import clustering
from detach_core.evaluation.clusters import (
    contingency,
    hungarian_accuracies,
    normalised_mutual_information,
    right_by_majority,
)

RNG = np.random.default_rng(3)
CLUSTER, PLACE = RNG.integers(0, 4, 50), RNG.integers(0, 3, 50)
WEIGHT = RNG.integers(0, 4, (5, 50)).astype(float)


def test_counts_are_those_of_a_loop():
    counts = contingency(CLUSTER, PLACE, WEIGHT)
    for b in range(5):
        for k in range(4):
            for p in range(3):
                assert counts[b, k, p] == sum(WEIGHT[b, n] for n in range(50) if CLUSTER[n] == k and PLACE[n] == p)


def test_unweighted_figures_are_those_of_the_monitor():
    counts = contingency(CLUSTER, PLACE, np.ones((1, 50)))
    assert hungarian_accuracies(counts)[0] == pytest.approx(clustering.hungarian_accuracy(CLUSTER, PLACE))
    assert normalised_mutual_information(counts)[0] == pytest.approx(clustering.mutual_information(CLUSTER, PLACE))


def test_a_weight_of_two_is_a_window_twice():
    twice = np.repeat(np.arange(50), WEIGHT[0].astype(int))
    counts = contingency(CLUSTER, PLACE, WEIGHT[:1])
    assert hungarian_accuracies(counts)[0] == pytest.approx(clustering.hungarian_accuracy(CLUSTER[twice], PLACE[twice]))
    assert normalised_mutual_information(counts)[0] == pytest.approx(
        clustering.mutual_information(CLUSTER[twice], PLACE[twice])
    )


def test_the_best_naming_is_the_best_of_all():
    counts = contingency(CLUSTER % 3, PLACE, np.ones((1, 50)))[0]
    best = max(sum(counts[k, order[k]] for k in range(3)) for order in permutations(range(3)))
    assert hungarian_accuracies(counts[None])[0] == pytest.approx(best / 50)


def test_right_is_the_commonest_place_of_the_cluster():
    right = right_by_majority(np.array([0, 0, 0, 1, 1]), np.array([2, 2, 1, 0, 0]))
    assert right.tolist() == [True, True, False, True, True]
    assert right_by_majority(CLUSTER, PLACE).mean() == pytest.approx(clustering.purity(CLUSTER, PLACE))


def test_an_unknown_place_is_refused():
    with pytest.raises(ValueError, match="expected"):
        contingency(np.array([0, 1]), np.array([0, -1]), np.ones((1, 2)))
