import numpy as np
import pytest

from detach_core.contracts.recognizer import Channel
from detach_core.foundation.errors import UserError
from detach_core.recognition.channels import UNITS, conversion, map_channels, split_unit

CHANNELS = (Channel("wrist x", "milli g"), Channel("door", "state"), Channel("kitchen (left)", "°C"))


def test_columns_are_found_by_name_in_any_order_and_others_ignored():
    found = map_channels(CHANNELS, ["other", "kitchen (left)", "wrist x", "door"])
    np.testing.assert_array_equal(found.column, [2, 3, 1])
    assert found.ignored == ("other",)
    samples = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(found.apply(samples), samples[:, [2, 3, 1]])
    assert found.apply(samples).dtype == np.float32


@pytest.mark.parametrize(
    ("given", "wanted", "value", "expected"),
    [
        ("g", "milli g", 1.5, 1500.0),
        ("mg", "milli g", 1.5, 1.5),
        ("m/s^2", "g", 9.80665, 1.0),
        ("g", "m/s²", 2.0, 19.6133),
        ("°F", "°C", 212.0, 100.0),
        ("°C", "°F", -40.0, -40.0),
        ("K", "celsius", 273.15, 0.0),
        ("kW", "W", 0.25, 250.0),
        ("mW", "W", 1500.0, 1.5),
        ("%", "share", 55.0, 0.55),
        ("logical", "state", 1.0, 1.0),
        ("klx", "lx", 0.3, 300.0),
        ("dB(A)", "dB(A)", 41.0, 41.0),
    ],
)
def test_units_of_one_quantity_are_converted(given, wanted, value, expected):
    factor, offset = conversion(given, wanted)
    assert factor * value + offset == pytest.approx(expected)


@pytest.mark.parametrize(("given", "wanted"), [("g", "°C"), ("MW", "W"), ("furlong", "g"), ("dB", "dB(A)"), ("", "g")])
def test_other_units_have_no_conversion(given, wanted):
    assert conversion(given, wanted) is None


def test_every_unit_leads_to_itself_and_back():
    for unit, (quantity, _, _) in UNITS.items():
        for other, (same, _, _) in UNITS.items():
            if quantity == same:
                (factor, offset), (back, shift) = conversion(unit, other), conversion(other, unit)
                assert back * (factor * 3.7 + offset) + shift == pytest.approx(3.7)


def test_a_column_may_say_its_unit():
    assert split_unit("wrist x [g]", ["wrist x"]) == ("wrist x", "g")
    assert split_unit("wrist x (m/s^2)", ["wrist x"]) == ("wrist x", "m/s^2")
    assert split_unit("kitchen (left)", ["kitchen (left)"]) == ("kitchen (left)", None)
    found = map_channels(CHANNELS, ["wrist x [g]", "door", "kitchen (left) [°F]"])
    np.testing.assert_allclose(found.apply(np.array([[1.0, 1.0, 32.0]])), [[1000.0, 1.0, 0.0]], atol=1e-4)


def test_a_unit_may_be_given_beside_the_names():
    found = map_channels(CHANNELS, ["wrist x", "door", "kitchen (left)"], {"wrist x": "m/s^2"})
    np.testing.assert_allclose(found.apply(np.array([[9.80665, 0.0, 20.0]])), [[1000.0, 0.0, 20.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "units", "said"),
    [
        (["door", "kitchen (left)"], {}, "found no wrist x among door, kitchen"),
        (["wrist x", "door", "door", "kitchen (left)"], {}, "found door 2 times, expected once"),
        (["wrist x [lx]", "door", "kitchen (left)"], {}, "wrist x: found the unit 'lx', expected 'milli g'"),
        (["wrist x", "door", "kitchen (left)"], {"door": "W"}, "door: found the unit 'W', expected 'state'"),
        ([], {}, "found no wrist x, door, kitchen"),
    ],
)
def test_what_cannot_be_mapped_is_one_sentence(names, units, said):
    with pytest.raises(UserError, match="channels: ") as caught:
        map_channels(CHANNELS, names, units)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_logarithm_is_taken_of_values_in_the_unit_inside_it():
    channels, samples = (Channel("oven", "log(1 + W)"), Channel("lamp", "log(1 + lx)")), np.array([[2000.0, -3.0]])
    expected = [[np.log(2001.0), -np.log(4.0)]]
    np.testing.assert_allclose(map_channels(channels, ["oven", "lamp"]).apply(samples), expected, rtol=1e-6)
    converted = map_channels(channels, ["oven [kW]", "lamp"]).apply(np.array([[2.0, -3.0]]))
    np.testing.assert_allclose(converted, expected, rtol=1e-6)
    as_stored = map_channels(channels, ["oven", "lamp"], {"oven": "log(1 + W)", "lamp": "log(1 + lx)"})
    np.testing.assert_allclose(as_stored.apply(np.array(expected)), expected, rtol=1e-6)
    with pytest.raises(UserError, match="found the unit 'lx', expected 'W'"):
        map_channels(channels, ["oven", "lamp"], {"oven": "lx"})
