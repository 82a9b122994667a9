import numpy as np
import pytest

from detach_core.evaluation.evaluate import relabelled
from detach_core.foundation.errors import ContractError
from tests.fixtures.artifacts import make_windows

NAMES = ("Open Fridge", "Open Door 1", "Close Fridge")


def test_place_and_action_are_what_the_dataset_declares():
    windows = make_windows(class_names=NAMES)
    place, action = relabelled(windows, "place"), relabelled(windows, "action")
    assert place.class_names == ("Fridge", "Door 1")
    assert action.class_names == ("Open", "Close")
    for label, p, a in zip(windows.label, place.label, action.label, strict=True):
        assert NAMES[label] == f"{action.class_names[a]} {place.class_names[p]}"


def test_a_window_without_a_label_stays_without():
    label = make_windows().label.copy()
    label[5] = -1
    windows = make_windows(class_names=NAMES, label=label)
    assert relabelled(windows, "action").label[5] == -1
    assert (np.delete(relabelled(windows, "place").label, 5) >= 0).all()


def test_classes_that_name_no_place_are_refused():
    with pytest.raises(ContractError, match="Class 0"):
        relabelled(make_windows(), "place")
