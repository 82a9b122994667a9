import math

import pytest
import torch
from torch.nn.functional import normalize

from detach_core.methods.detach.clusters import cluster_thresholds, is_confident


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
