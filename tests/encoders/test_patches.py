"""Pictures cut into patches."""

import pytest
import torch

from detach_core.encoders.patches import PatchGrid

SENSOR = [(6, 1, (6, 8)), (34, 5, (7, 8)), (37, 5, (8, 8))]
FRAMES = [
    (48, 64, 8, (6, 8)),
    (48, 64, 16, (3, 4)),
    (96, 128, 8, (12, 16)),
    (96, 128, 16, (6, 8)),
    (51, 67, 16, (4, 5)),
]


@pytest.mark.parametrize(("channels", "rows", "shape"), SENSOR)
def test_sensor_pictures_have_a_patch_for_each_group_of_channels(channels, rows, shape):
    grid = PatchGrid(1, channels, 128, rows, 16)
    assert grid.shape == shape
    assert grid.cut(torch.randn(2, 1, channels, 128)).shape == (2, grid.num_patches, rows * 16)


@pytest.mark.parametrize(("height", "width", "side", "shape"), FRAMES)
def test_each_patch_holds_its_own_part_of_the_picture_and_zeros(height, width, side, shape):
    grid = PatchGrid(3, height, width, side, side)
    assert grid.shape == shape
    picture = torch.rand(2, 3, height, width) + 1.0
    patches, real = grid.cut(picture), grid.real()
    for row in range(shape[0]):
        for column in range(shape[1]):
            part = picture[:, :, row * side : (row + 1) * side, column * side : (column + 1) * side]
            expected = torch.zeros(2, 3, side, side)
            expected[:, :, : part.shape[2], : part.shape[3]] = part
            index = row * shape[1] + column
            assert torch.equal(patches[:, index], expected.flatten(1))
            assert torch.equal(real[index], expected[0].flatten() > 0)


def test_all_numbers_of_the_picture_are_real_and_no_filling():
    assert int(PatchGrid(3, 51, 67, 16, 16).real().sum()) == 3 * 51 * 67
    assert bool(PatchGrid(3, 48, 64, 16, 16).real().all())


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match="expected pictures"):
        PatchGrid(3, 48, 64, 8, 8).cut(torch.zeros(2, 3, 48, 65))


def test_a_grid_without_patches_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        PatchGrid(3, 48, 64, 8, 0)
