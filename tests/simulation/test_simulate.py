from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError

from detach_core.simulation.simulate import build_simulation
from detach_core.simulation.simulate_hwu_usp import HwuSimulation
from detach_core.simulation.simulate_opportunity import OpportunitySimulation


def test_each_dataset_has_its_home(demo_datasets):
    assert isinstance(build_simulation("opportunity", demo_datasets["opportunity"]), OpportunitySimulation)
    assert isinstance(build_simulation("hwu_usp", demo_datasets["hwu_usp"]), HwuSimulation)


def test_a_dataset_without_a_home_is_refused(demo_datasets):
    with pytest.raises(ValueError, match="my_home"):
        build_simulation("my_home", demo_datasets["opportunity"])


def test_a_knob_beyond_what_is_physical_is_refused(demo_datasets):
    section = copy.deepcopy(demo_datasets["opportunity"])
    section["home"]["switches"]["missed"] = 0.2
    with pytest.raises(ValidationError, match="missed"):
        build_simulation("opportunity", section)
