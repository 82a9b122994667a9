from __future__ import annotations

import numpy as np

from detach_core.contracts.recording import Places
from detach_core.windows.packing import locate_windows

SENSOR = np.zeros((3, 2, 10), np.float32)
SENSOR[1, 1, 5:] = 1.0
LABEL = np.array([0, 1, -1])
PLACES = Places(names=("Fridge", "Door"), of_class=(1, -1), channels=((0,), (1,)))
NO_CLASS_PLACES = Places(names=("Fridge", "Door"), of_class=(-1, -1), channels=((0,), (1,)))


def test_the_truth_comes_first_and_nowhere_is_a_place():
    found = locate_windows(SENSOR, LABEL, truth=np.array([0, -1, 0]), truth_names=("Sink",), places=PLACES)
    assert found[0].tolist() == [0, 1, 0]
    assert found[1:] == (("Sink", "none"), "simulation truth")


def test_without_truth_the_class_tells_the_place_and_what_it_does_not_tell_is_unknown():
    location, names, source = locate_windows(SENSOR, LABEL, truth=None, truth_names=(), places=PLACES)
    assert location.tolist() == [1, -1, -1]
    assert (names, source) == (("Fridge", "Door"), "label")


def test_where_classes_tell_no_place_the_active_sensor_does():
    location, names, source = locate_windows(SENSOR, LABEL, truth=None, truth_names=(), places=NO_CLASS_PLACES)
    assert location.tolist() == [2, 1, 2]
    assert (names, source) == (("Fridge", "Door", "none"), "active switch")


def test_a_home_without_named_places_leaves_the_location_unknown():
    empty = Places(names=(), of_class=(-1, -1), channels=())
    location, names, source = locate_windows(SENSOR, LABEL, truth=None, truth_names=(), places=empty)
    assert location.tolist() == [-1, -1, -1]
    assert (names, source) == ((), "unknown")
