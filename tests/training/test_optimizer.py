import pytest
import torch
from torch import nn

from detach_core.methods.settings import TrainedSettings
from detach_core.settings.shared import OptimizerSettings
from detach_core.training.optimizer import learning_rate_of_run, make_optimizer, scaled_learning_rate


def test_rate_times_steps_is_that_of_the_papers_run():
    lr = scaled_learning_rate(1e-4, max_lr=2e-3, num_steps=200, paper_steps=800)
    assert lr * 200 == pytest.approx(1e-4 * 800)


def test_the_rate_is_capped():
    assert scaled_learning_rate(1e-4, max_lr=2e-3, num_steps=1, paper_steps=800) == 2e-3


def test_without_the_papers_steps_the_rate_stays():
    assert scaled_learning_rate(1e-4, max_lr=1e-6, num_steps=3, paper_steps=None) == 1e-4


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="num_steps"):
        scaled_learning_rate(1e-4, max_lr=1.0, num_steps=0, paper_steps=1)


@pytest.mark.parametrize(
    ("section", "expected"), [({}, 1e-4), ({"paper_steps": 800}, 8e-4), ({"paper_steps": 800, "lr": 2e-4}, 1.6e-3)]
)
def test_a_section_may_have_its_own_rate_and_steps(section, expected):
    optimizer = OptimizerSettings(lr=1e-4, weight_decay=0.0, max_lr=1.0)
    settings = TrainedSettings(**{"paper_steps": None, "optimizer": optimizer, **section})
    assert learning_rate_of_run(settings, 100) == pytest.approx(expected)


def test_only_what_is_trainable_is_optimised():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)
    optimizer = make_optimizer(network.parameters(), lr=0.1, settings=OptimizerSettings(weight_decay=0.5))
    assert len(optimizer.param_groups[0]["params"]) == 2
    before = network[0].weight.clone()
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert torch.equal(network[0].weight, before)


def test_a_parameter_without_gradient_is_left_alone_by_weight_decay():
    layer = nn.Linear(2, 2)
    before = layer.weight.clone()
    make_optimizer(layer.parameters(), lr=0.1, settings=OptimizerSettings(weight_decay=0.5)).step()
    assert torch.equal(layer.weight, before)
