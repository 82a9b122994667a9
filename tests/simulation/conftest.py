"""Small traces made by hand: a person who stands somewhere, and fixtures that stand at some opening."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from detach_core.settings.base import from_plain
from detach_core.simulation.home import Box, Camera, Fixture, Home
from detach_core.simulation.hwu_usp.recording import HwuSimulation
from detach_core.simulation.hwu_usp.settings import HwuHomeSettings
from detach_core.simulation.opportunity.recording import OpportunitySimulation
from detach_core.simulation.opportunity.settings import OpportunityHomeSettings
from detach_core.simulation.registry import CameraSettings, native_files
from detach_core.simulation.trace import Person, Trace

QUIET = CameraSettings(
    noise_sd=0.0,
    flicker=0.0,
    light_drift=0.0,
    exposure_wobble=0.0,
    daylight=0.0,
    curtain=1.0,
    plant=1.0,
    passer_by=0.6,
    blur_px=0.0,
    qscale=2,
)


@pytest.fixture
def quiet_knobs():
    return QUIET


@pytest.fixture
def hand_made_trace():
    def make(home, *, duration_s=1.0, rate_hz=20.0, position=(3.0, 3.0), opening=None, **signals):
        """`opening` gives fixtures their first and last fraction; other signals are constants or arrays."""
        time_s = np.arange(round(duration_s * rate_hz) + 1) / rate_hz
        count = len(time_s)
        ends: dict[str, Any] = opening or {}
        person = Person(1.75, 1.1, True, 1.0, (150, 70, 51), (70, 52, 44), (28, 40, 60), (140, 170, 215), 1.0)

        def series(name, default):
            return np.broadcast_to(np.asarray(signals.get(name, default), dtype=float), (count,)).copy()

        return Trace(
            home=home.name,
            recording_id="x",
            rate_hz=rate_hz,
            time_s=time_s,
            opening={
                name: np.linspace(ends[name][0], ends[name][1], count) if name in ends else np.zeros(count)
                for name in home.fixtures
            },
            person=signals.get("person", person),
            person_xy_m=np.tile(np.asarray(position, dtype=float), (count, 1)),
            heading_rad=series("heading", 0.0),
            walking=series("walking", 0.0),
            hand_m=np.tile(np.asarray(signals.get("hand", (np.nan,) * 3), dtype=float), (count, 1)),
            gesture=series("gesture", 0.0),
            posture=series("posture", 0.0),
            bend=series("bend", 0.0),
            distractor={name: np.full(count, value) for name, value in signals.get("distractor", {}).items()},
            actions=(),
        )

    return make


@pytest.fixture
def plain_home():
    """A room with one drawer in its far wall, seen straight on."""
    drawer = Fixture(
        "Drawer", "slide", (1.75, 4.0, 1.0), (0.5, 0.0, 0.0), (0.0, 0.0, 0.5), 0.4, None, (0.5, 0.5), (2.0, 3.0),
        (220, 225, 230), 0.4,
    )  # fmt: skip
    camera = Camera((2.0, 0.2, 1.6), (2.0, 4.0, 1.2), 0.7, (0.0, 0.0, 0.0, 0.0))
    return Home("plain", (4.0, 4.0, 2.6), {"Drawer": drawer}, (), {}, camera, {})


@pytest.fixture
def home_with_table(plain_home):
    table = Box("block", (1.4, 1.6, 0.0), (2.6, 1.9, 1.0), (40, 60, 80))
    return Home("with table", plain_home.size, plain_home.fixtures, (table,), {}, plain_home.camera, {})


@pytest.fixture(scope="session")
def demo_datasets():
    """The `datasets` of config.yaml as plain values."""
    return yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))["datasets"]


@pytest.fixture
def homes(demo_datasets):
    """The section `home` of each dataset of config.yaml, to be changed at will."""
    return {name: copy.deepcopy(section["home"]) for name, section in demo_datasets.items()}


@pytest.fixture(scope="session")
def make_opportunity(demo_datasets):
    """An Opportunity simulation of the demo, with changes given as section=dict(knob=value)."""

    def make(classes=None, **changes):
        section = demo_datasets["opportunity"]
        home = copy.deepcopy(section["home"])
        for name, values in changes.items():
            home[name] = home[name] | values if isinstance(values, dict) else values
        knobs = from_plain(OpportunityHomeSettings, home)
        return OpportunitySimulation(
            knobs, native=native_files(section["native"]), classes=classes or section["classes"]
        )

    return make


@pytest.fixture(scope="session")
def opportunity(make_opportunity):
    return make_opportunity()


@pytest.fixture(scope="session")
def demo_performances(opportunity, demo_datasets):
    """What happens in each recording of the demo."""
    section = demo_datasets["opportunity"]
    names = [f"{subject}-{take}" for subject in section["subjects"] for take in section["takes"]]
    return {name: opportunity.perform(name) for name in names}


@pytest.fixture(scope="session")
def drill(demo_performances):
    """What S1 does in the demo's drill."""
    return demo_performances["S1-Drill"]


@pytest.fixture(scope="session")
def make_hwu(demo_datasets):
    """An HWU-USP simulation of the demo, with changes given as section=dict(knob=value)."""

    def make(**changes):
        section = demo_datasets["hwu_usp"]
        home = copy.deepcopy(section["home"])
        for name, values in changes.items():
            home[name] = home[name] | values if isinstance(values, dict) else values
        knobs = from_plain(HwuHomeSettings, home)
        return HwuSimulation(knobs, native=native_files(section["native"]), classes=section["classes"])

    return make


@pytest.fixture(scope="session")
def hwu(make_hwu):
    return make_hwu()
