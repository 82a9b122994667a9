from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass

import pytest

from detach_core.config.errors import validated
from detach_core.config.schema import settings_schema
from detach_core.settings.base import to_plain
from detach_core.simulation.registry import HOMES, CameraSettings, native_files


@pytest.mark.parametrize("name", [*HOMES])
def test_the_shipped_homes_are_inside_their_physical_ranges(homes, name):
    assert to_plain(validated(HOMES.settings(name), homes[name])) == homes[name]


@pytest.mark.parametrize("name", [*HOMES])
def test_a_knob_that_is_left_out_keeps_the_shipped_value(homes, name):
    shipped = validated(HOMES.settings(name), homes[name])
    short = {key: {} if isinstance(value, dict) and key != "takes" else value for key, value in homes[name].items()}
    for key in short:
        kind = type(getattr(shipped, key))
        if is_dataclass(kind):
            short[key] = {one.name: homes[name][key][one.name] for one in fields(kind) if one.default is MISSING}
    assert validated(HOMES.settings(name), short) == shipped


@pytest.mark.parametrize("name", [*HOMES])
def test_every_knob_gives_its_reason(name):
    schema = settings_schema(HOMES.settings(name))
    assert sum(len(one["properties"]) for one in schema["$defs"].values()) > 25
    for section in (schema, *schema["$defs"].values()):
        knobs = {key: one for key, one in section["properties"].items() if "$ref" not in one}
        assert [key for key, one in knobs.items() if "description" not in one] == []


def test_only_curtain_and_plant_sway():
    assert (CameraSettings(curtain=0.2).sway("curtain"), CameraSettings(plant=0.3).sway("plant")) == (0.2, 0.3)
    with pytest.raises(KeyError):
        CameraSettings().sway("table")


def test_of_a_native_section_only_rates_and_channels_count():
    native = native_files({"sensor_hz": 50, "video_hz": 25.0, "channels": ["a"], "time_column": "t"})
    assert (native.sensor_hz, native.video_hz, native.channels) == (50.0, 25.0, ("a",))
    with pytest.raises(TypeError, match="sensor_hz"):
        native_files({"sensor_hz": "50", "video_hz": 25.0})
