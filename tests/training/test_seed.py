import numpy as np
import torch

from detach_core.training.seed import (
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
