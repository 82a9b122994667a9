from __future__ import annotations

import numpy as np

from detach_core.simulation.opportunity.layout import opportunity_home

NAMES = ["Fridge", "Dishwasher", "Drawer 1", "Drawer 2", "Drawer 3", "Door 1", "Door 2"]


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


def test_no_leaf_swings_through_the_person():
    for fixture in opportunity_home().fixtures.values():
        edge = np.stack([np.linspace(0, 1, 9), np.full(9, 0.5)], axis=1)
        for opening in np.linspace(0, 1, 9):
            nearest = np.hypot(*(fixture.points(edge, opening)[:, :2] - fixture.stand_xy).T).min()
            assert nearest > 0.2, (fixture.name, opening)
