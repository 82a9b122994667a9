"""Magnetic contacts on things that open: from opening fractions to 0 and 1, with the faults that contacts have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detach_core.config.simulation import SwitchSection
from detach_core.simulation.trace import Array

Levels = NDArray[np.int8]


@dataclass(frozen=True)
class Contact:
    """A switch on `fixture` that reads `active` while one of its `magnets` (opening fractions) is within `reach`."""

    name: str
    fixture: str
    magnets: tuple[float, ...]
    reach: float
    active: int

    def near(self, opening: Array) -> NDArray[np.bool_]:
        """Whether a magnet is near, at each opening fraction (T,)."""
        distance = np.abs(opening[:, None] - np.array(self.magnets))
        return np.asarray((distance <= self.reach).any(axis=1))

    def faultless(self, opening: Array) -> Levels:
        """The levels (T,) of a switch without faults."""
        return _levels(self.near(opening), self.active)


def contact_levels(
    contact: Contact, opening: Array, *, rate_hz: float, faults: SwitchSection, generator: np.random.Generator
) -> Levels:
    """The levels (T,) that the switch reports for `opening` (T,) at `rate_hz`.

    A missed contact stays missed for the whole passage of its magnet, as a magnet out of line does.
    """
    made = contact.near(opening)
    edges = np.flatnonzero(np.diff(made.astype(np.int8), prepend=np.int8(0), append=np.int8(0)))
    for first, last in edges.reshape(-1, 2):
        # What rests at its magnet from the start on was seen when the recording was set up.
        if first > 0 and generator.random() < faults.missed:
            made[first:last] = False
    for edge in np.flatnonzero(np.diff(made)) + 1:
        chatter = round(generator.uniform(0, faults.bounce_s) * rate_hz)
        made[edge : edge + chatter] ^= generator.random(len(made[edge : edge + chatter])) < 0.5
    for start in np.flatnonzero(generator.random(len(made)) < faults.spurious_hz / rate_hz):
        made[start : start + 1 + round(generator.exponential(0.15) * rate_hz)] ^= True
    return _levels(made, contact.active)


def _levels(made: NDArray[np.bool_], active: int) -> Levels:
    return np.where(made, active, 1 - active).astype(np.int8)
