import math

import pytest
import torch

from detach_core.methods.batch import Truth
from detach_core.methods.detach.negative_kinds import (
    EASY,
    FALSE,
    HARD,
    KINDS,
    NO_PAIR,
    PairMonitor,
    mean_by_kind,
    negative_kinds,
)
from detach_core.methods.detach.negative_weights import PairFeatures, negative_weights, pair_similarities


def test_kinds_by_place_and_action():
    kind = negative_kinds(torch.tensor([0, 0, 0, 1, -1]), torch.tensor([0, 0, 1, 1, 0]))
    expected = [
        [NO_PAIR, FALSE, HARD, EASY, NO_PAIR],
        [FALSE, NO_PAIR, HARD, EASY, NO_PAIR],
        [HARD, HARD, NO_PAIR, EASY, NO_PAIR],
        [EASY, EASY, EASY, NO_PAIR, NO_PAIR],
        [NO_PAIR] * 5,
    ]
    assert kind.tolist() == expected


def test_strictly_easy_pairs_share_the_action():
    kind = negative_kinds(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1]), strict_easy=True)
    assert kind.tolist() == [[NO_PAIR, EASY, NO_PAIR], [EASY, NO_PAIR, NO_PAIR], [NO_PAIR] * 3]


def test_a_batch_of_fourteen_equal_classes_has_the_expected_false_and_hard_negatives():
    """About 18 of 255 negatives share place and action, and as many share the place alone."""
    label = torch.arange(256) % 14
    kind = negative_kinds(label // 2, label % 2)
    assert 17 <= float((kind == FALSE).sum(dim=1).double().mean()) <= 18
    assert 35 <= float(((kind == FALSE) | (kind == HARD)).sum(dim=1).double().mean()) <= 36


def test_ideal_features_weigh_hard_pairs_up_and_false_pairs_down():
    label = torch.arange(28) % 14
    place, action = torch.eye(7)[label // 2], torch.tensor([[1.0, 0.0], [-1.0, 0.0]])[label % 2]
    weight = negative_weights(pair_similarities(PairFeatures(place, place, action, action)), 3.0, "spatial")
    assert mean_by_kind(weight, negative_kinds(label // 2, label % 2)) == {"easy": 1.0, "hard": 3.0, "false": 0.0}


def test_a_kind_without_pairs_has_no_mean():
    means = mean_by_kind(torch.ones(2, 2), negative_kinds(torch.tensor([0, 1]), torch.tensor([0, 0])))
    assert means["easy"] == 1.0
    assert math.isnan(means["hard"])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="place and action"):
        negative_kinds(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="one shape"):
        mean_by_kind(torch.ones(2, 2), torch.ones(3, 3))


TRUTH = Truth(torch.tensor([0, 0, 0, 1, 1, -1]), torch.tensor([0, 0, 1, 0, 1, 1]), "label")


def test_means_are_those_of_all_pairs_of_a_kind_over_the_epoch():
    torch.manual_seed(0)
    monitor = PairMonitor(TRUTH)
    batches = [torch.tensor([0, 1, 2, 3]), torch.tensor([5, 4, 3, 0])]
    values = [torch.rand(4, 4) for _ in batches]
    pooled = {kind: [] for kind in KINDS}
    for position, value in zip(batches, values, strict=True):
        monitor.add(position, weight=value, other=2 * value)
        kind = negative_kinds(TRUTH.location[position], TRUTH.action[position])
        for name, code in KINDS.items():
            pooled[name] += value[kind == code].tolist()
    report = monitor.report()
    for name, numbers in pooled.items():
        assert report["weight"][name] == pytest.approx(sum(numbers) / len(numbers))
        assert report["other"][name] == pytest.approx(2 * report["weight"][name])


def test_one_batch_equals_the_reference():
    monitor, position, value = PairMonitor(TRUTH), torch.tensor([0, 1, 2, 3, 4]), torch.rand(5, 5)
    monitor.add(position, weight=value)
    expected = mean_by_kind(value, negative_kinds(TRUTH.location[position], TRUTH.action[position]))
    assert monitor.report()["weight"] == pytest.approx(expected)


def test_each_epoch_starts_anew_and_a_kind_without_pairs_has_no_mean():
    monitor = PairMonitor(TRUTH)
    monitor.add(torch.tensor([0, 1]), weight=torch.ones(2, 2))
    assert math.isnan(monitor.report()["weight"]["hard"])
    assert monitor.report() == {}
