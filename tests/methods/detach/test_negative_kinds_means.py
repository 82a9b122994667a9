import math

import pytest
import torch

from detach_core.methods.batch import Truth
from detach_core.methods.detach.negative_kinds import KINDS, PairMonitor, mean_by_kind, negative_kinds

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
