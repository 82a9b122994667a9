from detach_core.evaluation.dataset_statistics import sensor_types


def test_the_axes_of_an_accelerometer_are_one_sensor():
    names = [f"Accelerometer {place} acc{axis}" for place in ("DOOR1", "DOOR2") for axis in "XYZ"]
    assert sensor_types(names, ["milli g"] * 6) == {"accelerometer": 2}


def test_switches_of_one_place_are_counted_one_by_one():
    names = ["REED SWITCH FRIDGE S1", "REED SWITCH FRIDGE S2", "REED SWITCH UPPERDRAWER"]
    assert sensor_types(names, ["logical (0/1)"] * 3) == {"logic switch": 3}


def test_motion_sensors_are_told_by_their_name_and_the_rest_is_called_other():
    names = ["Ktch_B4_Cupboard", "Ktch_Motion_1", "Ktch_Motion_2", "TP_L_Power"]
    units = ["logical", "logical", "logical", "W"]
    expected = {"logic switch": 1, "logic motion sensor": 2, "other sensor": 1}
    assert sensor_types(names, units) == expected
