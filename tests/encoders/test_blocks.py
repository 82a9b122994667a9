"""A learned temperature."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from detach_core.encoders.blocks import (
    FrozenEncoder,
    LearnedTemperature,
    MomentumEncoder,
    decomposed_feature,
    for_size,
    momentum_for,
    share_of_start_left,
)


def test_a_size_picks_its_widths_and_any_other_is_refused():
    assert for_size("small", small=1, paper=2) == 1
    assert for_size("paper", small=1, paper=2) == 2
    with pytest.raises(ValueError, match="size"):
        for_size("large", small=1, paper=2)


def test_batch_norm_of_a_frozen_encoder_stays_as_it_is_while_the_rest_trains():
    frozen = FrozenEncoder(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)))
    head = nn.Linear(4, 2)
    model = nn.ModuleList([frozen, head]).train()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    optimizer = torch.optim.SGD([*model.parameters()], lr=0.1, weight_decay=0.1)
    for _ in range(3):
        head(frozen(torch.randn(8, 3))).square().sum().backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())
    assert head.weight.grad is not None
    assert not any(module.training for module in frozen.encoder.modules())


def test_the_feature_has_no_gradient_and_does_not_depend_on_the_batch():
    frozen = FrozenEncoder(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    batch = torch.randn(8, 3, requires_grad=True)
    feature = frozen(batch)
    assert not feature.requires_grad
    assert torch.allclose(frozen(batch[:1]), feature[:1])


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def test_it_starts_as_an_exact_copy_that_shares_nothing():
    online = network()
    slow = MomentumEncoder(online)
    for copied, original in zip(slow.encoder.parameters(), online.parameters(), strict=True):
        assert torch.equal(copied, original)
        assert copied.data_ptr() != original.data_ptr()
        assert not copied.requires_grad
        assert original.requires_grad


def test_three_updates_are_the_exact_formula():
    online = network().double()
    slow = MomentumEncoder(online)
    expected = [parameter.detach().clone() for parameter in online.parameters()]
    for _ in range(3):
        for parameter in online.parameters():
            parameter.data.add_(torch.randn_like(parameter))
        slow.update(online, 0.9)
        expected = [0.9 * old + 0.1 * new.detach() for old, new in zip(expected, online.parameters(), strict=True)]
    for found, wanted in zip(slow.encoder.parameters(), expected, strict=True):
        assert float((found - wanted).abs().max()) < 1e-12


def test_the_start_fades_as_the_share_says():
    online = nn.Linear(1, 1, bias=False)
    online.weight.data.fill_(1.0)
    slow = MomentumEncoder(online)
    online.weight.data.fill_(0.0)
    for _ in range(20):
        slow.update(online, 0.9)
    assert isinstance(slow.encoder, nn.Linear)
    assert abs(float(slow.encoder.weight) - share_of_start_left(0.9, 20)) < 1e-6


def test_batch_norm_statistics_are_its_own_and_never_averaged():
    online = network().train()
    slow = MomentumEncoder(online)
    online(10 + torch.randn(16, 3))
    _, norm, *_ = slow.encoder.children()
    before = norm.get_buffer("running_mean").clone()
    slow.update(online, 0.5)
    assert torch.equal(norm.get_buffer("running_mean"), before)
    slow(5 + torch.randn(16, 3))
    assert not torch.equal(norm.get_buffer("running_mean"), before)


def test_in_training_its_batch_norm_works_but_nothing_is_dropped():
    slow = MomentumEncoder(network().train())
    assert slow.training
    _, norm, dropout, *_ = slow.encoder.children()
    assert norm.training
    assert not dropout.training
    batch = torch.randn(8, 3)
    assert torch.equal(slow(batch), slow(batch))
    assert not slow(batch).requires_grad
    slow.eval()
    assert not slow.training
    assert not norm.training
    before = norm.get_buffer("running_mean").clone()
    slow(batch)
    assert torch.equal(norm.get_buffer("running_mean"), before)


def test_a_checkpoint_brings_parameters_and_statistics_back():
    slow = MomentumEncoder(network().train())
    slow(torch.randn(8, 3))
    other = MomentumEncoder(network())
    other.load_state_dict(slow.state_dict())
    batch = torch.randn(4, 3)
    assert torch.equal(other.eval()(batch), slow.eval()(batch))


def test_a_wrong_momentum_or_another_network_is_refused():
    slow = MomentumEncoder(network())
    with pytest.raises(ValueError, match="momentum"):
        slow.update(network(), 1.1)
    with pytest.raises(ValueError, match="argument"):
        slow.update(nn.Linear(3, 4), 0.9)


def test_the_papers_momentum_leaves_45_percent_after_the_papers_steps():
    assert abs(share_of_start_left(0.999, 800) - 0.449) < 1e-3
    assert abs(share_of_start_left(0.999, 450) - 0.637) < 1e-3


def test_momentum_is_lowered_only_where_too_much_of_the_start_would_be_left():
    lowered = momentum_for(0.999, 210, 0.1)
    assert abs(share_of_start_left(lowered, 210) - 0.1) < 1e-9
    assert momentum_for(0.999, 5000, 0.1) == 0.999
    assert momentum_for(0.999, 210, None) == 0.999
    assert momentum_for(0.999, 0, 0.1) == 0.999
    with pytest.raises(ValueError, match="left_at_most"):
        momentum_for(0.999, 210, 0.0)


def test_it_starts_where_it_was_told_and_has_a_gradient():
    temperature = LearnedTemperature(0.1)
    value = temperature()
    value.backward()
    assert float(value.detach()) == pytest.approx(0.1)
    assert float(temperature.logarithm.grad) == pytest.approx(0.1)


@pytest.mark.parametrize(("logarithm", "value"), [(-50.0, 0.01), (3.0, 1.0)])
def test_it_stays_within_its_bounds_and_can_come_back(logarithm, value):
    temperature = LearnedTemperature(0.1)
    with torch.no_grad():
        temperature.logarithm.fill_(logarithm)
    assert float(temperature().detach()) == pytest.approx(value)
    temperature.keep_within_bounds()
    temperature().backward()
    assert float(temperature.logarithm.grad) == pytest.approx(value)


@pytest.mark.parametrize("start", [0.0, -1.0, 2.0])
def test_a_start_outside_the_bounds_is_refused(start):
    with pytest.raises(ValueError, match="must start within"):
        LearnedTemperature(start)


def test_the_halves_stand_side_by_side_each_of_length_one():
    spatial = 5 * torch.randn(4, 3, dtype=torch.float64)
    temporal = 0.1 * torch.randn(4, 2, dtype=torch.float64)
    feature = decomposed_feature(spatial, temporal)
    for row in range(4):
        halves = [spatial[row].tolist(), temporal[row].tolist()]
        expected = [value / math.hypot(*half) for half in halves for value in half]
        assert max(abs(a - b) for a, b in zip(feature[row].tolist(), expected, strict=True)) < 1e-9


def test_the_cosine_of_the_whole_is_the_mean_of_the_halves_cosines():
    video, sensor = (decomposed_feature(*torch.randn(2, 1, 6, dtype=torch.float64).unbind()) for _ in range(2))
    whole = (video * sensor).sum() / video.norm() / sensor.norm()
    halves = (video[:, :6] * sensor[:, :6]).sum(), (video[:, 6:] * sensor[:, 6:]).sum()
    assert abs(float(whole - sum(halves) / 2)) < 1e-12


def test_a_dead_half_is_zero_with_gradients_of_ordinary_size():
    temporal = torch.zeros(2, 3, requires_grad=True)
    feature = decomposed_feature(torch.randn(2, 3), temporal)
    feature.sum().backward()
    assert torch.equal(feature[:, 3:], torch.zeros(2, 3))
    assert float(temporal.grad.abs().max()) == 1.0


def test_halves_of_different_batches_are_refused():
    with pytest.raises(ValueError, match="expected"):
        decomposed_feature(torch.zeros(2, 3), torch.zeros(3, 3))
