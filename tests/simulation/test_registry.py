from __future__ import annotations

from typing import Any

import pytest

from detach_core.settings.base import to_plain
from detach_core.simulation.hwu_usp.settings import HwuHomeSettings
from detach_core.simulation.opportunity.settings import OpportunityHomeSettings
from detach_core.simulation.registry import HOMES, build_simulation, home_settings, native_files


class MyHome:
    """A home of somebody else's."""

    settings_type = HwuHomeSettings

    def __init__(self, knobs, *, native, classes):
        self.knobs, self.native, self.classes = knobs, native, classes


@pytest.mark.parametrize("name", [*HOMES])
def test_each_home_is_built_from_its_own_settings(name, demo_datasets):
    section = demo_datasets[name]
    settings = home_settings(name, section["home"])
    assert type(settings) is {"opportunity": OpportunityHomeSettings, "hwu_usp": HwuHomeSettings}[name]
    simulation: Any = build_simulation(
        name, settings=settings, native=native_files(section["native"]), classes=section["classes"]
    )
    assert [type(simulation)] == [HOMES.implementation(name)]
    assert simulation.knobs == settings


def test_a_home_of_another_package_is_found_by_its_place(demo_datasets):
    section, name = demo_datasets["hwu_usp"], f"{__name__}:MyHome"
    settings = home_settings(name, section["home"])
    native = native_files(section["native"])
    simulation: Any = build_simulation(name, settings=settings, native=native, classes=["tea"])
    assert (simulation.knobs, simulation.native, simulation.classes) == (settings, native, ["tea"])


@pytest.mark.parametrize("name", ["my_home", "Opportunity", ""])
def test_an_unknown_home_is_refused(name):
    with pytest.raises(LookupError, match=f"unknown simulated home '{name}'; known are opportunity, hwu_usp"):
        home_settings(name, {})


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("switches", {"mised": 0.01}, "switches: unknown mised; known are missed"),
        ("tags", {"lost": "a few"}, "tags.lost: expected float, found 'a few'"),
        ("video", {"image_px": [160, 120.5]}, r"image_px\[1\]: expected int, found 120.5"),
    ],
)
def test_settings_that_a_home_does_not_know_are_refused(section, changes, message, demo_datasets):
    home = demo_datasets["opportunity"]["home"]
    with pytest.raises(TypeError, match=message):
        home_settings("opportunity", home | {section: home[section] | changes})


def test_settings_go_through_plain_values_unchanged(demo_datasets):
    for name in HOMES:
        settings = home_settings(name, demo_datasets[name]["home"])
        assert home_settings(name, to_plain(settings)) == settings
