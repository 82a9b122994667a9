import math

import pytest
import torch

from detach_core.encoders.sensor.transformer import ConvolutionTransformer, sinusoidal_positions


def test_positions_are_sines_and_cosines_of_growing_wavelength():
    position = sinusoidal_positions(7, 6)
    for step in range(7):
        for pair in range(3):
            angle = step / 10000 ** (2 * pair / 6)
            assert abs(float(position[step, 2 * pair]) - math.sin(angle)) < 1e-5
            assert abs(float(position[step, 2 * pair + 1]) - math.cos(angle)) < 1e-5


def test_training_drops_and_evaluation_does_not():
    encoder = ConvolutionTransformer(channels=3, length=60, dim=4, size="small")
    windows = torch.randn(4, 3, 60)
    assert not torch.equal(encoder(windows), encoder(windows))
    encoder.eval()
    assert torch.equal(encoder(windows), encoder(windows))


def test_windows_of_another_length_are_refused():
    encoder = ConvolutionTransformer(channels=3, length=60, dim=4, size="small")
    with pytest.raises(ValueError, match="15 steps"):
        encoder(torch.randn(2, 3, 100))
