import pytest
import torch
from torch.nn.functional import normalize

from detach_core.methods.detach.clusters import memory_means, minimum_members, nearest_centroid, repair_small_clusters


def sized_clusters(*sizes, noise=0.3):
    """Clusters of the given sizes around orthogonal directions: features, labels, centroids."""
    generator = torch.Generator().manual_seed(0)
    label = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    feature = torch.eye(8)[label] + noise * torch.randn(len(label), 8, generator=generator)
    feature = normalize(feature, dim=1)
    return feature, label, memory_means(feature, label, torch.eye(8)[: len(sizes)])


def test_the_nearest_centroid_has_the_largest_cosine_whatever_its_length():
    feature = normalize(torch.randn(30, 4, dtype=torch.float64), dim=1)
    centroid = torch.randn(5, 4, dtype=torch.float64) * torch.tensor([[0.1], [1], [10], [3], [0.5]])
    for row, found in zip(feature, nearest_centroid(feature, centroid), strict=True):
        cosines = [float(row @ c / c.norm()) for c in centroid]
        assert int(found) == max(range(5), key=lambda k: cosines[k])
    with pytest.raises(ValueError, match="expected"):
        nearest_centroid(torch.ones(2, 3), torch.ones(2, 4))


def test_centroids_are_the_means_of_their_members_and_an_empty_one_stays():
    feature = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    centroid = torch.tensor([[9.0, 9.0], [5.0, 0.0], [7.0, 7.0]])
    assert memory_means(feature, torch.tensor([0, 0, 1]), centroid).tolist() == [[0.5, 0.5], [0.0, 1.0], [7.0, 7.0]]


def test_opposite_members_leave_the_centroid_as_it_was():
    feature = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert memory_means(feature, torch.tensor([0, 0]), torch.tensor([[0.0, 2.0]])).tolist() == [[0.0, 2.0]]


def test_the_smallest_allowed_size_scales_with_the_windows_for_each_cluster():
    assert minimum_members(0.15, 4259, 7) == 92
    assert minimum_members(0.15, 2440, 7) == 53
    assert minimum_members(0.0, 4259, 7) == 0


def test_a_small_cluster_takes_half_of_the_largest_and_gives_its_members_away():
    feature, label, centroid = sized_clusters(40, 3, 12)
    new, means, repaired = repair_small_clusters(feature, label, centroid, min_members=6)
    counts = torch.bincount(new, minlength=3)
    assert repaired == 1
    assert int(counts.min()) >= 6
    assert int(counts.sum()) == 55
    assert {0, 1} == set(new[:40].tolist())
    assert torch.allclose(means, memory_means(feature, new, means))


def test_an_empty_cluster_is_revived():
    feature, label, centroid = sized_clusters(30, 20)
    centroid = torch.cat([centroid, torch.ones(1, 8)])
    new, _, repaired = repair_small_clusters(feature, label, centroid, min_members=5)
    assert repaired == 1
    assert int((new == 2).sum()) >= 5


def test_nothing_happens_when_all_clusters_are_small_or_none_is():
    for sizes, smallest in (((5, 6, 7), 10), ((15, 16, 17), 10), ((15, 0, 17), 0)):
        feature, label, centroid = sized_clusters(*sizes)
        new, means, repaired = repair_small_clusters(feature, label, centroid, min_members=smallest)
        assert repaired == 0
        assert torch.equal(new, label)
        assert torch.equal(means, centroid)


def test_a_largest_cluster_too_small_to_share_ends_the_repair():
    feature, label, centroid = sized_clusters(19, 3, 12)
    new, _, repaired = repair_small_clusters(feature, label, centroid, min_members=10)
    assert repaired == 0
    assert torch.equal(new, label)


def test_the_largest_cluster_of_equal_windows_is_halved_by_index():
    feature = torch.cat([torch.eye(4)[:1].repeat(20, 1), torch.eye(4)[1:2].repeat(2, 1)])
    label = torch.tensor([0] * 20 + [1, 1])
    new, means, repaired = repair_small_clusters(feature, label, torch.eye(4)[:2], min_members=5)
    assert repaired == 1
    assert sorted(torch.bincount(new).tolist()) == [11, 11]
    assert bool(torch.isfinite(means).all())


def test_the_repair_is_the_same_every_time_and_leaves_its_inputs_alone():
    feature, label, centroid = sized_clusters(60, 1, 30, 2, 0)
    before = label.clone(), centroid.clone()
    first, second = (repair_small_clusters(feature, label, centroid, min_members=8) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert first[2] == 3
    assert int(torch.bincount(first[0], minlength=5).min()) >= 8
    assert torch.equal(label, before[0])
    assert torch.equal(centroid, before[1])
