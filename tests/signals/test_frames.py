from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detach_core.signals.frames import MeanFrames, fit_picture, native_frames, rgb_of_planar


def planar_of(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)


def smooth_picture(width, height, seed=0):
    coarse = np.random.default_rng(seed).integers(30, 220, (5, 7, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize(
    ("native_hz", "working_hz", "expected"),
    [(10, 5, [0, 2, 4, 6, 8]), (25, 10, [0, 3, 5, 8]), (10, 10, list(range(10))), (25, 5, [0, 5]), (10, 20, None)],
)
def test_each_tick_takes_the_nearest_native_frame(native_hz, working_hz, expected):
    found = native_frames(10, native_hz=native_hz, working_hz=working_hz).tolist()
    if expected is None:
        assert found == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
    else:
        assert found == expected


@given(
    num_native=st.integers(1, 400),
    native_hz=st.sampled_from([10.0, 12.5, 15.0, 25.0, 29.97, 30.0]),
    working_hz=st.sampled_from([2.0, 5.0, 8.0, 10.0]),
)
def test_no_tick_is_further_than_half_a_frame_and_none_is_left_out(num_native, native_hz, working_hz):
    frames = native_frames(num_native, native_hz=native_hz, working_hz=working_hz)
    ticks = np.arange(len(frames)) / working_hz
    assert np.abs(frames / native_hz - ticks).max() <= 0.5 / native_hz + 1e-9
    assert frames[-1] < num_native
    assert len(frames) / working_hz * native_hz >= num_native - 0.5 - 1e-6


def test_an_hour_of_ticks_does_not_drift():
    assert native_frames(25 * 3600, native_hz=25, working_hz=10)[-2:].tolist() == [89995, 89998]


def test_a_picture_of_the_grids_aspect_is_only_scaled():
    fit = fit_picture((640, 480), image_px=(64, 48), crop_px=None)
    assert (fit.scaled_px, fit.left_px, fit.top_px) == ((128, 96), 0, 0)


def test_a_wider_picture_loses_both_sides_evenly_and_keeps_its_aspect():
    fit = fit_picture((768, 432), image_px=(64, 48), crop_px=None)
    assert fit.scaled_px[1] == 96
    assert abs(fit.scaled_px[0] / fit.scaled_px[1] - 768 / 432) < 0.02
    assert abs(fit.left_px - (fit.scaled_px[0] - 128 - fit.left_px)) <= 2
    assert fit.top_px == 0


@pytest.mark.parametrize("size", [(640, 480), (768, 432), (300, 500)])
@pytest.mark.parametrize("crop", [None, [40, 60, 160, 120], [100, 20, 120, 200]])
def test_the_cut_shows_the_asked_part_of_the_picture(size, crop):
    picture = smooth_picture(*size)
    fit = fit_picture(size, image_px=(32, 24), crop_px=crop)
    scaled = cv2.resize(picture, fit.scaled_px, interpolation=cv2.INTER_AREA)
    found = rgb_of_planar(np.ascontiguousarray(fit.cut(planar_of(scaled))), (32, 24)).astype(float)
    x, y, width, height = crop or (0, 0, *size)
    # The largest part of the grid's aspect in the middle of the crop.
    scale = max(32 / width, 24 / height)
    part_width, part_height = 32 / scale, 24 / scale
    left, top = x + (width - part_width) / 2, y + (height - part_height) / 2
    matrix = np.array([[part_width / 32, 0, left], [0, part_height / 24, top]])
    expected = cv2.warpAffine(
        cv2.blur(picture, (max(int(1 / scale), 1),) * 2),
        matrix,
        (32, 24),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    assert np.abs(found - expected)[2:-2, 2:-2].mean() < 8
    assert np.abs(found - expected[:, ::-1])[2:-2, 2:-2].mean() > 12


@pytest.mark.parametrize("crop", [[-1, 0, 10, 10], [0, 0, 641, 10], [0, 470, 10, 11], [0, 0, 0, 10]])
def test_a_crop_outside_the_picture_is_refused(crop):
    with pytest.raises(ValueError, match="leaves the picture"):
        fit_picture((640, 480), image_px=(64, 48), crop_px=crop)


def test_colours_come_back_from_planar_pictures():
    picture = smooth_picture(64, 48)
    found = rgb_of_planar(planar_of(picture), (32, 24)).astype(float)
    expected = picture.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(found - expected).mean() < 2.5


def test_the_mean_frame_is_rounded_to_the_nearest():
    rgb = np.random.default_rng(0).integers(0, 256, (12, 3, 4, 3)).astype(np.uint8)
    found = MeanFrames(rgb, np.array([0, 5]), 7)
    for window, first in enumerate((0, 5)):
        exact = rgb[first : first + 7].astype(np.float64).mean(axis=0)
        np.testing.assert_array_equal(found[window], np.floor(exact + 0.5).astype(np.uint8))
