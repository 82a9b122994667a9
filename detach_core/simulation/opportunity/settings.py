"""Settings of the simulated Opportunity-like home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from detach_core.settings.base import Name, Range, Settings, Share
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
class AccelerometerSettings(Settings):
    """Faults and disturbances of the accelerometers on fixtures."""

    noise_mg: Annotated[float, Range(ge=1, le=60)] = 40.0
    """white noise (mg, sd): cheap MEMS parts plus rounding and radio"""
    shake_mg: Annotated[float, Range(ge=0, le=100)] = 60.0
    """tremor and grip of a hand on the handle (mg, sd)"""
    cross_talk: Annotated[float, Range(ge=0, le=0.6)] = 0.5
    """share of a vibration that reaches the neighbour in the same cabinet"""
    bumps_hz: Annotated[float, Range(ge=0, le=0.3)] = 0.2
    """knocks per second and room: things put down, people leaning, draught"""
    bump_mg: Annotated[float, Range(ge=0, le=300)] = 200.0
    """typical size of a knock (mg)"""
    ring: Annotated[float, Range(ge=0, le=1.5)] = 0.5
    """ringing after an impact (g per m/s): a light front on rubber stops"""
    bias_mg: Annotated[float, Range(ge=0, le=60)] = 15.0
    """offset per axis and recording (mg, sd): data sheets say 20 to 60"""
    drift_mg: Annotated[float, Range(ge=0, le=40)] = 8.0
    """slow change within a recording (mg): temperature"""
    lost_bursts_per_h: Annotated[float, Range(ge=0, le=60)] = 6.0
    """bursts of lost samples per hour and sensor; wired, so rare"""
    row_cross_talk: Annotated[float, Range(ge=0, le=0.4)] = 0.0
    """share of a vibration that reaches all fronts of the kitchen row through its common worktop"""


@dataclass(frozen=True)
class DrawerSettings(Settings):
    """Sensors of the column of drawers."""

    accelerometers: Literal["each", "one"] = "each"
    """each: one on every front | one: on their cabinet, in the columns of the middle drawer; the others' are NaN"""
    lean_rad: Annotated[float, Range(ge=0, le=0.6)] = 0.0
    """tilt between the pushes of neighbouring drawers as the cabinet's sensor feels them: high ones rock the cabinet"""
    switches: Literal["each", "closed", "shared", "none"] = "each"
    """each: all | closed: one a drawer | shared: one loop, made while all are closed, on Drawer 1's input | none"""


@dataclass(frozen=True)
class OpportunityTakeSettings(Settings):
    """Script of one take, the same for all subjects."""

    script: Literal["drill", "adl"]
    """drill: the official order, repeated | adl: a scripted day"""
    length_s: Annotated[float, Range(gt=10, le=3600)]
    """wanted length; pauses fill it (S1-S4's runs last 12 to 39 min)"""
    rounds: Annotated[int, Range(ge=1, le=60)]
    """drill: repetitions (20 in the real one); adl: openings (about 21)"""


@dataclass(frozen=True)
class OpportunityRoutineSettings(Settings):
    """Looseness with which the scripts are followed."""

    length_spread: LengthSpread = 0.05
    """largest relative difference between subjects' lengths"""
    order_jitter: Share = 0.15
    """share of the drill's stations that change place with the next"""
    detour: Share = 0.2
    """share of the day's openings preceded by a detour"""
    other_gestures: Share = 0.15
    """share of the drill's switch, table and drinking gestures that are done"""


@dataclass(frozen=True)
class TagSettings(Settings):
    """Position tags on the shoulders."""

    noise_m: Annotated[float, Range(ge=0, le=1.5)] = 0.3
    """slow error of a position (m, sd): the release calls it extremely noisy"""
    lost: Share = 0.02
    """share of samples without a position"""


@dataclass(frozen=True, kw_only=True)
class OpportunityHomeSettings(HomeSettings):
    """The simulated home behind the Opportunity-like recordings."""

    # Repeated here, since the schema takes a field's text from the class that declares it.
    seed: Seed = 0
    """seed of home, persons and recordings"""
    layout: Literal["opportunity_plus_plus", "uci"] = "opportunity_plus_plus"
    """layout of the files"""
    takes: dict[Name, OpportunityTakeSettings]
    """script of each take"""
    routine: OpportunityRoutineSettings = OpportunityRoutineSettings()
    handling: HandlingSettings
    distractors: DistractorSettings = DistractorSettings()
    switches: SwitchSettings
    accelerometers: AccelerometerSettings = AccelerometerSettings()
    drawers: DrawerSettings = DrawerSettings()
    clocks: ClockSettings
    tags: TagSettings = TagSettings()
    video: CameraSettings = CameraSettings()
