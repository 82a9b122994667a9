from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from detach_core.settings.shared import SensorAugmentationSettings, VideoAugmentationSettings
from detach_core.training.augmentation import SensorAugmentation, VideoAugmentation

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


OFF_VIDEO = VideoAugmentationSettings(
    brightness=0.0, contrast=0.0, colour=0.0, blur_probability=0.0, shift_px=0, noise=0.0
)


def make(**settings):
    generator = torch.Generator().manual_seed(0)
    return VideoAugmentation(replace(OFF_VIDEO, **settings), generator=generator, device=torch.device("cpu"))


@pytest.fixture
def frames():
    return torch.rand(6, 4, 8, 10, 3, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.3


def test_with_everything_at_zero_no_video_changes(frames):
    augmentation = make()
    change = augmentation.draw(6)
    torch.testing.assert_close(augmentation.change_frames(frames, change), frames)
    assert not change.shift.any()


def test_the_difference_of_changed_frames_is_the_changed_difference(frames):
    augmentation = make(brightness=0.1, contrast=0.2, colour=0.1)
    change = augmentation.draw(6)
    changed = augmentation.change_frames(frames, change)
    found = augmentation.change_differences(frames.diff(dim=1), change)
    torch.testing.assert_close(found, changed.diff(dim=1), atol=1e-5, rtol=0)
    assert not torch.allclose(found, frames.diff(dim=1))


def test_a_change_is_the_same_for_all_frames_of_a_window(frames):
    augmentation = make(brightness=0.1, contrast=0.2, colour=0.1)
    still = frames[:, :1].expand(-1, 4, -1, -1, -1)
    changed = augmentation.change_frames(still, augmentation.draw(6))
    assert float(changed.diff(dim=1).abs().max()) < 1e-6
    assert float((changed - still).abs().max()) > 0.01


def test_noise_of_a_mean_frame_is_that_of_a_mean(frames):
    augmentation = make(noise=0.05)
    grey = torch.full((64, 16, 16, 3), 0.5)
    change = augmentation.draw(64)
    one = augmentation.change_frames(grey.clone(), change).std()
    mean = augmentation.change_frames(grey.clone(), change, averaged=4).std()
    assert float(one) == pytest.approx(0.05, rel=0.1)
    assert float(mean) == pytest.approx(0.025, rel=0.1)


def test_noise_of_differences_is_that_of_two_frames():
    augmentation = make(noise=0.05)
    changed = augmentation.change_differences(torch.zeros(32, 5, 8, 8, 3), augmentation.draw(32))
    assert float(changed.std()) == pytest.approx(0.05 * 2**0.5, rel=0.1)


def test_blur_averages_neighbours_and_keeps_a_flat_picture():
    augmentation = make(blur_probability=1.0)
    pictures = torch.randint(0, 256, (6, 4, 8, 10, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    change = augmentation.draw(6)
    assert change.num_blurred == 6
    blurred = augmentation.blur(pictures.clone(), change).double()
    box = sum(pictures.double()[:, :, down : down + 7, right : right + 9] for down in (0, 1) for right in (0, 1)) / 4
    difference = box - blurred[:, :, :7, :9]
    assert 0.0 <= float(difference.min()) <= float(difference.max()) < 1.5
    flat = torch.full((6, 4, 8, 10, 3), 201, dtype=torch.uint8)
    assert torch.equal(augmentation.blur(flat.clone(), change), flat)


def test_about_as_many_windows_are_blurred_as_the_probability_says():
    augmentation = make(blur_probability=0.25)
    change = augmentation.draw(400)
    assert 60 < change.num_blurred < 140
    pictures = torch.randint(0, 256, (400, 4, 4, 3), dtype=torch.uint8)
    blurred = augmentation.blur(pictures.clone(), change)
    assert torch.equal(blurred[change.num_blurred :], pictures[change.num_blurred :])
    assert (blurred[: change.num_blurred] != pictures[: change.num_blurred]).flatten(1).any(dim=1).all()


def test_values_stay_within_0_and_1():
    augmentation = make(brightness=0.9, contrast=0.9, colour=0.5, noise=0.3)
    changed = augmentation.change_frames(torch.rand(8, 4, 4, 3), augmentation.draw(8))
    assert 0.0 <= float(changed.min()) <= float(changed.max()) <= 1.0


def test_translations_stay_within_their_limit_and_vary():
    shift = make(shift_px=2).draw(200).shift
    assert sorted(shift.unique().tolist()) == [-2, -1, 0, 1, 2]
