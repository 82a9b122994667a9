import math

import pytest
import torch

from detach_core.encoders.decomposition import decomposed_feature


def test_the_halves_stand_side_by_side_each_of_length_one():
    spatial = 5 * torch.randn(4, 3, dtype=torch.float64)
    temporal = 0.1 * torch.randn(4, 2, dtype=torch.float64)
    feature = decomposed_feature(spatial, temporal)
    for row in range(4):
        halves = [spatial[row].tolist(), temporal[row].tolist()]
        expected = [value / math.hypot(*half) for half in halves for value in half]
        assert max(abs(a - b) for a, b in zip(feature[row].tolist(), expected, strict=True)) < 1e-9


def test_the_cosine_of_the_whole_is_the_mean_of_the_halves_cosines():
    video, sensor = (decomposed_feature(*torch.randn(2, 1, 6, dtype=torch.float64).unbind()) for _ in range(2))
    whole = (video * sensor).sum() / video.norm() / sensor.norm()
    halves = (video[:, :6] * sensor[:, :6]).sum(), (video[:, 6:] * sensor[:, 6:]).sum()
    assert abs(float(whole - sum(halves) / 2)) < 1e-12


def test_a_dead_half_is_zero_with_gradients_of_ordinary_size():
    temporal = torch.zeros(2, 3, requires_grad=True)
    feature = decomposed_feature(torch.randn(2, 3), temporal)
    feature.sum().backward()
    assert torch.equal(feature[:, 3:], torch.zeros(2, 3))
    assert float(temporal.grad.abs().max()) == 1.0


def test_halves_of_different_batches_are_refused():
    with pytest.raises(ValueError, match="expected"):
        decomposed_feature(torch.zeros(2, 3), torch.zeros(3, 3))
