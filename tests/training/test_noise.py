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


def test_a_pool_is_drawn_once_more_from_its_state_wherever_the_generator_stands():
    pool, other = make_pool(), make_pool(1)
    pool.draw(SHAPE)
    state, place = pool.state(), pool.generator.get_state()
    assert sum(value.numel() for value in state.values()) < 10_000
    other.draw(torch.Size([3]))
    untouched = other.generator.get_state()
    other.restore(state)
    assert torch.equal(other.generator.get_state(), untouched)
    other.generator.set_state(place)
    assert torch.equal(pool.draw(SHAPE), other.draw(SHAPE))
    assert {name: value.tolist() for name, value in other.state().items()} == {
        name: value.tolist() for name, value in state.items()
    }


def test_a_pool_that_was_not_drawn_has_no_state_and_goes_back_to_none():
    pool, fresh = make_pool(), make_pool()
    assert pool.state() == {}
    pool.draw(SHAPE)
    pool.restore({})
    pool.generator.set_state(fresh.generator.get_state())
    assert torch.equal(pool.draw(SHAPE), fresh.draw(SHAPE))
