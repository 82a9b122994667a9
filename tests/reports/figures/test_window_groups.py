import numpy as np
import pytest

from detach_core.foundation.errors import ContractError
from detach_core.reports.figures.feature_map import by_class, by_place, by_sensor

CHANNELS = ("Ktch_B4_Cupboard", "Ktch_Motion_1", "Ktch_Motion_2", "Ktch_T1_Cupboard")


def sensor_of(*on, length=20):
    """A window that is on in the given (channel, first, end) spans."""
    window = np.zeros((4, length), np.float32)
    for channel, first, end in on:
        window[channel, first:end] = 1.0
    return window


def sensors(made, *windows):
    count = made.windows().num_windows
    sensor = np.zeros((count, 4, 20), np.float32)
    sensor[: len(windows)] = windows
    return by_sensor(made.windows(sensor=sensor, channel_names=CHANNELS))


def names_of(groups, count):
    return [groups.names[k] for k in groups.group[:count]]


def test_a_class_is_its_fixture_and_its_action(made):
    windows = made.windows()
    groups = by_class(windows)
    assert groups.names == ("Fridge", "Door 1")
    found = {
        (windows.class_names[label], groups.names[group], groups.action_name(action))
        for label, group, action in zip(windows.label, groups.group, groups.action, strict=True)
    }
    assert found == {
        ("Open Fridge", "Fridge", "Open"),
        ("Close Fridge", "Fridge", "Close"),
        ("Open Door 1", "Door 1", "Open"),
    }


def test_a_window_without_a_label_is_in_no_group(made):
    label = made.windows().label.copy()
    label[5] = -1
    groups = by_class(made.windows(label=label))
    assert groups.group[5] == groups.action[5] == -1


def test_classes_that_do_not_open_or_close_are_groups_themselves(made):
    windows = made.windows(class_names=("tea", "cereals", "tidy"))
    groups = by_class(windows)
    assert groups.names == ("tea", "cereals", "tidy")
    assert (groups.group == windows.label).all()
    assert (groups.action == -1).all()
    assert groups.action_name(-1) == ""


def test_a_place_is_what_the_windows_know_and_the_line_says_from_where(made):
    location = np.arange(72, dtype=np.int32) % 3 - 1
    groups = by_place(made.windows(location=location, location_source="active switch"))
    assert (groups.group == location).all()
    assert groups.names == ("Fridge", "Door 1")
    assert groups.origin == "places: active switch"


def test_windows_of_unknown_place_cannot_be_coloured_by_it(made):
    with pytest.raises(ContractError, match=r"location: found none known.*by class or by sensor"):
        by_place(made.windows())


def test_an_open_cupboard_comes_before_motion_sensors(made):
    groups = sensors(made, sensor_of((0, 5, 6), (1, 0, 20), (2, 0, 20)))
    assert names_of(groups, 2) == ["B4 Cupboard", "none"]


def test_of_motion_sensors_the_later_one_counts_even_if_the_other_is_on_for_longer(made):
    groups = sensors(made, sensor_of((1, 0, 20), (2, 5, 7)), sensor_of((1, 0, 20)))
    assert names_of(groups, 2) == ["Motion 2", "Motion 1"]


def test_of_open_cupboards_the_one_that_changes_most_counts_then_the_one_that_is_open_longest(made):
    changing = sensor_of((0, 0, 20), (3, 5, 6))
    longest = sensor_of((0, 3, 8), (3, 3, 18))
    groups = sensors(made, changing, longest)
    assert names_of(groups, 2) == ["T1 Cupboard", "T1 Cupboard"]
    assert names_of(sensors(made, sensor_of((0, 3, 18), (3, 3, 8))), 1) == ["B4 Cupboard"]


def test_sensors_that_are_not_on_or_off_cannot_be_contexts(made):
    with pytest.raises(ContractError, match=r"expected on/off sensors alone"):
        by_sensor(made.windows())
