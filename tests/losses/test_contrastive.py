import math

import pytest
import torch

from detach_core.losses.contrastive import info_nce, summed_info_nce


def test_equal_cosines_give_the_logarithm_of_the_batch():
    assert abs(float(info_nce(torch.ones(6, 2), torch.ones(6, 2), 0.1)) - math.log(6)) < 1e-5


def test_the_loss_is_the_mean_of_both_directions_written_out():
    video = torch.tensor([[2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    sensor = torch.tensor([[1.0, 0.0], [3.0, 3.0]], dtype=torch.float64)
    root = math.sqrt(0.5)
    cosine = [[1.0, root], [0.0, root]]
    rows = sum(math.log(sum(math.exp(c) for c in cosine[i])) - cosine[i][i] for i in range(2)) / 2
    columns = sum(math.log(sum(math.exp(cosine[i][j]) for i in range(2))) - cosine[j][j] for j in range(2)) / 2
    assert abs(float(info_nce(video, sensor, 1.0)) - (rows + columns) / 2) < 1e-12


def test_a_learned_temperature_gets_a_gradient():
    temperature = torch.tensor(0.1, requires_grad=True)
    info_nce(torch.randn(4, 3), torch.randn(4, 3), temperature).backward()
    assert float(temperature.grad.abs()) > 0


def test_one_pair_alone_costs_nothing():
    assert float(info_nce(torch.randn(1, 3), torch.randn(1, 3), 0.1)) == 0.0


def test_features_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="video and sensor"):
        info_nce(torch.randn(4, 3), torch.randn(5, 3), 0.1)


def test_it_is_torch_s_cross_entropy_in_both_directions():
    torch.manual_seed(0)
    first, second = torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
    logits = torch.nn.functional.normalize(first) @ torch.nn.functional.normalize(second).T / 0.2
    target = torch.arange(7)
    both = [torch.nn.functional.cross_entropy(value, target) for value in (logits, logits.T)]
    torch.testing.assert_close(info_nce(first, second, 0.2), sum(both) / 2)
    torch.testing.assert_close(summed_info_nce(first, second, 0.2), sum(both))
