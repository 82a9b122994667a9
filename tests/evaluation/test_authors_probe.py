import torch

from detach_core.evaluation.probes import fit_authors_probe


def toy(count=200):
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(count) % 3
    return torch.eye(3, dtype=torch.float64)[label] * 8 + torch.randn(count, 3, generator=generator).double(), label


def test_it_learns_what_is_plain_given_enough_steps():
    features, label = toy(1500)
    weight, bias = fit_authors_probe(features, label, 3, torch.Generator().manual_seed(1))
    assert float(((features @ weight + bias).argmax(1) == label).double().mean()) > 0.9


def test_the_generator_alone_decides():
    features, label = toy()
    torch.manual_seed(1)
    one, _ = fit_authors_probe(features, label, 3, torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    again, _ = fit_authors_probe(features, label, 3, torch.Generator().manual_seed(1))
    other, _ = fit_authors_probe(features, label, 3, torch.Generator().manual_seed(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
