from __future__ import annotations

import pytest

from detach_core.config.errors import ConfigError, validated
from detach_core.simulation.hwu_usp.settings import HwuHomeSettings


@pytest.mark.parametrize(
    ("group", "knob", "value", "message"),
    [
        ("motion_sensors", "hold_s", 11, "home.motion_sensors.hold_s: must be <= 10, got 11"),
        ("motion_sensors", "hold", 1, "home.motion_sensors.hold: unknown key, did you mean `hold_s`?"),
        ("motion_sensors", "widen_m", 1.6, "home.motion_sensors.widen_m: must be <= 1.5, got 1.6"),
        ("routine", "length_s", 5, "home.routine.length_s: must be > 5, got 5"),
        ("routine", "visits", 2.5, "home.routine.visits: must be a whole number, got 2.5"),
        ("video", "daylight", None, "home.video.daylight: must be a number, got None"),
    ],
)
def test_values_beyond_the_range_and_unknown_knobs_are_refused(homes, group, knob, value, message):
    homes["hwu_usp"][group][knob] = value
    with pytest.raises(ConfigError) as refused:
        validated(HwuHomeSettings, homes["hwu_usp"], ["home"])
    (line,) = refused.value.lines
    assert line.startswith(message)


def test_a_knob_in_which_the_homes_differ_has_no_default(homes):
    del homes["hwu_usp"]["handling"]["regrip"], homes["hwu_usp"]["clocks"]
    with pytest.raises(ConfigError) as refused:
        validated(HwuHomeSettings, homes["hwu_usp"])
    assert sorted(refused.value.lines) == ["clocks: missing", "handling.regrip: missing"]
