import pytest
import torch

from detach_core.training.noise import NoisePool


def make_pool(seed=0):
    return NoisePool(500, generator=torch.Generator().manual_seed(seed), device=torch.device("cpu"))


def test_noise_is_standard_normal():
    noise = make_pool().draw(200)
    assert noise.shape == (200, 500)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)


def test_windows_get_different_noise_and_draws_repeat_with_the_seed():
    first, second = make_pool().draw(4), make_pool().draw(4)
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, make_pool(1).draw(4))


def test_a_draw_can_be_changed_without_changing_the_pool():
    pool = make_pool()
    before = pool._windows[0].clone()
    pool.draw(3).zero_()
    assert torch.equal(pool._windows[0], before)
