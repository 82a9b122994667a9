from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from detach_core.simulation.camera import Grain, Light, frame_times, render_frames, render_video
from detach_core.simulation.hwu_usp.layout import hwu_home
from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.scene import Scene, sun_patch

TIMES = np.arange(3000) / 10


def test_quiet_light_leaves_a_frame_as_it_is(quiet_knobs):
    light = Light(quiet_knobs, TIMES, np.random.default_rng(0))
    frame = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(light.apply(frame, 5), frame)
    assert (light.daylight == 0).all()


def test_each_knob_sets_its_own_spread(quiet_knobs):
    def gain(**knobs):
        return Light(replace(quiet_knobs, **knobs), TIMES, np.random.default_rng(0)).gain[:, 1]

    assert gain(flicker=0.01).std() == pytest.approx(0.01, rel=0.1)
    assert gain(exposure_wobble=0.03).std() == pytest.approx(0.03, rel=0.3)
    drift = gain(light_drift=0.06)
    assert 0.005 < drift.std() < 0.06
    assert np.abs(np.diff(drift)).max() < 0.002


def test_flicker_is_fast_and_exposure_slow(quiet_knobs):
    def memory(**knobs):
        gain = Light(replace(quiet_knobs, **knobs), TIMES, np.random.default_rng(0)).gain[:, 1]
        return np.corrcoef(gain[1:], gain[:-1])[0, 1]

    assert abs(memory(flicker=0.01)) < 0.1
    assert memory(exposure_wobble=0.03) > 0.9


def test_grain_has_its_deviation_and_changes_from_frame_to_frame():
    grain = Grain(3.0, 64, 48, 10, np.random.default_rng(0))
    frame = np.full((48, 64, 3), 128, np.uint8)
    first, second = (grain.apply(frame, index).astype(float) for index in (0, 1))
    assert first.std() == pytest.approx(3.0, rel=0.05)
    assert first.mean() == pytest.approx(128.0, abs=0.3)
    assert (first != second).mean() > 0.5


def test_the_sun_comes_through_the_pane_and_not_without_one():
    home = opportunity_home()
    scene = Scene(home, 160, 120)
    glass = next(box for box in home.boxes if box.name == "glass panel")
    patch = sun_patch(glass, scene.projection, scene.depth)[..., 2]
    points = scene.projection.position + scene.depth[..., None] * scene.projection.rays
    lit = points[patch > 0.9]
    assert len(lit) > 30
    assert lit[:, 0].max() < glass.low[0]
    assert not sun_patch(None, scene.projection, scene.depth).any()


NOISY = {"noise_sd": 2.5, "flicker": 0.01, "light_drift": 0.05, "exposure_wobble": 0.03, "daylight": 0.2}


def _frames(trace, home, settings, seed=0, **changes):
    arguments = {"rate_hz": 10.0, "settings": settings, "generator": np.random.default_rng(seed)} | changes
    return np.stack(list(render_frames(trace, home, **arguments)))


@pytest.mark.parametrize(("home", "rate_hz"), [(opportunity_home(), 10), (hwu_home(), 25)], ids=["opportunity", "hwu"])
def test_the_file_has_the_native_rate_size_and_number_of_frames(hand_made_trace, quiet_knobs, tmp_path, home, rate_hz):
    path = tmp_path / "video.mp4"
    trace = hand_made_trace(home, duration_s=2.0)
    render_video(trace, home, path, rate_hz=rate_hz, settings=quiet_knobs, generator=np.random.default_rng(0))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(video=0))
        assert stream.codec_context.name == "mpeg4"
        assert stream.average_rate == Fraction(rate_hz)
    assert len(frames) == 2 * rate_hz
    assert [round(frame.time * rate_hz) for frame in frames] == list(range(2 * rate_hz))
    assert frames[0].to_ndarray(format="bgr24").shape == (120, 160, 3)
    assert list(tmp_path.iterdir()) == [path]


def test_decoded_pixels_are_the_rendered_ones_but_for_compression(hand_made_trace, quiet_knobs, tmp_path):
    home, path = opportunity_home(), tmp_path / "video.mp4"
    trace = hand_made_trace(home, opening={"Fridge": (0.0, 1.0)})
    drawn = _frames(trace, home, quiet_knobs)
    render_video(trace, home, path, rate_hz=10, settings=quiet_knobs, generator=np.random.default_rng(0))
    with av.open(str(path)) as container:
        decoded = np.stack([frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)])
    assert np.abs(decoded.astype(int) - drawn).mean() < 5


def test_the_same_arguments_give_the_same_bytes(hand_made_trace, quiet_knobs, tmp_path):
    home = opportunity_home()
    trace = hand_made_trace(home, opening={"Drawer 3": (0.0, 1.0)}, distractor={"curtain": 0.7, "passer_by": 0.4})
    contents = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        path = tmp_path / f"{name}.mp4"
        generator = np.random.default_rng(seed)
        render_video(trace, home, path, rate_hz=10, settings=replace(quiet_knobs, **NOISY), generator=generator)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_a_person_before_the_drawer_hides_its_opening(hand_made_trace, plain_home, quiet_knobs):
    opening = {"Drawer": (0.0, 0.6)}

    def change(position):
        frames = _frames(hand_made_trace(plain_home, position=position, opening=opening), plain_home, quiet_knobs)
        return int((np.abs(frames[-1].astype(int) - frames[0]) > 20).any(axis=-1).sum())

    beside, before = change((0.4, 3.0)), change((2.0, 1.1))
    assert beside > 30
    assert before < 0.5 * beside


def test_frames_stop_before_the_traces_end(hand_made_trace):
    trace = hand_made_trace(opportunity_home(), duration_s=1.05, rate_hz=20.0)
    np.testing.assert_allclose(frame_times(trace, 10.0), np.arange(11) / 10)
    np.testing.assert_allclose(frame_times(hand_made_trace(opportunity_home()), 10.0), np.arange(10) / 10)


def test_nothing_moves_in_a_still_quiet_room(hand_made_trace, quiet_knobs):
    frames = _frames(hand_made_trace(opportunity_home()), opportunity_home(), quiet_knobs)
    assert (frames == frames[0]).all()


def test_distractors_move_and_their_knobs_switch_them_off(hand_made_trace, quiet_knobs):
    home = opportunity_home()
    trace = hand_made_trace(home, duration_s=2.0, distractor={"curtain": 1.0, "plant": 1.0})
    moving = _frames(trace, home, quiet_knobs)
    still = _frames(trace, home, replace(quiet_knobs, **{"curtain": 0.0, "plant": 0.0}))
    assert (moving != moving[0]).any()
    assert (still == still[0]).all()


def test_blur_takes_the_detail_away(hand_made_trace, quiet_knobs):
    trace = hand_made_trace(hwu_home())
    sharp, blurred = (
        _frames(trace, hwu_home(), replace(quiet_knobs, **{"blur_px": sd}))[0].astype(float) for sd in (0.0, 3.0)
    )
    assert np.abs(np.diff(blurred, axis=1)).mean() < 0.5 * np.abs(np.diff(sharp, axis=1)).mean()
