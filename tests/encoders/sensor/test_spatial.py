import pytest
import torch

from detach_core.encoders.sensor.spatial import SensorSpatial

SETTINGS = {"channels": 6, "length": 100, "dim": 16, "form": "centred", "quantile": 0.99, "mode": "abs"}


@pytest.mark.parametrize("size", ["small", "paper"])
def test_the_feature_is_the_base_encoders_plus_the_projected_activation(size):
    statistics = {"mean": [0.3] * 6, "std": [0.5] * 6}
    encoder = SensorSpatial(**SETTINGS, size=size, normalisation=statistics).eval()
    window = torch.randn(3, 6, 100)
    expected = encoder.base(window) + encoder.projection(encoder.activation(window))
    assert torch.equal(encoder(window), expected)
    assert torch.equal(encoder.activation.mean, torch.full((6,), 0.3))


def test_gradients_reach_the_base_encoder_and_the_projection():
    encoder = SensorSpatial(**SETTINGS, size="small", normalisation=None)
    encoder(torch.randn(4, 6, 100)).square().sum().backward()
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in encoder.projection.parameters())
    assert all(parameter.grad is not None for parameter in encoder.base.parameters())


def test_a_checkpoint_brings_the_activation_statistics():
    trained = SensorSpatial(**SETTINGS, size="small", normalisation={"mean": [1.0] * 6, "std": [2.0] * 6})
    loaded = SensorSpatial(**SETTINGS, size="small", normalisation=None)
    loaded.load_state_dict(trained.state_dict())
    window = torch.randn(3, 6, 100)
    assert torch.equal(loaded.eval()(window), trained.eval()(window))
