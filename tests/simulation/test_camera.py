from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from detach_core.simulation.camera import frame_times, render_frames, render_video
from detach_core.simulation.hwu_home import hwu_home
from detach_core.simulation.opportunity_home import opportunity_home

NOISY = {"noise_sd": 2.5, "flicker": 0.01, "light_drift": 0.05, "exposure_wobble": 0.03, "daylight": 0.2}
SIZE = {"width_px": 160, "height_px": 120}


def _frames(trace, home, knobs, seed=0, **changes):
    arguments = SIZE | {"rate_hz": 10.0, "knobs": knobs, "generator": np.random.default_rng(seed)} | changes
    return np.stack(list(render_frames(trace, home, **arguments)))


@pytest.mark.parametrize(("home", "rate_hz"), [(opportunity_home(), 10), (hwu_home(), 25)], ids=["opportunity", "hwu"])
def test_the_file_has_the_native_rate_size_and_number_of_frames(hand_made_trace, quiet_knobs, tmp_path, home, rate_hz):
    path = tmp_path / "video.mp4"
    trace = hand_made_trace(home, duration_s=2.0)
    render_video(trace, home, path, rate_hz=rate_hz, knobs=quiet_knobs, generator=np.random.default_rng(0), **SIZE)
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
    render_video(trace, home, path, rate_hz=10, knobs=quiet_knobs, generator=np.random.default_rng(0), **SIZE)
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
        render_video(trace, home, path, rate_hz=10, knobs=quiet_knobs | NOISY, generator=generator, **SIZE)
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
    still = _frames(trace, home, quiet_knobs | {"curtain": 0.0, "plant": 0.0})
    assert (moving != moving[0]).any()
    assert (still == still[0]).all()


def test_blur_takes_the_detail_away(hand_made_trace, quiet_knobs):
    trace = hand_made_trace(hwu_home())
    sharp, blurred = (_frames(trace, hwu_home(), quiet_knobs | {"blur_px": sd})[0].astype(float) for sd in (0.0, 3.0))
    assert np.abs(np.diff(blurred, axis=1)).mean() < 0.5 * np.abs(np.diff(sharp, axis=1)).mean()


def test_a_missing_knob_is_not_guessed(hand_made_trace, quiet_knobs):
    del quiet_knobs["flicker"]
    with pytest.raises(KeyError, match="flicker"):
        _frames(hand_made_trace(opportunity_home()), opportunity_home(), quiet_knobs)
