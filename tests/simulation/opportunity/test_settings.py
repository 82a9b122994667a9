from __future__ import annotations

import pytest

from detach_core.config.errors import ConfigError, validated
from detach_core.simulation.opportunity.settings import OpportunityHomeSettings


@pytest.mark.parametrize(
    ("group", "knob", "value", "message"),
    [
        ("switches", "missed", 0.06, "home.switches.missed: must be <= 0.05, got 0.06"),
        ("accelerometers", "noise_mg", 61, "home.accelerometers.noise_mg: must be <= 60, got 61"),
        ("clocks", "label_jitter_s", 0.31, "home.clocks.label_jitter_s: must be <= 0.3, got 0.31"),
        ("handling", "left_open", 1.1, "home.handling.left_open: must be <= 0.8, got 1.1"),
        ("handling", "slam", "0.2", "home.handling.slam: must be a number, got '0.2' (for YAML this is text: write"),
        ("switches", "failed", 0.31, "home.switches.failed: must be <= 0.3, got 0.31"),
        ("switches", "failed_part", 0, "home.switches.failed_part: must be > 0, got 0"),
        ("accelerometers", "row_cross_talk", 0.5, "home.accelerometers.row_cross_talk: must be <= 0.4, got 0.5"),
        (
            "drawers",
            "switches",
            "some",
            "home.drawers.switches: must be 'each', 'closed', 'shared' or 'none', got 'some'",
        ),
        ("drawers", "lean_rad", -0.1, "home.drawers.lean_rad: must be >= 0, got -0.1"),
        ("video", "image_px", [160], "home.video.image_px: must have at least 2 entries, got 1"),
        ("video", "qscale", 0, "home.video.qscale: must be >= 1, got 0"),
        ("switches", "mised", 0.0, "home.switches.mised: unknown key, did you mean `missed`?"),
        ("takes", "Drill", {"script": "dril", "length_s": 30, "rounds": 1}, "home.takes.Drill.script: must be 'drill'"),
    ],
)
def test_values_beyond_the_range_and_unknown_knobs_are_refused(homes, group, knob, value, message):
    homes["opportunity"].setdefault(group, {})[knob] = value
    with pytest.raises(ConfigError) as refused:
        validated(OpportunityHomeSettings, homes["opportunity"], ["home"])
    (line,) = refused.value.lines
    assert line.startswith(message)
