from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from detach_core.methods.detach.clusters import (
    MemoryBank,
    change_rate,
    cluster_thresholds,
    has_reached_plateau,
    is_confident,
    memory_means,
    minimum_members,
    nearest_centroid,
    refinement_is_over,
    repair_small_clusters,
)


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


def random_memory(number=50, clusters=3):
    generator = torch.Generator().manual_seed(0)
    feature = normalize(torch.randn(number, 4, generator=generator, dtype=torch.float64), dim=1)
    label = torch.randint(clusters, (number,), generator=generator)
    return feature, label, torch.randn(clusters, 4, generator=generator, dtype=torch.float64)


def quantile_by_hand(values, share):
    values = sorted(values)
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def test_thresholds_are_each_clusters_own_quantile_of_euclidean_distances():
    feature, label, centroid = random_memory()
    thresholds = cluster_thresholds(feature, label, centroid, 0.75)
    for cluster in range(3):
        distances = [math.dist(row, centroid[cluster]) for row in feature[label == cluster].tolist()]
        assert abs(float(thresholds[cluster]) - quantile_by_hand(distances, 0.75)) < 1e-9


def test_three_quarters_of_each_cluster_are_confident():
    feature, label, centroid = random_memory(400)
    confident = is_confident(feature, label, centroid, cluster_thresholds(feature, label, centroid, 0.75))
    for cluster in range(3):
        assert abs(float(confident[label == cluster].double().mean()) - 0.75) < 0.01


@pytest.mark.parametrize("members", [1, 2, 3])
def test_a_cluster_of_one_to_three_members_has_no_confident_window(members):
    feature = normalize(torch.randn(members, 3), dim=1)
    label, centroid = torch.zeros(members, dtype=torch.int64), feature.mean(dim=0, keepdim=True)
    thresholds = cluster_thresholds(feature, label, centroid, 0.75)
    for strict in (False, True):
        assert not is_confident(feature, label, centroid, thresholds, strict=strict).any()


def test_a_cluster_of_four_members_has_confident_windows():
    feature = normalize(torch.randn(4, 3), dim=1)
    label, centroid = torch.zeros(4, dtype=torch.int64), feature[:1]
    thresholds = cluster_thresholds(feature, label, centroid, 0.75)
    assert int(is_confident(feature, label, centroid, thresholds).sum()) == 3


def test_an_empty_cluster_has_no_confident_window():
    feature, label, centroid = random_memory()
    thresholds = cluster_thresholds(feature, label.clamp(max=1), centroid, 0.75)
    assert float(thresholds[2]) == -math.inf
    assert not is_confident(feature[:1], torch.tensor([2]), centroid, thresholds).any()


def test_ties_are_confident_by_default_and_never_when_strict():
    """Switches at rest give identical windows."""
    feature = normalize(torch.ones(10, 6), dim=1)
    label, centroid = torch.zeros(10, dtype=torch.int64), torch.eye(6)[:1]
    thresholds = cluster_thresholds(feature, label, centroid, 0.75)
    assert is_confident(feature, label, centroid, thresholds).all()
    assert not is_confident(feature, label, centroid, thresholds, strict=True).any()


def test_live_features_that_equal_the_memorys_but_for_rounding_are_confident():
    generator = torch.Generator().manual_seed(0)
    centroid, label = torch.eye(64)[:1], torch.zeros(200, dtype=torch.int64)
    for _ in range(10):
        window = torch.randn(64, generator=generator)
        live = window * (0.1 + 10 * torch.rand(200, 1, generator=generator))
        memory = normalize(window, dim=0).expand(200, 64)
        assert is_confident(live, label, centroid, cluster_thresholds(memory, label, centroid, 0.75)).all()


def test_a_quantile_of_one_is_no_threshold_at_all():
    feature, label, centroid = random_memory(6)
    thresholds = cluster_thresholds(feature, label, centroid, 1.0)
    farther = -10 * centroid[label]
    for strict in (False, True):
        assert is_confident(farther, label, centroid, thresholds, strict=strict).all()


def test_what_does_not_fit_is_refused():
    feature, label, centroid = random_memory()
    for quantile in (0.0, 1.01, float("nan")):
        with pytest.raises(ValueError, match="quantile"):
            cluster_thresholds(feature, label, centroid, quantile)
    with pytest.raises(ValueError, match="expected features"):
        is_confident(feature, label[:-1], centroid, torch.ones(3))
    with pytest.raises(ValueError, match="expected features"):
        is_confident(feature, label, centroid, torch.ones(2))


SETTINGS: dict[str, Any] = {
    "refinement_epochs": 10,
    "min_refinement_epochs": 5,
    "plateau_rate": 0.01,
    "plateau_epochs": 3,
}


def test_the_change_rate_is_the_share_of_windows_that_moved():
    assert change_rate(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 0])) == 0.25
    with pytest.raises(ValueError, match="shapes"):
        change_rate(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="non-empty"):
        change_rate(torch.zeros(0), torch.zeros(0))


def test_a_plateau_needs_enough_epochs_and_all_of_the_last_ones_quiet():
    plateau: dict[str, Any] = {"rate": 0.01, "epochs": 3, "min_epochs": 5}
    assert not has_reached_plateau([0.0] * 4, **plateau)
    assert has_reached_plateau([0.3, 0.3, 0.0, 0.005, 0.009], **plateau)
    assert not has_reached_plateau([0.3, 0.0, 0.0, 0.0, 0.01], **plateau)
    assert not has_reached_plateau([0.0, 0.0, 0.02, 0.0, 0.0], **plateau)


def test_refinement_stops_at_a_plateau_or_at_its_cap():
    quiet, restless = [0.2, 0.05, 0.0, 0.0, 0.0], [0.2] * 9
    assert refinement_is_over(quiet, stop="adaptive", **SETTINGS)
    assert not refinement_is_over(restless, stop="adaptive", **SETTINGS)
    assert refinement_is_over([*restless, 0.2], stop="adaptive", **SETTINGS)


def test_a_fixed_refinement_takes_all_its_epochs():
    assert not refinement_is_over([0.0] * 9, stop="fixed", **SETTINGS)
    assert refinement_is_over([0.0] * 10, stop="fixed", **SETTINGS)
    with pytest.raises(ValueError, match="stop"):
        refinement_is_over([], stop="never", **SETTINGS)  # type: ignore[arg-type]


def test_no_refinement_epochs_are_over_at_once():
    assert refinement_is_over([], stop="adaptive", **{**SETTINGS, "refinement_epochs": 0})


def started_bank(number=40, clusters=3, seed=0):
    bank = MemoryBank(num_windows=number, dim=5, num_clusters=clusters)
    feature = torch.randn(number, 5, generator=torch.Generator().manual_seed(seed))
    bank.start(feature, num_starts=2, seed=0)
    return bank, feature


def test_the_start_holds_unit_rows_and_the_clusters_of_k_means():
    bank, feature = started_bank()
    assert torch.allclose(bank.feature, normalize(feature, dim=1))
    assert torch.equal(bank.label, (bank.feature @ bank.centroid.T).argmax(dim=1))
    assert torch.equal(bank.counts(), torch.bincount(bank.label, minlength=3))


def test_update_blends_normalises_and_relabels_as_written_out():
    bank, _ = started_bank()
    old, label, centroid = bank.feature.clone(), bank.label.clone(), bank.centroid.clone()
    index, new = torch.tensor([7, 2, 30]), 4 * torch.randn(3, 5)
    changed = 0
    for row, value in zip(index.tolist(), new, strict=True):
        blend = 0.25 * old[row] + 0.75 * value / value.norm()
        old[row] = blend / blend.norm()
        found = int(torch.stack([old[row] @ c / c.norm() for c in centroid]).argmax())
        changed += found != int(label[row])
        label[row] = found
    share = bank.update(index, new, momentum=0.75)
    assert torch.allclose(bank.feature, old, atol=1e-6)
    assert torch.equal(bank.label, label)
    assert abs(float(share) - changed / 3) < 1e-6


def test_a_momentum_of_one_replaces_the_memory():
    bank, _ = started_bank()
    new = torch.randn(40, 5)
    bank.update(torch.arange(40), new, momentum=1.0)
    assert torch.allclose(bank.feature, normalize(new, dim=1))


def test_the_order_in_which_windows_come_does_not_matter():
    """Each window has its own row, so a shuffled loader fills the same memory."""
    first, feature = started_bank()
    second, _ = started_bank()
    order = torch.randperm(40)
    for batch in torch.arange(40).split(8):
        first.update(batch, feature[batch] + 1, momentum=0.5)
    for batch in order.split(16):
        second.update(batch, feature[batch] + 1, momentum=0.5)
    assert torch.allclose(first.feature, second.feature, atol=1e-6)
    assert torch.equal(first.label, second.label)


def test_a_feature_opposite_to_the_memory_does_not_erase_it():
    bank, _ = started_bank()
    old = bank.feature.clone()
    bank.update(torch.arange(40), -old, momentum=0.5)
    assert torch.equal(bank.feature, old)


def test_dead_features_leave_unit_rows():
    bank, _ = started_bank()
    bank.update(torch.arange(40), torch.zeros(40, 5), momentum=0.5)
    assert torch.allclose(bank.feature.norm(dim=1), torch.ones(40))


def test_centroids_move_only_when_they_are_recomputed():
    bank, _ = started_bank()
    before = bank.centroid.clone()
    bank.update(torch.arange(40), torch.randn(40, 5), momentum=0.5)
    assert torch.equal(bank.centroid, before)
    bank.recompute_centroids()
    for cluster in range(3):
        members = bank.feature[bank.label == cluster]
        if len(members):
            assert torch.allclose(bank.centroid[cluster], members.mean(dim=0), atol=1e-6)


def test_repair_reaches_labels_and_centroids():
    bank, _ = started_bank()
    bank.label.zero_()
    assert bank.repair(min_members=5) == 2
    assert int(bank.counts().min()) >= 5


def test_the_checkpoint_brings_the_memory_back():
    bank, _ = started_bank()
    other = MemoryBank(num_windows=40, dim=5, num_clusters=3)
    other.load_state_dict(bank.state_dict())
    assert torch.equal(other.thresholds(0.75), bank.thresholds(0.75))
    assert bank.state_dict().keys() == {"feature", "label", "centroid"}


def test_nothing_in_the_memory_has_a_gradient():
    bank, _ = started_bank()
    bank.update(torch.arange(3), torch.randn(3, 5, requires_grad=True), momentum=0.5)
    assert not bank.feature.requires_grad


def test_what_does_not_fit_the_memory_is_refused():
    bank, _ = started_bank()
    for call in (
        lambda: bank.start(torch.randn(39, 5), num_starts=1, seed=0),
        lambda: bank.update(torch.arange(3), torch.randn(4, 5), momentum=0.5),
        lambda: bank.update(torch.arange(3), torch.full((3, 5), float("nan")), momentum=0.5),
    ):
        with pytest.raises(ValueError):
            call()


def test_a_memory_of_another_size_is_empty_and_has_the_same_widths():
    bank, _ = started_bank(number=40, clusters=3)
    other = bank.sized(7)
    assert [tuple(value.shape) for value in other.state_dict().values()] == [(7, 5), (7,), (3, 5)]
    assert not any(bool(value.any()) for value in other.state_dict().values())
    assert len(bank.label) == 40
