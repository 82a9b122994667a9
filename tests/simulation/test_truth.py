from __future__ import annotations

import dataclasses

import numpy as np

from detach_core.simulation.hwu_home import hwu_home
from detach_core.simulation.trace import Action
from detach_core.simulation.truth import active_sensor, handled_fixture, truth_arrays

HOME = hwu_home()
CHANNELS = ("Ktch_B4_Cupboard", "Ktch_Motion_1", "Ktch_Motion_2", "Ktch_T1_Cupboard")


def test_the_handled_fixture_is_named_from_grip_to_release(hand_made_trace):
    trace = dataclasses.replace(
        hand_made_trace(HOME, duration_s=4.0), actions=(Action(1.0, 2.0, "T1_Cupboard", True, "Open T1_Cupboard"),)
    )
    times_s = np.array([0.99, 1.0, 1.99, 2.0])
    assert handled_fixture(trace, times_s, ["B4_Cupboard", "T1_Cupboard"]).tolist() == [-1, 1, 1, -1]
    assert handled_fixture(trace, times_s, ["B4_Cupboard"]).tolist() == [-1, -1, -1, -1]


def test_a_cupboard_in_use_comes_before_a_motion_sensor_and_rest_is_nowhere(hand_made_trace):
    field = HOME.motion_sensors["Ktch_Motion_2"]
    walking = np.zeros(81)
    walking[20:] = 1.0
    trace = hand_made_trace(HOME, duration_s=4.0, position=field[:2], walking=walking)
    trace = dataclasses.replace(trace, actions=(Action(2.0, 3.0, "T1_Cupboard", True, "Open T1_Cupboard"),))
    assert active_sensor(trace, HOME, np.array([0.5, 1.5, 2.5, 3.5]), CHANNELS).tolist() == [-1, 2, 3, 2]


def test_arrays_give_openings_place_and_actions(drill):
    trace = drill.trace
    times_s = np.array([0.0, 10.0, 20.0])
    arrays = truth_arrays(trace, times_s)
    names = list(trace.opening)
    for name in names:
        np.testing.assert_allclose(arrays[f"opening_{name}"], trace.opening[name][[0, 1000, 2000]], rtol=1e-6)
    assert arrays["person_xy_m"].shape == (3, 2)
    first = trace.actions[0]
    assert names[arrays["action_fixture"][0]] == first.fixture
    assert arrays["action_start_s"][0] == first.start_s
    assert len(arrays["action_end_s"]) == len(arrays["action_opening"]) == len(trace.actions)
