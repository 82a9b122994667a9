import torch

from detach_core.training.seed import derived_seed, make_generator, seed_everything


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
