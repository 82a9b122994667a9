"""Stage 1's phases in epochs, which count from 1, and its end (paper, Sec. 3.1; Fig. 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detach_core.clustering.convergence import refinement_is_over

WARMUP, JOINT, REFINEMENT = "warm-up", "joint", "refinement"


class SpatialPhases:
    """Warm-up, joint, refinement; without refinement (Table 3) the joint phase goes on for as long."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.first_refinement = settings["warmup_epochs"] + settings["joint_epochs"] + 1
        self.num_epochs = self.first_refinement - 1 + settings["refinement_epochs"]

    def phase(self, epoch: int) -> str:
        """The phase of an epoch."""
        if epoch <= self.settings["warmup_epochs"]:
            return WARMUP
        return REFINEMENT if epoch >= self.first_refinement and self.settings["refine"] else JOINT

    def is_over(self, rates: Sequence[float]) -> bool:
        """Whether training ends here, given the change rates of the epochs from the first refinement on."""
        settings = self.settings
        return bool(rates) and refinement_is_over(
            rates,
            stop=settings["stop"],
            refinement_epochs=settings["refinement_epochs"],
            min_refinement_epochs=settings["min_refinement_epochs"],
            plateau_rate=settings["plateau"]["rate"],
            plateau_epochs=settings["plateau"]["epochs"],
        )
