"""The convolutions and GRU of IMU2CLIP and PRIMUS."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from detach_core.encoders.sensor_baselines import (
    ChannelWiseCnn,
    StackedConvGru,
    convolved_length,
    pad_to,
    resample,
    time_deviation,
)


def make(channels=6, length=400, steps=None):
    torch.manual_seed(0)
    return StackedConvGru(channels=channels, length=length, dim=16, steps=steps)


@pytest.mark.parametrize("channels", [6, 34, 37])
@pytest.mark.parametrize("length", [60, 100, 128, 400])
def test_windows_of_every_dataset_give_a_feature_once_resampled(channels, length):
    encoder = make(channels)
    window = torch.randn(3, channels, length)
    assert encoder(resample(window, 400)).shape == (3, 16)


@pytest.mark.parametrize(("length", "steps"), [(141, 1), (150, 1), (400, 10), (1000, 32)])
def test_the_chain_of_convolutions_leaves_the_steps_that_the_official_one_leaves(length, steps):
    assert convolved_length(length, adaptive=False) == steps
    assert make(length=length).sequence(torch.randn(2, 6, length)).shape == (2, steps, 32)


@pytest.mark.parametrize("length", [60, 100, 128, 140])
def test_windows_too_short_for_a_single_step_are_refused(length):
    with pytest.raises(ValueError, match="at least 141"):
        make(length=length)


def test_the_adaptive_chain_takes_shorter_windows():
    assert make(length=123, steps=32).sequence(torch.randn(2, 6, 123)).shape == (2, 32, 32)
    with pytest.raises(ValueError, match="at least 123"):
        make(length=122, steps=32)


def test_no_time_is_left_of_short_windows_and_some_is_of_resampled_ones():
    short, long = make(length=128, steps=32), make(length=400, steps=32)
    window = torch.randn(4, 6, 128)
    assert time_deviation(short.sequence(window)) == pytest.approx(0.0, abs=1e-6)
    assert time_deviation(long.sequence(resample(window, 400))) > 0.1


def test_the_feature_depends_on_the_order_in_time():
    encoder = make().eval()
    window = torch.randn(1, 6, 400)
    assert not torch.allclose(encoder(window), encoder(window.flip(-1)))


def test_resampling_is_linear_between_the_samples():
    window = torch.randn(2, 3, 60, dtype=torch.float64)
    places = np.linspace(0, 59, 400)
    expected = np.stack([[np.interp(places, np.arange(60), row) for row in one] for one in window.numpy()])
    np.testing.assert_allclose(resample(window, 400).numpy(), expected, atol=1e-12)
    assert resample(window, 60) is window


def test_padding_adds_zeros_at_the_end_and_never_cuts():
    window = torch.randn(2, 3, 128)
    padded = pad_to(window, 150)
    assert torch.equal(padded[..., :128], window)
    assert not padded[..., 128:].any()
    with pytest.raises(ValueError, match="do not fit"):
        pad_to(window, 100)


def student(channels=6, size="small"):
    torch.manual_seed(0)
    return ChannelWiseCnn(channels=channels, size=size)


@pytest.mark.parametrize("channels", [6, 34, 37])
@pytest.mark.parametrize("length", [60, 100, 128, 400])
def test_windows_of_every_dataset_give_a_feature_of_each_channel(channels, length):
    encoder = student(channels)
    assert encoder(torch.randn(3, channels, length)).shape == (3, encoder.dim) == (3, channels * encoder.width)


def test_the_paper_s_size_gives_256_numbers_a_channel():
    assert student(size="paper")(torch.randn(2, 6, 60)).shape == (2, 6 * 256)
    with pytest.raises(ValueError, match="size"):
        student(size="other")


def test_a_channel_changes_its_own_part_of_the_feature_only():
    encoder = student().eval()
    window = torch.randn(2, 6, 60)
    changed = window.clone()
    changed[:, 2] += torch.randn(2, 60)
    difference = (encoder(changed) - encoder(window)).abs().reshape(2, 6, -1).sum(dim=2)
    assert (difference > 0).tolist() == [[False, False, True, False, False, False]] * 2


def test_all_channels_share_one_network():
    encoder = student().eval()
    window, order = torch.randn(2, 6, 60), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(encoder.channel_features(window[:, order]), encoder.channel_features(window)[:, order])
    count = sum(weight.numel() for weight in encoder.parameters())
    assert count == sum(weight.numel() for weight in student(37).parameters())


def test_the_feature_tells_the_direction_and_the_time_of_a_change():
    encoder = student(1).eval()
    ramp = torch.zeros(1, 1, 60)
    ramp[..., 8:14] = torch.linspace(0.2, 1.0, 6)
    # Far from the ends and moved by whole strides, only the coarse steps in time tell a late ramp from an early one.
    features = [encoder(value) for value in (ramp, -ramp, ramp.flip(-1), ramp.roll(32, dims=-1))]
    for i in range(4):
        for j in range(i):
            assert float((features[i] - features[j]).detach().abs().max()) > 1e-3


def test_a_silent_window_is_safe_in_training():
    encoder = student().train()
    window = torch.zeros(2, 6, 60)
    encoder(window).sum().backward()
    assert all(bool(torch.isfinite(weight.grad).all()) for weight in encoder.parameters())
