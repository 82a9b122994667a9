from __future__ import annotations

import numpy as np
import pytest
import torch

from detach_core.encoders.sensor_spatial import ActivationVector, SensorSpatial, upper_quantile


@pytest.mark.parametrize("length", [1, 2, 60, 100, 101, 128, 400])
@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99, 1.0])
def test_the_quantile_is_numpys_with_linear_interpolation(length, quantile):
    value = torch.randn(3, 4, length, dtype=torch.float64)
    expected = np.quantile(value.numpy(), quantile, axis=-1, method="linear")
    assert np.abs(upper_quantile(value, quantile).numpy() - expected).max() < 1e-9


def test_a_one_sample_pulse_counts_for_41_percent_of_its_height():
    """Sample 58.41 of 60 lies between the two largest."""
    window = torch.zeros(1, 1, 60, dtype=torch.float64)
    window[0, 0, 20] = -7.0
    vector = ActivationVector(1, form="z", mode="abs", quantile=0.99)
    assert abs(float(vector(window)) - 0.41 * 7) < 1e-9


def test_the_centred_form_is_the_standardised_logarithm():
    window = torch.randn(5, 2, 60, dtype=torch.float64)
    vector = ActivationVector(2, form="centred", mode="abs", quantile=0.99)
    vector.set_statistics({"mean": [0.5, 1.5], "std": [2.0, 0.25]})
    q99 = np.quantile(np.abs(window.numpy()), 0.99, axis=2)
    expected = (np.log1p(3 * q99) - [0.5, 1.5]) / [2.0, 0.25]
    assert np.abs(vector(window).numpy() - expected).max() < 1e-9


def test_the_z_form_is_the_quantile_as_it_is():
    window = torch.randn(5, 2, 60, dtype=torch.float64)
    vector = ActivationVector(2, form="z", mode="abs", quantile=0.99)
    vector.set_statistics({"mean": [9.0, 9.0], "std": [9.0, 9.0]})
    assert np.abs(vector(window).numpy() - np.quantile(np.abs(window.numpy()), 0.99, axis=2)).max() < 1e-9


def test_signed_values_keep_their_sign_and_a_range_spans_both_sides():
    window = torch.linspace(-3.0, -1.0, 101, dtype=torch.float64)[None, None]
    signed = ActivationVector(1, form="centred", mode="signed", quantile=0.99)
    assert abs(float(signed(window)) + np.log1p(3 * 1.02)) < 1e-9
    spread = ActivationVector(1, form="z", mode="range", quantile=0.99)
    assert abs(float(spread(window)) - 1.96) < 1e-9


def test_a_channel_that_was_constant_in_training_gives_zero_and_no_infinity():
    vector = ActivationVector(2, form="centred", mode="abs", quantile=0.99)
    vector.set_statistics({"mean": [0.0, 0.2], "std": [0.0, 1.0]})
    activation = vector(100 * torch.randn(4, 2, 60))
    assert torch.equal(activation[:, 0], torch.zeros(4))
    assert bool(torch.isfinite(activation).all())


def test_a_rare_switch_dominates_the_z_form_and_less_so_the_centred_one():
    """Active in 1 % of windows, a switch is about 10 when z-scored; the logarithm brings it nearer to the others."""
    switch = torch.zeros(200, 1, 60)
    switch[:2] = 1.0
    z = (switch - switch.mean()) / switch.std()
    deviation = torch.zeros(200, 1, 60)
    deviation[:2, :, 30:] = 1.0 / float(switch.std())
    plain = ActivationVector(1, form="z", mode="abs", quantile=0.99)(z)
    centred = ActivationVector(1, form="centred", mode="abs", quantile=0.99)
    assert 9.5 < float(plain.max()) < 10.5
    assert 3.0 < float(centred.intensity(deviation).max()) < 3.6


def test_fitted_statistics_standardise_the_windows_they_come_from():
    vector = ActivationVector(3, form="centred", mode="range", quantile=0.99)
    windows = torch.randn(50, 3, 60) * torch.tensor([[1.0], [5.0], [0.1]])
    vector.fit_statistics(windows)
    activation = vector(windows)
    assert torch.allclose(activation.mean(dim=0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(activation.std(dim=0, correction=0), torch.ones(3), atol=1e-4)


def test_statistics_travel_with_the_checkpoint():
    vector = ActivationVector(2, form="centred", mode="abs", quantile=0.99)
    vector.set_statistics({"mean": [0.5, 1.5], "std": [2.0, 0.25]})
    other = ActivationVector(2, form="centred", mode="abs", quantile=0.99)
    other.load_state_dict(vector.state_dict())
    assert torch.equal(other.mean, vector.mean)
    assert torch.equal(other.std, vector.std)


def test_what_does_not_fit_is_refused():
    vector = ActivationVector(2, form="z", mode="abs", quantile=0.99)
    for call in (
        lambda: ActivationVector(2, form="raw", mode="abs", quantile=0.99),
        lambda: ActivationVector(2, form="z", mode="max", quantile=0.99),
        lambda: ActivationVector(2, form="z", mode="abs", quantile=99),
        lambda: vector(torch.zeros(4, 3, 60)),
        lambda: vector.set_statistics({"mean": [0.0], "std": [1.0]}),
    ):
        with pytest.raises(ValueError):
            call()


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
