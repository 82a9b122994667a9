"""Simulated homes by name. A new one is a folder with its settings and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from detach_core.settings.base import Plain, from_plain
from detach_core.settings.registry import Plugin, Registry
from detach_core.simulation.settings import HomeSettings, NativeFiles


class HomeSimulation(Protocol):
    """A simulated home that writes a dataset's recordings in its native files."""

    def __init__(self, knobs: Any, *, native: NativeFiles, classes: Sequence[str]) -> None:
        """The home by its settings, of its own type."""

    def write(self, recording: str, root: Path) -> list[Path]:
        """Simulate one recording below `root`; the paths of its files."""

    def write_shared(self, root: Path) -> None:
        """Write the files that belong to no recording."""


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
        TypeError: settings that the home does not know.
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
