import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.clustering.agreement import entropy, hungarian_accuracy, largest_share, mutual_information, purity

FIGURES = (purity, hungarian_accuracy, mutual_information)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_renaming_the_clusters_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    cluster, reference = generator.integers(5, size=30), generator.integers(3, size=30)
    renamed = generator.permutation(5)[cluster]
    for figure in FIGURES:
        assert abs(figure(cluster, reference) - figure(renamed, reference)) < 1e-12


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), references=st.integers(1, 4))
def test_hungarian_accuracy_is_the_best_of_all_namings(seed, references):
    generator = np.random.default_rng(seed)
    cluster, reference = generator.integers(3, size=20), generator.integers(references, size=20)
    names = itertools.permutations([*range(references), -9, -8, -7], 3)
    best = max(np.mean([name[c] == r for c, r in zip(cluster, reference, strict=True)]) for name in names)
    assert abs(hungarian_accuracy(cluster, reference) - best) < 1e-12


def test_equal_groupings_agree_fully_and_a_split_cluster_stays_pure():
    reference = np.array([0, 0, 1, 1, 2, 2])
    for figure in FIGURES:
        assert abs(figure(np.array([4, 4, 0, 0, 7, 7]), reference) - 1) < 1e-12
    split = np.arange(6)
    assert purity(split, reference) == 1.0
    assert hungarian_accuracy(split, reference) == 0.5


def test_unknown_references_are_left_out():
    cluster, reference = np.array([0, 0, 1, 1]), np.array([0, 0, 1, -1])
    for figure in FIGURES:
        assert abs(figure(cluster, reference) - 1) < 1e-12
        assert math.isnan(figure(cluster, np.full(4, -1)))


def test_a_collapsed_vote_shows_in_its_largest_share_and_its_entropy():
    assert largest_share(np.array([3] * 9 + [1])) == 0.9
    assert entropy(np.zeros(5)) == 0.0
    assert abs(entropy(np.arange(7)) - math.log(7)) < 1e-12
    with pytest.raises(ValueError, match="no label"):
        largest_share(np.array([]))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected two"):
        purity(np.zeros(3), np.zeros(2))
