"""Registry of simulated homes, and their common settings, with plausible ranges and the reason below each field.

Fields in which the homes differ have no default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Protocol

from detach_core.settings.base import Plain, Plugin, Range, Registry, Settings, Share, from_plain

Seed = Annotated[int, Range(ge=0)]

LengthSpread = Annotated[float, Range(ge=0, le=0.4)]


@dataclass(frozen=True, kw_only=True)
class HandlingSettings(Settings):
    """Opening and closing of fixtures."""

    partial_stop: Annotated[float, Range(ge=0, le=0.6)]
    """share of movements that pause on the way: people sometimes look or hesitate"""
    regrip: Annotated[float, Range(ge=0, le=0.5)]
    """share with a second grip: a wide door moves beyond the arm's reach"""
    overshoot: Annotated[float, Range(ge=0, le=0.5)]
    """share that overshoots the end position and returns"""
    slam: Annotated[float, Range(ge=0, le=0.5)] = 0.25
    """share that hits the stop at speed, for a person of average vigour"""
    soft_close: Annotated[float, Range(ge=0, le=0.6)] = 0.2
    """share that ends slowly, by a damper or a careful hand"""
    half_open: Annotated[float, Range(ge=0, le=0.5)]
    """share of openings that end about half way: enough to reach inside"""
    left_open: Annotated[float, Range(ge=0, le=0.8)]
    """share of openings that are closed only after another visit"""


@dataclass(frozen=True, kw_only=True)
class SwitchSettings(Settings):
    """Faults of reed switches and cupboard switches."""

    missed: Annotated[float, Range(ge=0, le=0.05)]
    """share of contacts missed: misaligned magnets, at most 1 in 20"""
    spurious_hz: Annotated[float, Range(ge=0, le=0.02)] = 0.005
    """false toggles per second and switch: cable and vibration"""
    bounce_s: Annotated[float, Range(ge=0, le=0.1)] = 0.04
    """chatter after a change: reeds settle within milliseconds, loose magnets slower"""
    failed: Annotated[float, Range(ge=0, le=0.3)] = 0.0
    """share of recordings in which a switch is dead: a cable came off, and nobody noticed before the next day"""
    failed_part: Annotated[float, Range(gt=0, le=1)] = 1.0
    """part of such a recording in which it is dead, one stretch; 1 is all of it"""


@dataclass(frozen=True, kw_only=True)
class ClockSettings(Settings):
    """Differences of sensor systems and annotators from the video's clock."""

    offset_s: Annotated[float, Range(ge=0, le=0.2)] = 0.1
    """largest offset of a sensor system: the release says about 100 ms"""
    wander_s: Annotated[float, Range(ge=0, le=0.05)] = 0.02
    """slow jitter of a system's clock on top (sd)"""
    label_jitter_s: Annotated[float, Range(ge=0, le=0.3)]
    """largest shift of an annotated boundary: some hundred ms"""


@dataclass(frozen=True)
class CameraSettings(Settings):
    """The camera of a simulated home."""

    image_px: Annotated[tuple[int, ...], Range(min_length=2, max_length=2)] = (160, 120)
    """width and height of the video"""
    noise_sd: Annotated[float, Range(ge=0, le=12)] = 3.0
    """sensor noise (grey levels): an indoor network camera"""
    flicker: Annotated[float, Range(ge=0, le=0.05)] = 0.004
    """frame-to-frame gain (relative sd): mains light"""
    light_drift: Annotated[float, Range(ge=0, le=0.3)] = 0.06
    """slow change of daylight (relative)"""
    exposure_wobble: Annotated[float, Range(ge=0, le=0.1)] = 0.01
    """automatic exposure hunting (relative sd)"""
    daylight: Share = 0.5
    """strength of the patch of sun"""
    curtain: Share = 1.0
    """how far the curtain sways"""
    plant: Share = 1.0
    """how far the plant sways"""
    passer_by: Share = 0.6
    """opacity of someone who passes behind the glass"""
    blur_px: Annotated[float, Range(ge=0, le=20)] = 0.0
    """blur of the whole image (sd); HWU-USP's public video is blurred"""
    qscale: Annotated[int, Range(ge=1, le=31)] = 5
    """quantiser of MPEG-4: 1 finest, 31 coarsest"""

    def sway(self, name: str) -> float:
        """The factor of the swaying thing `name`, `curtain` or `plant`."""
        return {"curtain": self.curtain, "plant": self.plant}[name]


@dataclass(frozen=True)
class DistractorSettings(Settings):
    """Motion in the picture besides the handling of fixtures."""

    idle_gesture: Share = 0.3
    """share of longer pauses with a gesture of the arms"""
    sway_per_min: Annotated[float, Range(ge=0, le=4)] = 1.0
    """episodes per minute in which curtain or plant move"""
    passer_by_per_min: Annotated[float, Range(ge=0, le=2)] = 0.4
    """people per minute behind the glass"""


@dataclass(frozen=True, kw_only=True)
class HomeSettings(Settings):
    """Settings of every simulated home."""

    seed: Seed = 0
    """seed of home, persons and recordings"""


@dataclass(frozen=True)
class NativeFiles(Settings):
    """Properties of a dataset's native files that a simulated recording must reproduce."""

    sensor_hz: float
    """rows per second of the sensor file"""
    video_hz: float
    """frames per second of the video"""
    channels: tuple[str, ...] = ()
    """columns that the dataset uses, if it names them"""


def native_files(native: Plain) -> NativeFiles:
    """The properties that a simulation needs of a dataset's plain section `native`.

    Raises:
        TypeError: a value is missing or of another type.
    """
    known = {field.name for field in fields(NativeFiles)}
    return from_plain(NativeFiles, {name: value for name, value in native.items() if name in known})


class HomeSimulation(Protocol):
    """A simulated home that writes a dataset's recordings in its native files."""

    def __init__(self, knobs: Any, *, native: NativeFiles, classes: Sequence[str]) -> None:
        """Construction from the home's settings, of its own type."""

    def write(self, recording: str, root: Path) -> list[Path]:
        """Simulate one recording below `root`; the paths of its files."""

    def write_shared(self, root: Path) -> None:
        """Write the files that belong to no single recording."""


HOMES: Registry[HomeSimulation] = Registry(
    "simulated home",
    {
        "opportunity": Plugin(
            "detach_core.simulation.opportunity", "OpportunityHomeSettings", "recording:OpportunitySimulation"
        ),
        "hwu_usp": Plugin("detach_core.simulation.hwu_usp", "HwuHomeSettings", "recording:HwuSimulation"),
    },
)


def home_settings(name: str, plain: Plain) -> HomeSettings:
    """The settings of home `name`, of its own type, from plain values.

    Raises:
        LookupError: an unknown name.
        TypeError: unknown settings.
    """
    kind: type[HomeSettings] = HOMES.settings(name)
    return from_plain(kind, plain)


def build_simulation(
    name: str, *, settings: HomeSettings, native: NativeFiles, classes: Sequence[str]
) -> HomeSimulation:
    """The simulation of home `name`.

    Args:
        name: of `HOMES`, or `module:Class`.
        settings: of the home's own type.
        native: properties of the dataset's native files.
        classes: the dataset's classes.

    Raises:
        LookupError: an unknown name.
    """
    return HOMES.implementation(name)(settings, native=native, classes=classes)
