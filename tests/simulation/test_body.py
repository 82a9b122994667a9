from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.body import Body, Stop, row
from detach_core.simulation.routine import Visit


def _stop(path, leave_s=0.0, arrive_s=2.0, **visit):
    fields = {"kind": "rest", "place": "x", "duration_s": 1.0} | visit
    return Stop(Visit(**fields), np.array(path), leave_s, arrive_s, arrive_s + 0.5, arrive_s + 1.5)


def test_a_body_is_where_its_walks_take_it():
    body = Body(1000, [_stop([[0.0, 0.0], [2.0, 0.0]]), _stop([[2.0, 0.0], [2.0, 3.0]], 4.0, 7.0)])
    assert body.place[row(3.0)] == pytest.approx([2.0, 0.0])
    assert body.place[-1] == pytest.approx([2.0, 3.0])
    assert body.heading[row(3.0)] == 0.0
    assert body.heading[-1] == pytest.approx(np.pi / 2)


def test_a_hand_follows_the_handle_and_the_body_steps_back(plain_home):
    body = Body(400, [_stop([[2.0, 2.0], [2.0, 3.0]], 0.0, 1.0)])
    opening = np.zeros(400)
    opening[150:300] = np.linspace(0, 1, 150)
    opening[300:] = 1
    fixture = plain_home.fixtures["Drawer"]
    body.handle(fixture, opening, 150, 300, turn=350)
    np.testing.assert_allclose(body.hand[299], fixture.handle(1.0), atol=1e-6)
    assert np.isnan(body.hand[[149, 300]]).all()
    body.smooth(np.random.default_rng(0))
    assert body.place[290, 1] < body.place[140, 1] - 0.04


def test_sitting_and_gestures_rise_and_fall_smoothly():
    body = Body(1000, [_stop([[0.0, 0.0], [0.0, 0.0]], 0.0, 0.0)])
    body.stay(Visit("gesture", "sofa", 3.0, seated=True), 300, 600)
    body.smooth(np.random.default_rng(0))
    for signal in (body.posture, body.gesture):
        assert signal[450] > 0.85
        assert signal[900] < 1e-3
        assert np.abs(np.diff(signal)).max() < 0.05
