"""InfoNCE in one direction against its formula in loops."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from detach_core.losses.contrastive import info_nce, one_way_info_nce


def oracle(video, sensor, temperature):
    """For each video the softmax over all sensors."""
    total = 0.0
    for i in range(len(video)):
        cosine = [
            float(video[i] @ sensor[j]) / math.sqrt(float(video[i] @ video[i]) * float(sensor[j] @ sensor[j]))
            for j in range(len(sensor))
        ]
        total += math.log(sum(math.exp(value / temperature) for value in cosine)) - cosine[i] / temperature
    return total / len(video)


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_it_is_the_formula_written_out(count, temperature):
    video, sensor = torch.randn(count, 5, dtype=torch.float64), torch.randn(count, 5, dtype=torch.float64)
    found = one_way_info_nce(video, sensor, temperature)
    assert float(found) == pytest.approx(oracle(video, sensor, temperature), rel=1e-9, abs=1e-12)


def test_it_is_torch_s_cross_entropy_over_sensors():
    video, sensor = torch.randn(6, 4), torch.randn(6, 4)
    logits = normalize(video) @ normalize(sensor).T / 0.1
    torch.testing.assert_close(one_way_info_nce(video, sensor, 0.1), cross_entropy(logits, torch.arange(6)))


def test_the_direction_matters_and_both_make_plain_infonce():
    video, sensor = torch.randn(6, 4), torch.randn(6, 4)
    there, back = one_way_info_nce(video, sensor, 0.1), one_way_info_nce(sensor, video, 0.1)
    assert abs(float(there - back)) > 1e-3
    torch.testing.assert_close((there + back) / 2, info_nce(video, sensor, 0.1))


def test_a_dead_encoder_costs_the_logarithm_of_the_batch():
    video = torch.zeros(5, 3, requires_grad=True)
    loss = one_way_info_nce(video, torch.randn(5, 3), 0.05)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(5), rel=1e-6)
    assert bool(torch.isfinite(video.grad).all())


def test_what_does_not_pair_is_refused():
    with pytest.raises(ValueError, match="video and sensor"):
        one_way_info_nce(torch.randn(4, 3), torch.randn(5, 3), 0.1)
    with pytest.raises(ValueError, match="temperature"):
        one_way_info_nce(torch.randn(4, 3), torch.randn(4, 3), 0.0)
