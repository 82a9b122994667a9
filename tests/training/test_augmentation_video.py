from dataclasses import replace

import pytest
import torch

from detach_core.settings.shared import VideoAugmentationSettings
from detach_core.training.augmentation_video import VideoAugmentation

OFF = VideoAugmentationSettings(brightness=0.0, contrast=0.0, colour=0.0, blur_probability=0.0, shift_px=0, noise=0.0)


def make(**settings):
    generator = torch.Generator().manual_seed(0)
    return VideoAugmentation(replace(OFF, **settings), generator=generator, device=torch.device("cpu"))


@pytest.fixture
def frames():
    return torch.rand(6, 4, 8, 10, 3, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.3


def test_with_everything_at_zero_nothing_changes(frames):
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
