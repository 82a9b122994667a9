from dataclasses import replace

import pytest
import torch

from detach_core.settings.shared import SensorAugmentationSettings
from detach_core.training.augmentation_sensor import SensorAugmentation

OFF = SensorAugmentationSettings(scale=0.0, jitter=0.0, shift_s=0.0, warp=0.0, channel_dropout=0.0)


def change(sensor, **settings):
    augmentation = SensorAugmentation(
        replace(OFF, **settings),
        sensor_hz=30.0,
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
    )
    return augmentation(sensor)


@pytest.fixture
def sensor():
    return torch.randn(8, 3, 60, generator=torch.Generator().manual_seed(1))


def test_with_everything_at_zero_nothing_changes(sensor):
    torch.testing.assert_close(change(sensor), sensor)


def test_scale_is_one_factor_for_a_channel(sensor):
    factor = change(sensor, scale=0.2) / sensor
    assert float(factor.std(dim=2).max()) < 1e-5
    assert float(factor[:, :, 0].std()) == pytest.approx(0.2, abs=0.1)


def test_jitter_has_its_deviation(sensor):
    assert float((change(sensor, jitter=0.3) - sensor).std()) == pytest.approx(0.3, rel=0.1)


def test_a_lost_channel_is_at_rest_and_the_rest_is_untouched(sensor):
    changed = change(sensor, channel_dropout=0.5, jitter=0.0)
    lost = (changed == 0).all(dim=2)
    assert 0 < int(lost.sum()) < lost.numel()
    torch.testing.assert_close(changed[~lost], sensor[~lost])


def test_a_lost_channel_has_no_noise_either(sensor):
    changed = change(sensor, channel_dropout=0.5, jitter=0.3)
    assert bool((changed == 0).all(dim=2).any())


def test_a_shift_moves_all_channels_of_a_window_alike_and_within_its_limit():
    ramp = torch.arange(60.0).repeat(16, 2, 1)
    moved = change(ramp, shift_s=0.2) - ramp
    middle = moved[:, :, 20:40]
    assert float(middle.std(dim=(1, 2)).max()) < 1e-4
    assert 0.5 < float(middle.abs().max()) <= 0.2 * 30.0
    assert float(middle[:, 0, 0].std()) > 0.5


def test_beyond_its_ends_the_end_values_go_on():
    ramp = torch.arange(60.0).repeat(16, 1, 1)
    changed = change(ramp, shift_s=0.5)
    assert float(changed.min()) >= 0.0
    assert float(changed.max()) <= 59.0


def test_a_warp_keeps_time_in_order_and_rates_within_its_strength():
    ramp = torch.arange(60.0).repeat(32, 1, 1)
    rate = change(ramp, warp=0.3).diff(dim=2)[:, :, 8:-8]
    assert float(rate.min()) > 1.0 - 0.31
    assert float(rate.max()) < 1.0 + 0.31
    assert float(rate.std()) > 0.03


def test_draws_repeat_with_the_seed(sensor):
    every = {"scale": 0.1, "jitter": 0.05, "shift_s": 0.1, "warp": 0.1, "channel_dropout": 0.1}
    assert torch.equal(change(sensor, **every), change(sensor, **every))
