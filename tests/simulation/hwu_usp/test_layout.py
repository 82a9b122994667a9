from __future__ import annotations

import numpy as np

from detach_core.simulation.hwu_usp.layout import hwu_home

NAMES = ["B1_Drawer", *(f"B{unit}_Cupboard" for unit in (2, 3, 4)), *(f"T{unit}_Cupboard" for unit in (1, 2, 3, 4))]


def test_the_base_and_top_units_stand_in_an_l():
    home = hwu_home()
    assert list(home.fixtures) == NAMES
    assert set(home.places) >= {"kettle", "sink", "table", "fridge", "sofa", "door"}
    normals = {name: tuple(np.round(fixture.normal).astype(int)) for name, fixture in home.fixtures.items()}
    assert normals["B4_Cupboard"] == normals["T4_Cupboard"] == (-1, 0, 0)
    assert {normals[name] for name in NAMES if "4" not in name} == {(0, -1, 0)}
    assert all((home.fixtures[name].origin[2] > 1) == name.startswith("T") for name in NAMES)


def test_motion_sensors_see_the_two_legs_of_the_kitchen():
    home = hwu_home()
    assert list(home.motion_sensors) == ["Ktch_Motion_1", "Ktch_Motion_2"]

    def seen_by(name, place):
        x, y, radius = home.motion_sensors[name]
        return np.hypot(place[0] - x, place[1] - y) < radius

    assert seen_by("Ktch_Motion_1", home.fixtures["T1_Cupboard"].stand_xy)
    assert seen_by("Ktch_Motion_2", home.fixtures["B4_Cupboard"].stand_xy)
    assert not seen_by("Ktch_Motion_2", home.fixtures["T1_Cupboard"].stand_xy)
    assert not any(seen_by(name, home.places["sofa"]) for name in home.motion_sensors)
