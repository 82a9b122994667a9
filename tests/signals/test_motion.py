from __future__ import annotations

import cv2
import numpy as np
import pytest

from detach_core.signals.motion import consecutive_flow, finest_scale, flow_function

cv2.setNumThreads(1)


def shifted_pictures(shift_px, *, size=(128, 96), seed=0):
    """Two grey pictures; in the second the texture of the first has moved right by `shift_px`."""
    width, height = size
    coarse = np.random.default_rng(seed).random((height // 5, width // 5)).astype(np.float32)
    texture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * 180 + 40
    matrix = np.array([[1, 0, shift_px], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(texture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in (texture, moved)]


@pytest.mark.parametrize(
    ("method", "preset"), [("dis", "ultrafast"), ("dis", "fast"), ("dis", "medium"), ("farneback", "fast")]
)
@pytest.mark.parametrize("grid_shift_px", [0.25, 1.0, 2.0])
def test_a_known_shift_is_not_halved(method, preset, grid_shift_px):
    before, after = shifted_pictures(2 * grid_shift_px)
    flow = flow_function(method, preset=preset, luma_px=(128, 96))(before, after)
    assert flow.shape == (48, 64, 2)
    assert flow.dtype == np.float32
    middle = flow[8:-8, 8:-8]
    assert np.median(middle[..., 0]) == pytest.approx(grid_shift_px, rel=0.15)
    assert abs(np.median(middle[..., 1])) < 0.05


def test_the_presets_own_level_would_halve_motion_on_small_pictures():
    """The trap that `finest_scale` avoids is real: without it this test's sibling above must fail."""
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    assert search.getFinestScale() == 2
    assert finest_scale(2, 96) == 1
    assert finest_scale(2, 160) == 2
    assert finest_scale(2, 159) == 1
    assert finest_scale(1, 96) == 1
    assert finest_scale(2, 79) == 0


def test_consecutive_flow_begins_with_zero_and_leads_to_each_picture():
    before, after = shifted_pictures(4.0)
    flows = list(
        consecutive_flow(np.stack([before, after, after]), flow_function("dis", preset="fast", luma_px=(128, 96)))
    )
    assert len(flows) == 3
    assert not flows[0].any()
    assert np.median(flows[1][8:-8, 8:-8, 0]) == pytest.approx(2.0, rel=0.15)
    assert np.abs(flows[2]).mean() < 0.05


def test_no_picture_gives_no_flow():
    assert list(consecutive_flow(np.zeros((0, 96, 128), np.uint8), lambda a, b: None)) == []


@pytest.mark.parametrize(("method", "preset"), [("tvl1", "fast"), ("dis", "slow")])
def test_unknown_methods_are_refused(method, preset):
    with pytest.raises(ValueError, match="unknown optical flow"):
        flow_function(method, preset=preset, luma_px=(128, 96))
