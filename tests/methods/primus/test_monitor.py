import pytest
import torch

from detach_core.methods.batch import Truth
from detach_core.methods.primus.monitor import NeighbourMonitor


@pytest.fixture
def monitor():
    return NeighbourMonitor(Truth(torch.tensor([0, 0, 1, -1]), torch.tensor([1, 0, 1, 1]), "test"))


def test_nothing_is_said_before_the_first_batch(monitor):
    assert monitor.report() == {}


def test_shares_are_of_neighbours_whose_truth_is_known(monitor):
    found = torch.tensor([True, True, True, False])
    monitor.add(torch.tensor([0, 0, 3, 1]), torch.tensor([1, 2, 0, 1]), found)
    assert monitor.report() == {"found": 0.75, "same_place": 0.5, "same_action": pytest.approx(2 / 3)}


def test_batches_add_up_until_the_report(monitor):
    for neighbour in (1, 2):
        monitor.add(torch.tensor([0]), torch.tensor([neighbour]), torch.tensor([True]))
    assert monitor.report() == {"found": 1.0, "same_place": 0.5, "same_action": 0.5}
    assert monitor.report() == {}


def test_a_share_of_nothing_is_none(monitor):
    monitor.add(torch.tensor([0]), torch.tensor([1]), torch.tensor([False]))
    assert monitor.report() == {"found": 0.0, "same_place": None, "same_action": None}
