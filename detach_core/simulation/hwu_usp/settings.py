"""Settings of the simulated HWU-USP-like flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from detach_core.settings.base import Range, Settings, Share
from detach_core.simulation.registry import (
    CameraSettings,
    ClockSettings,
    DistractorSettings,
    HandlingSettings,
    HomeSettings,
    LengthSpread,
    Seed,
    SwitchSettings,
)


@dataclass(frozen=True)
class HwuRoutineSettings(Settings):
    """Looseness with which an activity's script is followed."""

    length_s: Annotated[float, Range(gt=5, le=120)] = 44.6
    """length of a sequence (real ones last 40 to 50 s)"""
    length_spread: LengthSpread = 0.1
    """largest relative difference between sequences"""
    visits: Annotated[int, Range(ge=1, le=20)] = 8
    """places visited in a sequence"""
    order_jitter: Share = 0.3
    """how far the order of visits is shuffled: 0 script, 1 any order"""
    improvise: Share = 0.1
    """share of visits to a random place: subjects were free in how to perform an activity"""


@dataclass(frozen=True)
class MotionSensorSettings(Settings):
    """Passive infrared motion sensors."""

    widen_m: Annotated[float, Range(ge=0, le=1.5)] = 0.0
    """added to the radius of each field (m): wide lenses see the neighbour's part of the room too"""
    hold_s: Annotated[float, Range(ge=0, le=10)] = 1.5
    """time on after the last movement: domestic sensors hold for some seconds"""
    missed: Share = 0.3
    """share of missed movements: small or radial ones"""
    delay_s: Annotated[float, Range(ge=0, le=1)] = 0.2
    """delay from movement to report"""
    false_hz: Annotated[float, Range(ge=0, le=0.02)] = 0.005
    """false reports per second: warm air, sun"""


@dataclass(frozen=True, kw_only=True)
class HwuHomeSettings(HomeSettings):
    """The simulated flat behind the HWU-USP-like sequences."""

    # Repeated here, since the schema takes a field's text from the class that declares it.
    seed: Seed = 0
    """seed of home, persons and recordings"""
    routine: HwuRoutineSettings = HwuRoutineSettings()
    handling: HandlingSettings
    distractors: DistractorSettings = DistractorSettings()
    switches: SwitchSettings
    motion_sensors: MotionSensorSettings = MotionSensorSettings()
    clocks: ClockSettings
    video: CameraSettings = CameraSettings()
