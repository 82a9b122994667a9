"""The student's network over single channels."""

import pytest
import torch

from detach_core.encoders.sensor.channel_wise import ChannelWiseCnn


def make(channels=6, size="small"):
    torch.manual_seed(0)
    return ChannelWiseCnn(channels=channels, size=size)


@pytest.mark.parametrize("channels", [6, 34, 37])
@pytest.mark.parametrize("length", [60, 100, 128, 400])
def test_windows_of_every_dataset_give_a_feature_of_each_channel(channels, length):
    encoder = make(channels)
    assert encoder(torch.randn(3, channels, length)).shape == (3, encoder.dim) == (3, channels * encoder.width)


def test_the_paper_s_size_gives_256_numbers_a_channel():
    assert make(size="paper")(torch.randn(2, 6, 60)).shape == (2, 6 * 256)
    with pytest.raises(ValueError, match="size"):
        make(size="other")


def test_a_channel_changes_its_own_part_of_the_feature_only():
    encoder = make().eval()
    window = torch.randn(2, 6, 60)
    changed = window.clone()
    changed[:, 2] += torch.randn(2, 60)
    difference = (encoder(changed) - encoder(window)).abs().reshape(2, 6, -1).sum(dim=2)
    assert (difference > 0).tolist() == [[False, False, True, False, False, False]] * 2


def test_all_channels_share_one_network():
    encoder = make().eval()
    window, order = torch.randn(2, 6, 60), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(encoder.channel_features(window[:, order]), encoder.channel_features(window)[:, order])
    count = sum(weight.numel() for weight in encoder.parameters())
    assert count == sum(weight.numel() for weight in make(37).parameters())


def test_the_feature_tells_the_direction_and_the_time_of_a_change():
    encoder = make(1).eval()
    ramp = torch.zeros(1, 1, 60)
    ramp[..., 8:14] = torch.linspace(0.2, 1.0, 6)
    # Far from the ends and moved by whole strides, only the coarse steps in time tell a late ramp from an early one.
    features = [encoder(value) for value in (ramp, -ramp, ramp.flip(-1), ramp.roll(32, dims=-1))]
    for i in range(4):
        for j in range(i):
            assert float((features[i] - features[j]).detach().abs().max()) > 1e-3


def test_a_silent_window_is_safe_in_training():
    encoder = make().train()
    window = torch.zeros(2, 6, 60)
    encoder(window).sum().backward()
    assert all(bool(torch.isfinite(weight.grad).all()) for weight in encoder.parameters())
