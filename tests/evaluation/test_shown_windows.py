from dataclasses import replace

import numpy as np
import pytest

from detach_core.evaluation.activation_maps import choose_windows
from detach_core.foundation.errors import ContractError, UserError
from tests.fixtures.artifacts import make_windows as _MAKE


@pytest.fixture
def make_windows():
    return _MAKE


def choose(windows, ids, moving, classes):
    return choose_windows(windows, ids, moving, classes=classes, part="held_out", path="split.json").tolist()


def gestures(windows, label):
    """Windows of each gesture of a class, three a gesture in the hand-made home."""
    ids = np.flatnonzero(windows.label == label)
    return [ids[windows.instance[ids] == instance] for instance in np.unique(windows.instance[ids])]


def test_the_middle_of_the_gesture_with_the_median_motion_is_shown(make_windows):
    windows = make_windows()
    ids = np.arange(windows.num_windows)
    moving = np.full(len(ids), 0.5)
    of_class = gestures(windows, 1)
    for rank, gesture in enumerate(of_class):
        moving[gesture] = 0.01 * (rank + 1)
    middle = of_class[(len(of_class) - 1) // 2][1]
    assert choose(windows, ids, moving, [windows.class_names[1]]) == [middle]


def test_gestures_in_which_nothing_moves_are_passed_over(make_windows):
    windows = make_windows()
    ids = np.arange(windows.num_windows)
    moving = np.zeros(len(ids))
    last = gestures(windows, 2)[-1]
    moving[last] = 0.1
    assert choose(windows, ids, moving, [windows.class_names[2]]) == [last[1]]


def test_the_middle_is_that_of_the_whole_gesture_also_where_a_part_holds_some_of_it(make_windows):
    windows = make_windows()
    gesture = gestures(windows, 0)[0]
    ids = gesture[[0, 2]]
    shifted = windows.start_s.copy()
    shifted[gesture] = [0.0, 1.0, 1.5]
    changed = replace(windows, start_s=shifted)
    assert choose(changed, ids, np.array([0.1, 0.1]), [windows.class_names[0]]) == [gesture[2]]


def test_of_a_sequence_the_busiest_window_with_a_sensor_in_use_is_shown(make_windows):
    windows = make_windows("recording")
    ids = np.flatnonzero(windows.recording == 1)
    name = windows.class_names[windows.label[ids[0]]]
    location = np.full(windows.num_windows, 1, dtype=np.int32)
    location[ids[[2, 4]]] = 0
    windows = replace(windows, location=location, location_names=("cupboard", "none"))
    moving = np.array([0.9, 0.1, 0.2, 0.1, 0.3, 0.1])
    assert choose(windows, ids, moving, [name]) == [ids[4]]
    nowhere = replace(windows, location=np.full(windows.num_windows, -1, dtype=np.int32))
    assert choose(nowhere, ids, moving, [name]) == [ids[0]]


def test_rows_follow_the_classes_that_are_asked_for(make_windows):
    windows = make_windows()
    ids, names = np.arange(windows.num_windows), windows.class_names
    chosen = choose(windows, ids, np.full(len(ids), 0.1), [names[2], names[0]])
    assert windows.label[chosen].tolist() == [2, 0]


def test_a_class_that_the_dataset_lacks_is_named_with_those_it_has(make_windows):
    windows = make_windows()
    with pytest.raises(UserError, match=rf"found 'Fly', expected classes of .*{windows.class_names[0]}"):
        choose(windows, np.arange(5), np.ones(5), ["Fly"])


def test_a_class_without_windows_in_the_part_is_named_with_those_that_have_some(make_windows):
    windows = make_windows()
    ids = np.flatnonzero(windows.label == 0)
    with pytest.raises(ContractError) as caught:
        choose(windows, ids, np.ones(len(ids)), [windows.class_names[1]])
    text = str(caught.value)
    assert text.startswith("split.json: parts/held_out: found none, expected windows of " + windows.class_names[1])
    assert f"({windows.class_names[0]})" in text


def test_a_class_in_which_nothing_moves_is_refused(make_windows):
    windows = make_windows()
    with pytest.raises(ContractError, match="windows in which nothing moves"):
        choose(windows, np.arange(windows.num_windows), np.zeros(windows.num_windows), [windows.class_names[0]])
