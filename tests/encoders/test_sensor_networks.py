from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from detach_core.encoders.sensor_networks import (
    SENSOR_ENCODERS,
    ActivationVector,
    CnnGru,
    CnnGruAttention,
    ConvolutionTransformer,
    SameConvolutions,
    SensorSpatial,
    build_sensor_encoder,
    convolved_length,
    sinusoidal_positions,
    upper_quantile,
)


def test_time_is_shortened_four_times_and_kept_in_order():
    stack = SameConvolutions(2, (4, 5, 6), 60).eval()
    quiet = torch.zeros(1, 2, 60)
    late = quiet.clone()
    late[:, :, 50:] = 1.0
    with torch.no_grad():
        difference = (stack(late) - stack(quiet)).abs().sum(dim=1)[0]
    assert difference.shape == (15,)
    assert float(difference[:6].max()) == 0.0
    assert float(difference[12:].max()) > 0.0


def test_windows_of_fewer_than_four_samples_are_refused():
    with pytest.raises(ValueError, match="too short"):
        SameConvolutions(2, (4, 5, 6), 3)


def test_the_lengths_before_pooling_are_those_of_the_specification():
    assert [convolved_length(length) for length in (60, 100, 128)] == [7, 17, 24]


def test_the_shortest_window_that_fits_is_taken_and_a_shorter_one_refused():
    assert CnnGru(channels=2, length=36, dim=4, size="paper")(torch.randn(2, 2, 36)).shape == (2, 4)
    with pytest.raises(ValueError, match="too short"):
        CnnGru(channels=2, length=35, dim=4, size="paper")


def test_the_paper_size_reads_32_steps_of_64_channels():
    encoder = CnnGru(channels=34, length=60, dim=256, size="paper")
    assert encoder.convolutions(torch.randn(2, 34, 60)).shape == (2, 64, 32)
    assert (encoder.recurrence.input_size, encoder.recurrence.hidden_size) == (64, 256)


def test_the_paper_size_attends_at_width_512():
    encoder = CnnGruAttention(channels=34, length=60, dim=256, size="paper")
    assert encoder.query_key_value.in_features == 512
    assert encoder.projection.in_features == 512
    assert encoder.recurrence.bidirectional


def test_attention_is_the_scaled_dot_product_written_out():
    encoder = CnnGruAttention(channels=3, length=20, dim=4, size="small").eval()
    window = torch.randn(1, 3, 20)
    with torch.no_grad():
        steps, _ = encoder.recurrence(encoder.normalisation(encoder.convolutions(window)).transpose(1, 2))
        query, key, value = encoder.query_key_value(steps[0]).chunk(3, dim=-1)
        share = (query @ key.T / query.shape[1] ** 0.5).softmax(dim=-1)
        expected = encoder.projection((share @ value).mean(dim=0))
        assert torch.allclose(encoder(window)[0], expected, atol=1e-5)


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


NAMES = sorted(SENSOR_ENCODERS)


@pytest.mark.parametrize("size", ["small", "paper"])
@pytest.mark.parametrize("length", [60, 100, 128, 400])
@pytest.mark.parametrize("name", NAMES)
def test_every_encoder_takes_every_length_and_channel_count(name, length, size):
    for channels in (6, 34, 37):
        encoder = build_sensor_encoder(
            name, channels=channels, length=length, dim=10 if size == "small" else 24, size=size
        )
        feature = encoder(torch.randn(2, channels, length))
        assert feature.shape == (2, 10 if size == "small" else 24)
        feature.square().sum().backward()
        for parameter in encoder.parameters():
            assert parameter.grad is not None
            assert bool(torch.isfinite(parameter.grad).all())


@pytest.mark.parametrize("name", NAMES)
def test_an_all_zero_window_gives_finite_features_and_gradients(name):
    encoder = build_sensor_encoder(name, channels=6, length=60, dim=8, size="small").train()
    feature = encoder(torch.zeros(4, 6, 60))
    feature.square().sum().backward()
    assert bool(torch.isfinite(feature).all())
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in encoder.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_window_in_evaluation_does_not_depend_on_its_neighbours(name):
    encoder = build_sensor_encoder(name, channels=6, length=100, dim=8, size="small").eval()
    windows = torch.randn(5, 6, 100)
    with torch.no_grad():
        assert torch.allclose(encoder(windows)[2:3], encoder(windows[2:3]), atol=1e-5)


@pytest.mark.parametrize("name", ["cnn_gru_attention", "transformer"])
def test_temporal_encoders_tell_a_rise_from_a_fall(name):
    """Opening and closing differ in order alone: a step up at a random time against its mirror in time."""
    generator = torch.Generator().manual_seed(0)

    def steps(number):
        start = torch.randint(15, 45, (number, 1, 1), generator=generator)
        rise = (torch.arange(60) >= start).float().expand(number, 3, 60)
        label = torch.randint(2, (number,), generator=generator)
        windows = torch.where(label[:, None, None] == 1, rise, 1 - rise)
        windows = windows - windows.median(dim=2, keepdim=True).values
        return windows + 0.2 * torch.randn(windows.shape, generator=generator), label

    encoder = build_sensor_encoder(name, channels=3, length=60, dim=16, size="small")
    head = torch.nn.Linear(16, 2)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=3e-3)
    windows, label = steps(192)
    for _ in range(10):
        for batch in torch.randperm(192, generator=generator).split(48):
            loss = torch.nn.functional.cross_entropy(head(encoder(windows[batch])), label[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    windows, label = steps(200)
    with torch.no_grad():
        assert float((head(encoder.eval()(windows)).argmax(dim=1) == label).float().mean()) > 0.9


def test_the_same_seed_builds_the_same_encoder():
    for name in NAMES:
        states = []
        for _ in range(2):
            torch.manual_seed(3)
            states.append(build_sensor_encoder(name, channels=6, length=60, dim=8, size="small").state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_an_unknown_name_or_size_is_refused():
    with pytest.raises(ValueError, match="cnn_gru_attention"):
        build_sensor_encoder("lstm", channels=6, length=60, dim=8, size="small")
    with pytest.raises(ValueError, match="size"):
        build_sensor_encoder("cnn_gru", channels=6, length=60, dim=8, size="tiny")  # type: ignore[arg-type]


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
        lambda: ActivationVector(2, form="raw", mode="abs", quantile=0.99),  # type: ignore[arg-type]
        lambda: ActivationVector(2, form="z", mode="max", quantile=0.99),  # type: ignore[arg-type]
        lambda: ActivationVector(2, form="z", mode="abs", quantile=99),
        lambda: vector(torch.zeros(4, 3, 60)),
        lambda: vector.set_statistics({"mean": [0.0], "std": [1.0]}),
    ):
        with pytest.raises(ValueError):
            call()


SETTINGS: dict[str, Any] = {"channels": 6, "length": 100, "dim": 16, "form": "centred", "quantile": 0.99, "mode": "abs"}


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


def test_the_shortest_window_of_a_dataset_is_the_shortest_of_every_network():
    from detach_core.datasets.registry import SHORTEST_WINDOW

    assert convolved_length(SHORTEST_WINDOW) >= 1
    assert convolved_length(SHORTEST_WINDOW - 1) < 1
