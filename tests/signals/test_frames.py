from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detach_core.signals.frames import MeanFrames, fit_picture, nearest_pictures, num_ticks, rgb_of_planar


def planar_of(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)


def smooth_picture(width, height, seed=0):
    coarse = np.random.default_rng(seed).integers(30, 220, (5, 7, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def ticks_of(times, *, working_hz, interval_s):
    """The number of the picture that each tick takes."""
    times = [Fraction(time_s).limit_denominator(10**6) for time_s in times]
    ticks = num_ticks(times[-1], interval_s=Fraction(interval_s).limit_denominator(10**6), working_hz=working_hz)
    found = list(nearest_pictures(zip(times, range(len(times)), strict=True), working_hz=working_hz, ticks=ticks))
    assert sum(count for _, count in found) == ticks
    return [number for number, count in found for _ in range(count)]


@pytest.mark.parametrize(
    ("native_hz", "working_hz", "expected"),
    [(10, 5, [0, 2, 4, 6, 8]), (25, 10, [0, 3, 5, 8]), (10, 10, list(range(10))), (25, 5, [0, 5]), (10, 20, None)],
)
def test_each_tick_takes_the_nearest_picture_and_of_two_the_later(native_hz, working_hz, expected):
    found = ticks_of(np.arange(10) / native_hz, working_hz=working_hz, interval_s=1 / native_hz)
    if expected is None:
        assert found == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
    else:
        assert found == expected


@given(
    start_s=st.integers(-3_000, 3_000),
    steps=st.lists(st.integers(1, 2_000), min_size=1, max_size=200),
    working_hz=st.sampled_from([2.0, 5.0, 8.0, 10.0, 12.5]),
)
def test_no_other_picture_is_nearer_to_a_tick_at_whatever_rate(start_s, steps, working_hz):
    times = (start_s + np.cumsum(steps)) / 1000
    if times[-1] < 0:
        return
    found = ticks_of(times, working_hz=working_hz, interval_s=0.1)
    ticks = np.arange(len(found)) / working_hz
    distances = np.abs(times[None] - ticks[:, None])
    np.testing.assert_allclose(distances[np.arange(len(found)), found], distances.min(axis=1), atol=1e-9)
    assert found == sorted(found)
    assert ticks[-1] < times[-1] + 0.05 + 1e-9 <= ticks[-1] + 1 / working_hz + 1e-6


def test_a_day_of_ticks_does_not_drift():
    start = Fraction(86_400)
    times = [Fraction(0), start, start + Fraction(1001, 30_000), start + Fraction(2002, 30_000)]
    found = list(nearest_pictures(zip(times, "abcd", strict=True), working_hz=30, ticks=86_400 * 30 + 3))
    assert found == [("a", 43_200 * 30), ("b", 43_200 * 30 + 1), ("c", 1), ("d", 1)]


def test_pictures_before_the_recording_are_taken_by_its_first_tick_alone():
    assert ticks_of([-0.3, -0.2, -0.1, 0.06, 0.16, 0.26], working_hz=10, interval_s=0.1) == [3, 3, 4, 5]
    assert num_ticks(Fraction(-1), interval_s=Fraction(1, 10), working_hz=10) == 0


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
