"""Masked reconstruction against its formula in loops."""

import math

import pytest
import torch

from detach_core.methods.cav_mae.reconstruction import masked_reconstruction


def oracle(prediction, target, real, *, normalise, flat_variance):
    """The formula, number by number."""
    errors = []
    for guess, truth, holds in zip(prediction.flatten(0, 1), target.flatten(0, 1), real.flatten(0, 1), strict=True):
        pairs = [(float(g), float(t)) for g, t, here in zip(guess, truth, holds, strict=True) if here]
        if not pairs:
            continue
        mean = sum(t for _, t in pairs) / len(pairs)
        variance = sum((t - mean) ** 2 for _, t in pairs) / max(len(pairs) - 1, 1)
        if normalise and variance <= flat_variance:
            continue
        scale = math.sqrt(variance + 1e-6)
        wanted = [((t - mean) / scale) if normalise else t for _, t in pairs]
        errors.append(sum((g - w) ** 2 for (g, _), w in zip(pairs, wanted, strict=True)) / len(pairs))
    return sum(errors) / len(errors) if errors else 0.0


@pytest.fixture
def case():
    """Patches with filling, of filling alone, flat ones and nearly flat ones."""
    prediction, target = torch.randn(4, 5, 6, dtype=torch.float64), torch.randn(4, 5, 6, dtype=torch.float64)
    real = torch.ones(4, 5, 6, dtype=torch.bool)
    real[0, :, 4:] = False
    real[1, 2] = False
    real[1, 3, 1:] = False
    target[2, 1] = 7.5
    target[2, 2] = 1.0 + 0.01 * torch.randn(6)
    target = torch.where(real, target, 0.0)
    return prediction, target, real


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("flat_variance", [0.0, 1e-6, 1e-2, 1.0])
def test_it_is_the_formula_written_out(case, normalise, flat_variance):
    found = masked_reconstruction(*case, normalise=normalise, flat_variance=flat_variance)
    expected = oracle(*case, normalise=normalise, flat_variance=flat_variance)
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_whole_patches_are_normalised_as_torch_s_variance_has_it():
    prediction, target = torch.randn(3, 4, 8), torch.randn(3, 4, 8)
    wanted = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    real = torch.ones_like(target, dtype=torch.bool)
    found = masked_reconstruction(prediction, target, real, normalise=True, flat_variance=0.0)
    torch.testing.assert_close(found, (prediction - wanted).square().mean())


@pytest.mark.parametrize("normalise", [True, False])
def test_filling_changes_neither_the_loss_nor_a_gradient(case, normalise):
    prediction, target, real = case
    prediction.requires_grad_()
    other = torch.where(real, target, 99.0)
    losses = [
        masked_reconstruction(prediction, value, real, normalise=normalise, flat_variance=0.0)
        for value in (target, other)
    ]
    assert torch.equal(losses[0], losses[1])
    losses[1].backward()
    assert not bool(prediction.grad[~real].any())
    assert bool(prediction.grad[real].any())


def test_switches_that_do_not_move_are_left_out():
    target = torch.full((2, 3, 8), 12.3)
    target[0, 0, 4:] = -1.0
    prediction = torch.randn(2, 3, 8, requires_grad=True)
    real = torch.ones_like(target, dtype=torch.bool)
    masked_reconstruction(prediction, target, real, normalise=True, flat_variance=1e-6).backward()
    assert bool(prediction.grad[0, 0].any())
    assert not bool(prediction.grad[0, 1:].any())
    assert not bool(prediction.grad[1].any())


@pytest.mark.parametrize("count", [3, 0])
def test_nothing_left_is_zero_and_still_part_of_the_graph(count):
    prediction = torch.randn(2, count, 8, requires_grad=True)
    target = torch.full((2, count, 8), 4.0)
    real = torch.ones_like(target, dtype=torch.bool)
    loss = masked_reconstruction(prediction, target, real, normalise=True, flat_variance=0.0)
    assert float(loss.detach()) == 0.0
    loss.backward()
    assert not bool(prediction.grad.any())


def test_the_target_gets_no_gradient():
    target = torch.randn(2, 3, 8, requires_grad=True)
    prediction = torch.randn(2, 3, 8, requires_grad=True)
    real = torch.ones(2, 3, 8, dtype=torch.bool)
    masked_reconstruction(prediction, target, real, normalise=True, flat_variance=0.0).backward()
    assert target.grad is None


def test_shapes_that_do_not_fit_are_refused(case):
    prediction, target, real = case
    for bad in ((prediction[:1], target, real), (prediction, target, real[:1]), (prediction, target, real.double())):
        with pytest.raises(ValueError, match="one shape"):
            masked_reconstruction(*bad, normalise=True, flat_variance=0.0)
    with pytest.raises(ValueError, match="flat_variance"):
        masked_reconstruction(*case, normalise=True, flat_variance=-1.0)
