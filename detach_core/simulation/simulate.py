"""The simulated homes by dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from detach_core.config.simulation import HwuHomeSection, OpportunityHomeSection
from detach_core.simulation.simulate_hwu_usp import HwuSimulation
from detach_core.simulation.simulate_opportunity import OpportunitySimulation


class Simulation(Protocol):
    """Writes a dataset's recordings in its native files."""

    def write(self, recording: str, root: Path) -> list[Path]:
        """Simulate one recording below `root`; the paths of its files."""

    def write_shared(self, root: Path) -> None:
        """Write the files that belong to no recording."""


def build_simulation(dataset: str, settings: Mapping[str, Any]) -> Simulation:
    """The simulation behind `dataset`, from its section's `home`, `native` and `classes`.

    Raises:
        ValueError: no home stands behind the dataset.
    """
    native, classes = settings["native"], settings["classes"]
    if dataset == "opportunity":
        home = OpportunityHomeSection.model_validate(settings["home"])
        return OpportunitySimulation(home, native=native, classes=classes)
    if dataset == "hwu_usp":
        return HwuSimulation(HwuHomeSection.model_validate(settings["home"]), native=native, classes=classes)
    raise ValueError(f"no simulated home for {dataset!r}; there are opportunity and hwu_usp")
