"""What several processes come to is seen in test_processes.py; here one of them, whose neighbours are played."""

import pytest
import torch
from torch import nn

from detach_core.training import shared_rows
from detach_core.training.shared_rows import SharedRows, share_sizes


class Doubling(nn.Module):
    """Notes what it sees."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.seen = []

    def forward(self, rows, *, more=None):
        self.seen.append((rows, more))
        return {"all": self.weight * rows, "first": [rows[:, :1], "word"]}


@pytest.fixture
def same_everywhere(monkeypatch):
    """Both processes have what this one has."""
    monkeypatch.setattr(shared_rows, "gather_from_all", lambda own: torch.stack([own, own]))


def test_sizes_are_even_and_cover_all():
    assert share_sizes(15, 2) == [8, 7]
    assert share_sizes(8, 4) == [2, 2, 2, 2]
    assert share_sizes(3, 3) == [1, 1, 1]


@pytest.mark.parametrize(("rank", "own"), [(0, slice(0, 3)), (1, slice(3, 5))])
def test_each_process_sees_its_rows_of_every_tensor_and_gives_whole_batches(same_everywhere, rank, own):
    network, rows = Doubling(), SharedRows(rank, 2)
    rows.share(network)
    batch, place = torch.arange(10.0).view(5, 2), torch.arange(5)
    found = network(batch, more={"place": place, "name": "x"})
    ((seen, more),) = network.seen
    assert torch.equal(seen, batch[own])
    assert torch.equal(more["place"], place[own])
    assert more["name"] == "x"
    assert found["all"].shape == (5, 2)
    assert torch.equal(found["all"][own][: len(seen)], 2.0 * batch[own])
    assert found["first"][0].shape == (5, 1)
    assert found["first"][1] == "word"
    assert rows.sizes == []


def test_fewer_rows_than_processes_are_computed_by_all():
    network = Doubling()
    SharedRows(0, 4).share(network)
    batch = torch.ones(3, 2)
    assert torch.equal(network(batch)["all"], 2.0 * batch)
    assert len(network.seen[0][0]) == 3


def test_a_shared_network_within_a_shared_one_is_refused(same_everywhere):
    inner = nn.Linear(2, 2)
    outer = nn.Sequential(inner)
    rows = SharedRows(0, 2)
    rows.share(inner)
    rows.share(outer)
    with pytest.raises(RuntimeError, match="within another"):
        outer(torch.ones(4, 2))


def test_processes_drop_other_values_and_draw_the_same_afterwards(same_everywhere):
    dropped, after = [], []
    for rank in range(2):
        network = nn.Sequential(nn.Linear(64, 64), nn.Dropout(0.5))
        SharedRows(rank, 2).share(network)
        torch.manual_seed(0)
        dropped.append(network(torch.ones(2, 64))[rank] == 0)
        after.append(torch.rand(3))
    assert not torch.equal(*dropped)
    assert torch.equal(*after)


def test_without_dropout_nothing_is_drawn(same_everywhere):
    network = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.0))
    SharedRows(1, 2).share(network)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    network(torch.ones(2, 4))
    assert torch.equal(torch.rand(3), expected)
