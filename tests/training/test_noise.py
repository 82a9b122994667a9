import pytest
import torch

from detach_core.training.noise import NoisePool


def make_pool(seed=0):
    return NoisePool(generator=torch.Generator().manual_seed(seed), device=torch.device("cpu"))


SHAPE = torch.Size([200, 500])


def test_noise_is_standard_normal():
    noise = make_pool().draw(SHAPE)
    assert noise.shape == (200, 500)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)


def test_windows_and_batches_get_different_noise_and_draws_repeat_with_the_seed():
    pool = make_pool()
    first, following = pool.draw(SHAPE), pool.draw(SHAPE)
    assert torch.equal(first, make_pool().draw(SHAPE))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, following)
    assert not torch.equal(first, make_pool(1).draw(SHAPE))


def test_a_larger_batch_gets_a_larger_pool():
    pool = make_pool()
    assert pool.draw(torch.Size([1, 2])).shape == (1, 2)
    assert pool.draw(torch.Size([1200, 1000])).shape == (1200, 1000)
