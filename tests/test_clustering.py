from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from detach_core.clustering import (
    entropy,
    hungarian_accuracy,
    largest_share,
    mutual_information,
    purity,
    settle_centres,
    spherical_kmeans,
    split_in_two,
)

pytestmark = pytest.mark.usefixtures("one_seeded_thread")


def blobs(per_blob=20, clusters=3, noise=0.05, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centre = torch.eye(5)[:clusters].repeat_interleave(per_blob, 0)
    length = 0.5 + 3 * torch.rand(len(centre), 1, generator=generator)
    return length * (centre + noise * torch.randn(centre.shape, generator=generator))


def test_separate_directions_become_separate_clusters_whatever_their_lengths():
    label, centre = spherical_kmeans(blobs(), 3, num_starts=5, seed=0)
    groups = [set(label[20 * i : 20 * i + 20].tolist()) for i in range(3)]
    assert [len(group) for group in groups] == [1, 1, 1]
    assert len(set.union(*groups)) == 3
    assert torch.allclose(centre.norm(dim=1), torch.ones(3))


def test_labels_are_those_of_the_nearest_centre_and_centres_are_the_mean_directions():
    feature = blobs(noise=0.6)
    label, centre = spherical_kmeans(feature, 4, num_starts=3, seed=1)
    unit = normalize(feature, dim=1)
    assert torch.equal(label, (unit @ centre.T).argmax(dim=1))
    for cluster in range(4):
        assert torch.allclose(centre[cluster], normalize(unit[label == cluster].sum(dim=0), dim=0), atol=1e-5)


def test_the_same_seed_gives_the_same_bits():
    feature = blobs(noise=0.8)
    first, second = (spherical_kmeans(feature, 6, num_starts=3, seed=7) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_fewer_distinct_windows_than_clusters_leave_clusters_empty_without_a_warning():
    label, centre = spherical_kmeans(torch.eye(3).repeat(10, 1), 7, num_starts=2, seed=0)
    assert len(set(label.tolist())) == 3
    assert bool(torch.isfinite(centre).all())


def test_too_few_or_undefined_windows_are_refused():
    with pytest.raises(ValueError, match="7 clusters"):
        spherical_kmeans(torch.randn(6, 3), 7, num_starts=1, seed=0)
    with pytest.raises(ValueError, match="finite"):
        spherical_kmeans(torch.full((9, 3), float("nan")), 7, num_starts=1, seed=0)


def test_a_centre_without_members_stays():
    unit = normalize(torch.randn(10, 3).abs(), dim=1)
    label, centre = settle_centres(unit, torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]))
    assert label.tolist() == [0] * 10
    assert torch.allclose(centre[1], torch.full((3,), -((1 / 3) ** 0.5)))


def test_two_groups_are_split_between_them():
    unit = normalize(blobs(clusters=2, per_blob=15), dim=1)
    side = split_in_two(unit, min_members=5)
    assert len(set(side[:15].tolist())) == 1
    assert len(set(side[15:].tolist())) == 1
    assert bool(side[0]) != bool(side[-1])


def test_equal_windows_are_halved_by_index():
    unit = normalize(torch.ones(9, 4), dim=1)
    assert split_in_two(unit, min_members=2).tolist() == [False] * 4 + [True] * 5


def test_an_outlier_does_not_become_a_half():
    unit = normalize(torch.cat([blobs(clusters=1, per_blob=19), -torch.eye(5)[:1]]), dim=1)
    side = split_in_two(unit, min_members=8)
    assert int(side.sum()) == 10


def test_a_single_window_cannot_be_split():
    with pytest.raises(ValueError, match="two rows"):
        split_in_two(torch.ones(1, 3), min_members=1)


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
