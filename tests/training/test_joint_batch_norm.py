"""What it does among processes is seen in test_processes.py; here the formula, and that it takes a layer's place."""

import math

import pytest
import torch
from torch import nn

from detach_core.training import joint_batch_norm
from detach_core.training.joint_batch_norm import JointBatchNorm, join_batch_norm, joint_statistics


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
    sent = []
    monkeypatch.setattr(joint_batch_norm, "gather_from_all", lambda own: sent.append(own) or torch.stack([own, own]))
    for joint, own in zip(joints, rows, strict=True):
        copy_of(joint)(own)
    monkeypatch.setattr(joint_batch_norm, "gather_from_all", lambda own: torch.stack(sent))
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
    assert [type(network[1]), type(network[2][0])] == [JointBatchNorm, JointBatchNorm]
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
