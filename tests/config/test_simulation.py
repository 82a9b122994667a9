from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from detach_core.config.simulation import HwuHomeSection, OpportunityHomeSection

SECTIONS = {"opportunity": OpportunityHomeSection, "hwu_usp": HwuHomeSection}


@pytest.fixture
def homes():
    datasets = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))["datasets"]
    return {name: copy.deepcopy(datasets[name]["home"]) for name in SECTIONS}


def test_the_shipped_homes_are_inside_their_physical_ranges(homes):
    for name, section in SECTIONS.items():
        assert section.model_validate(homes[name]).model_dump() == homes[name]


@pytest.mark.parametrize(
    ("group", "knob", "value"),
    [
        ("switches", "missed", 0.06),
        ("accelerometers", "noise_mg", 61),
        ("clocks", "label_jitter_s", 0.31),
        ("handling", "left_open", 1.1),
        ("video", "image_px", [160]),
        ("switches", "typo", 0.0),
    ],
)
def test_values_beyond_the_range_and_unknown_knobs_are_refused(homes, group, knob, value):
    homes["opportunity"][group][knob] = value
    with pytest.raises(ValidationError, match=knob):
        OpportunityHomeSection.model_validate(homes["opportunity"])


def test_every_knob_gives_its_reason_and_no_default():
    pending, seen = [OpportunityHomeSection, HwuHomeSection], 0
    while pending:
        for name, field in pending.pop().model_fields.items():
            assert field.is_required(), name
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                pending.append(field.annotation)
            else:
                assert field.description, name
                seen += 1
    assert seen > 40
