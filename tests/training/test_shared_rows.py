"""What several processes do with it is seen in test_processes.py."""

from __future__ import annotations

import math

import pytest
import torch
import torch.distributed as dist
from torch import nn

from detach_core.training import shared_rows
from detach_core.training.shared_rows import (
    JointBatchNorm,
    SharedRows,
    gather_from_all,
    join_batch_norm,
    joint_statistics,
    share_sizes,
)


@pytest.fixture
def one_process(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_one_process_gets_its_own_with_its_gradient(one_process):
    own = torch.arange(6.0).view(3, 2).T.requires_grad_()
    everyone = gather_from_all(own)
    assert everyone.shape == (1, 2, 3)
    assert torch.equal(everyone[0], own)
    weight = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(0))
    (everyone * weight).sum().backward()
    assert torch.equal(own.grad, weight[0])


def test_every_process_puts_its_own_in_and_gets_all_processes_gradients(monkeypatch):
    """The second of three, whose neighbours are played here."""

    def all_gather(everyone, own):
        for rank, each in enumerate(everyone):
            each.copy_(own + (rank - 1) * 10)

    monkeypatch.setattr(dist, "get_world_size", lambda: 3)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "all_gather", all_gather)
    monkeypatch.setattr(dist, "all_reduce", lambda gradient: gradient.mul_(3))
    own = torch.tensor([1.0, 2.0], requires_grad=True)
    everyone = gather_from_all(own)
    assert everyone.tolist() == [[-9.0, -8.0], [1.0, 2.0], [11.0, 12.0]]
    (everyone * torch.tensor([[5.0], [7.0], [11.0]])).sum().backward()
    assert own.grad.tolist() == [21.0, 21.0]


class Shares:
    """One process's view; no sizes: nothing is shared."""

    def __init__(self, rank=0, sizes=()):
        self.rank, self.sizes = rank, list(sizes)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_joint_statistics_are_those_of_all_values_one_by_one():
    values = 3.0 + 2.0 * draw(7, 4, 5)  # rows, channels, values of a channel
    sizes, parts = [4, 2, 1], []
    for first, last in ((0, 4), (4, 6), (6, 7)):
        own = values[first:last].transpose(0, 1).flatten(1)
        mean = own.mean(dim=1)
        parts.append(torch.stack([mean, (own - mean[:, None]).square().sum(dim=1)]))
    mean, squares = joint_statistics(torch.stack(parts), sizes, per_row=5)
    for channel in range(4):
        each = [float(value) for row in values for value in row[channel]]
        middle = math.fsum(each) / len(each)
        assert float(mean[channel]) == pytest.approx(middle, rel=1e-12)
        assert float(squares[channel]) == pytest.approx(math.fsum((one - middle) ** 2 for one in each), rel=1e-12)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("pictures", [1, 3])
def test_shares_of_a_batch_are_normalised_as_the_whole_batch(monkeypatch, momentum, pictures):
    """Both processes in turn, each told what the other would send. A network may make several pictures of a row."""
    whole, sizes = 2.0 + draw(5 * pictures, 3, 4), [3, 2]
    layer = nn.BatchNorm1d(3, momentum=momentum).double()
    with torch.no_grad():
        layer.weight.copy_(draw(3, seed=1))
        layer.bias.copy_(draw(3, seed=2))
    joints = [JointBatchNorm(copy_of(layer), Shares(rank, sizes)) for rank in range(2)]
    rows = whole.split([size * pictures for size in sizes])
    sent: list[torch.Tensor] = []

    def gathered(own):
        sent.append(own)
        return torch.stack([own, own])

    monkeypatch.setattr(shared_rows, "gather_from_all", gathered)
    for joint, own in zip(joints, rows, strict=True):
        copy_of(joint)(own)
    monkeypatch.setattr(shared_rows, "gather_from_all", lambda own: torch.stack(sent))
    for _ in range(2):
        expected = layer(whole)
        found = torch.cat([joint(own) for joint, own in zip(joints, rows, strict=True)])
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    for joint in joints:
        torch.testing.assert_close(joint.running_mean, layer.running_mean)
        torch.testing.assert_close(joint.running_var, layer.running_var)
        assert int(joint.num_batches_tracked) == 2


def copy_of(layer):
    if isinstance(layer, JointBatchNorm):
        return JointBatchNorm(copy_of_plain(layer), layer._shares)
    return copy_of_plain(layer)


def copy_of_plain(layer):
    plain = nn.BatchNorm1d(layer.num_features, momentum=layer.momentum).double()
    plain.load_state_dict(layer.state_dict())
    return plain


def test_it_takes_the_place_of_every_batch_norm_with_its_name_and_weights():
    network = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()))
    before, weights = network.state_dict(), [*network.parameters()]
    join_batch_norm(network, Shares())
    assert [type(network.get_submodule(name)) for name in ("1", "2.0")] == [JointBatchNorm, JointBatchNorm]
    assert network.state_dict().keys() == before.keys()
    assert all(one is other for one, other in zip(network.parameters(), weights, strict=True))


@pytest.mark.parametrize("training", [True, False])
def test_where_nothing_is_shared_it_is_the_layer(training):
    layer = nn.BatchNorm2d(3)
    joint = JointBatchNorm(nn.BatchNorm2d(3), Shares())
    pictures = draw(4, 3, 2, 2).float()
    for each in (layer, joint):
        each.train(training)
    assert torch.equal(layer(pictures), joint(pictures))
    assert torch.equal(layer.running_var, joint.running_var)


def test_evaluation_looks_at_no_batch_even_where_rows_are_shared():
    joint = JointBatchNorm(nn.BatchNorm2d(3).eval(), Shares(0, [2, 2]))
    pictures = draw(2, 3, 2, 2).float()
    assert torch.equal(joint(pictures), nn.BatchNorm2d(3).eval()(pictures))


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
