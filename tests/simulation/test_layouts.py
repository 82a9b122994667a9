"""Properties that the layout of every simulated home has."""

import numpy as np
import pytest

from detach_core.simulation.hwu_usp.layout import hwu_home
from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.surfaces import Projection

# Home -> the farthest that a handle may be from the person who uses it (m).
REACH_M = {opportunity_home: 1.0, hwu_home: 1.1}
MIDDLE = np.array([[0.5, 0.5]])


@pytest.mark.parametrize("make_home", REACH_M)
def test_the_camera_sees_every_fixture_when_it_is_open(make_home):
    home = make_home()
    for name, fixture in home.fixtures.items():
        column, row = Projection(home.camera, 160, 120).project(fixture.points(MIDDLE, 0.8))[0]
        assert 2 < column < 158, name
        assert 2 < row < 118, name


@pytest.mark.parametrize("make_home", REACH_M)
def test_a_person_stands_free_and_can_reach_every_handle(make_home):
    home = make_home()
    for fixture in home.fixtures.values():
        x, y = fixture.stand_xy
        for box in home.boxes:
            outside = (max(box.low[0] - x, 0, x - box.high[0]), max(box.low[1] - y, 0, y - box.high[1]))
            assert not box.solid or np.hypot(*outside) > 0.3, (fixture.name, box.name)
        for opening in (0.0, 0.5, 1.0):
            assert np.hypot(*(fixture.handle(opening)[:2] - (x, y))) < REACH_M[make_home], fixture.name
