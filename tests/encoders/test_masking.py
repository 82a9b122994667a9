"""Random masks of an exact size."""

import pytest
import torch

from detach_core.encoders.masking import draw_mask, num_visible, take


def draw(batch=50, count=56, masked=0.75, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return draw_mask(batch, count, masked, generator=generator, device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("count", "masked", "visible"),
    [
        (56, 0.75, 14),
        (48, 0.75, 12),
        (64, 0.75, 16),
        (35, 0.75, 8),
        (10, 0.9, 1),
        (7, 0.9, 1),
        (1, 0.75, 1),
        (9, 0.0, 9),
    ],
)
def test_every_window_shows_exactly_the_same_number(count, masked, visible):
    assert num_visible(count, masked) == visible
    mask = draw(count=count, masked=masked)
    assert mask.visible.shape == (50, visible)
    assert mask.hidden.shape == (50, count - visible)
    both = torch.cat([mask.visible, mask.hidden], dim=1).sort(dim=1).values
    assert torch.equal(both, torch.arange(count).expand(50, -1))


def test_windows_hide_different_patches_and_each_patch_as_often():
    mask = draw(batch=4000, count=8)
    often = torch.bincount(mask.visible.flatten(), minlength=8) / 4000
    assert float((often - 0.25).abs().max()) < 0.03


def test_equal_seeds_hide_the_same():
    assert torch.equal(draw().visible, draw().visible)
    assert not torch.equal(draw().visible, draw(seed=1).visible)


def test_rows_are_taken_window_by_window():
    tokens, index = torch.randn(3, 5, 4), torch.tensor([[4, 0], [1, 1], [2, 3]])
    expected = torch.stack([tokens[window, index[window]] for window in range(3)])
    assert torch.equal(take(tokens, index), expected)


@pytest.mark.parametrize(("count", "masked"), [(0, 0.5), (5, 1.0), (5, -0.1)])
def test_nothing_to_show_is_refused(count, masked):
    with pytest.raises(ValueError, match="masked must be"):
        num_visible(count, masked)
