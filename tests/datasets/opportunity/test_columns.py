from __future__ import annotations

from detach_core.datasets.opportunity.text import (
    FIXTURES,
    GESTURES,
    ambient_columns,
    fixture_of_channel,
    fixture_of_gesture,
)


def test_there_are_13_switches_and_seven_or_eight_accelerometers():
    columns = ambient_columns(deckchair=False)
    assert len(columns) == 34
    assert sum(unit == "logical" for _, unit in columns.values()) == 13
    assert len(ambient_columns(deckchair=True)) == 37


def test_the_documented_columns_are_taken():
    columns = ambient_columns(deckchair=False)
    numbers = [number for number, _ in columns.values()]
    assert numbers == [*range(195, 211), *range(214, 232)]
    assert columns["REED SWITCH UPPERDRAWER"][0] == 204
    assert columns["Accelerometer FRIDGE accZ"] == (231, "milli g")
    assert ambient_columns(deckchair=True)["Accelerometer LAZYCHAIR accX"][0] == 211


def test_every_used_channel_has_a_fixture_and_every_fixture_an_accelerometer():
    columns = ambient_columns(deckchair=True)
    fixtures = {name: fixture_of_channel(name) for name in columns}
    assert {name for name, fixture in fixtures.items() if fixture is None} == {
        f"Accelerometer LAZYCHAIR acc{axis}" for axis in "XYZ"
    }
    assert set(fixtures.values()) - {None} == set(FIXTURES)
    assert fixtures["REED SWITCH MIDDLEDRAWER S2"] == "Drawer 2"


def test_the_14_classes_are_two_for_each_of_the_seven_fixtures():
    fixtures = [fixture_of_gesture(name) for name in GESTURES.values()]
    assert len(GESTURES) == 17
    assert sorted(name for name in fixtures if name) == sorted(2 * list(FIXTURES))
    assert fixture_of_gesture("Clean Table") is None
