from __future__ import annotations

import numpy as np
import pytest
import torch

from detach_core.training import randomness
from detach_core.training.randomness import (
    NoisePool,
    derived_seed,
    global_random_state,
    make_generator,
    restore_global_random_state,
    seed_everything,
)


def test_streams_of_a_seed_differ_by_purpose_and_by_seed():
    seeds = {derived_seed(seed, purpose) for seed in range(3) for purpose in ("order", "augmentation", "weights")}
    assert len(seeds) == 9
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_derived_seed_is_the_same_on_every_machine():
    assert derived_seed(0, "order") == 3278857439845718984


def test_generators_repeat():
    first, second = (torch.rand(3, generator=make_generator(1, "order")) for _ in range(2))
    assert torch.equal(first, second)


def test_initial_weights_repeat():
    weights = []
    for _ in range(2):
        seed_everything(5)
        weights.append(torch.nn.Linear(3, 2).weight.clone())
    assert torch.equal(*weights)


def test_the_global_generators_go_back_to_where_they_were():
    cpu = torch.device("cpu")
    seed_everything(5)
    # An odd number: numpy keeps the second of a pair of normal draws.
    torch.rand(3), np.random.normal(size=3)
    state = {name: value.clone() for name, value in global_random_state(cpu).items()}
    expected = torch.rand(700), np.random.normal(size=700)
    seed_everything(6)
    restore_global_random_state(state, cpu)
    found = torch.rand(700), np.random.normal(size=700)
    assert torch.equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_an_epoch_sees_no_window_twice_and_drops_the_rest():
    batches = list(randomness.window_batches(23, 5, generator()))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5]
    assert len(torch.cat(batches).unique()) == 20


def test_orders_differ_between_epochs_and_repeat_with_the_seed():
    source = generator()
    first, second = (torch.cat(list(randomness.window_batches(20, 5, source))) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, torch.cat(list(randomness.window_batches(20, 5, generator()))))


def test_fewer_windows_than_a_batch_give_none():
    assert list(randomness.window_batches(4, 5, generator())) == []


def test_recordings_stay_whole():
    recording = torch.tensor([0] * 3 + [5] * 4 + [2] * 2 + [9] * 3)
    batches = list(randomness.recording_batches(recording, 6, generator()))
    assert len(batches) == 2
    seen = [set(recording[batch].tolist()) for batch in batches]
    assert seen[0] | seen[1] == {0, 2, 5, 9}
    for batch in batches:
        for one in recording[batch].unique():
            assert int((recording[batch] == one).sum()) == int((recording == one).sum())


@pytest.mark.parametrize(("batch_size", "expected"), [(1, 1), (6, 2), (1000, 4)])
def test_recordings_come_nearest_to_the_batch_size(batch_size, expected):
    recording = torch.arange(4).repeat_interleave(3)
    assert randomness.recordings_per_batch(recording, batch_size) == expected


@pytest.mark.parametrize("unit", ["window", "recording"])
@pytest.mark.parametrize("batch_size", [3, 5, 7, 12, 13])
def test_steps_are_counted_as_they_come(unit, batch_size):
    recording = torch.arange(4).repeat_interleave(3)
    batches = (
        randomness.window_batches(12, batch_size, generator())
        if unit == "window"
        else randomness.recording_batches(recording, batch_size, generator())
    )
    assert randomness.steps_per_epoch(recording, batch_size, unit) == len(list(batches))


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
