from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.surfaces import Projection

NAMES = ["Fridge", "Dishwasher", "Drawer 1", "Drawer 2", "Drawer 3", "Door 1", "Door 2"]

MIDDLE = np.array([[0.5, 0.5]])


def test_the_seven_fixtures_of_the_paper_stand_in_the_room():
    home = opportunity_home()
    assert list(home.fixtures) == NAMES
    assert set(home.places) >= {
        "fridge",
        "dishwasher",
        "drawers",
        "door1",
        "door2",
        "switch",
        "table",
        "chair",
        "deckchair",
    }


def test_doors_stand_in_the_right_wall_and_opposite_the_row():
    fixtures = opportunity_home().fixtures
    np.testing.assert_allclose(fixtures["Door 1"].normal, (-1, 0, 0), atol=1e-12)
    np.testing.assert_allclose(fixtures["Door 2"].normal, (0, 1, 0), atol=1e-12)
    for name in NAMES[:5]:
        np.testing.assert_allclose(fixtures[name].normal, (0, -1, 0), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_camera_sees_every_fixture_when_it_is_open(name):
    home = opportunity_home()
    column, row = Projection(home.camera, 160, 120).project(home.fixtures[name].points(MIDDLE, 0.8))[0]
    assert 2 < column < 158
    assert 2 < row < 118


def test_a_person_stands_free_and_can_reach_every_handle():
    home = opportunity_home()
    for fixture in home.fixtures.values():
        x, y = fixture.stand_xy
        for box in home.boxes:
            outside = (max(box.low[0] - x, 0, x - box.high[0]), max(box.low[1] - y, 0, y - box.high[1]))
            assert not box.solid or np.hypot(*outside) > 0.3, (fixture.name, box.name)
        for opening in (0.0, 0.5, 1.0):
            assert np.hypot(*(fixture.handle(opening)[:2] - (x, y))) < 1.0, fixture.name


def test_no_leaf_swings_through_the_person():
    for fixture in opportunity_home().fixtures.values():
        edge = np.stack([np.linspace(0, 1, 9), np.full(9, 0.5)], axis=1)
        for opening in np.linspace(0, 1, 9):
            nearest = np.hypot(*(fixture.points(edge, opening)[:, :2] - fixture.stand_xy).T).min()
            assert nearest > 0.2, (fixture.name, opening)
