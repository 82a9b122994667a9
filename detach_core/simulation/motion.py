"""How a fixture's opening fraction moves while a hand is on its handle.

Opening and closing take the same kinds of course: grip, one to three minimum-jerk movements with halts between them,
then an impact, a rebound or a soft end. Only start and end are exchanged, so direction and order tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detach_core.config.simulation import HandlingSection
from detach_core.simulation.trace import Array

# A slammed front is still moving when it meets its stop: this share of the minimum-jerk course has passed.
SLAM_AT = 0.74
# A soft-closing mechanism takes over when this share of the way is left.
SOFT_SHARE = 0.12
# The front moves at least this long (s), whatever halts there are.
SHORTEST_S = 0.35


@dataclass(frozen=True)
class _Movement:
    end: float
    weight: float
    slam: bool = False


def minimum_jerk(progress: Array) -> Array:
    """Position 0..1 of the smoothest movement at `progress` 0..1 of its time."""
    return np.asarray(progress**3 * (10 - 15 * progress + 6 * progress**2))


def opening_motion(
    num_samples: int,
    *,
    start: float,
    end: float,
    rate_hz: float,
    vigour: float,
    handling: HandlingSection,
    generator: np.random.Generator,
) -> Array:
    """Opening fractions (num_samples,) from `start` to `end`, from the hand's reaching the handle to its release."""
    movements = _movements(vigour, handling, generator)
    grip, hold = generator.uniform(0.06, 0.2), generator.uniform(0.04, 0.18)
    # Vigorous people move faster and so hold longer.
    moving = np.clip(generator.uniform(0.6, 1.0) / vigour, 0.4, 1.0) * (1 - grip - hold)
    moving = min(max(moving, SHORTEST_S * rate_hz / num_samples), 0.9)
    idle = max(1 - grip - hold - moving, 0.0)
    grip += idle * generator.uniform(0, 0.7)
    halts = np.where(np.arange(len(movements)) > 0, generator.uniform(0.05, 0.3, len(movements)), 0.0)
    weights = np.array([movement.weight for movement in movements])
    scale = moving / (weights.sum() + halts.sum())
    course = np.zeros(num_samples)
    cursor, place = min(grip, 1 - moving), 0.0
    for movement, halt, weight in zip(movements, halts, weights, strict=True):
        first = round((cursor + halt * scale) * num_samples)
        last = max(round((cursor + (halt + weight) * scale) * num_samples), first + 2)
        count = max(min(last, num_samples) - first, 0)
        progress = np.arange(1, count + 1) / (last - first)
        shape = minimum_jerk(progress * SLAM_AT) / minimum_jerk(np.array(SLAM_AT)) if movement.slam else None
        shape = minimum_jerk(progress) if shape is None else shape
        course[first : first + count] = place + (movement.end - place) * shape
        course[first + count :] = movement.end
        cursor, place = cursor + (halt + weight) * scale, movement.end
    course[-1] = 1.0
    opening = start + (end - start) * course
    # A front cannot move into its cabinet: what would overshoot there comes back out.
    return np.abs(opening)


def _movements(vigour: float, handling: HandlingSection, generator: np.random.Generator) -> list[_Movement]:
    cuts = [generator.uniform(0.2, 0.8)] if generator.random() < handling.partial_stop else []
    if generator.random() < handling.regrip:
        cuts.append(generator.uniform(0.3, 0.7))
    movements, place = [], 0.0
    for cut in sorted(cuts):
        movements.append(_Movement(cut, 0.3 + (cut - place)))
        place = cut
    style = generator.random()
    slam = min(handling.slam * vigour, 1.0)
    if style < slam:
        return [*movements, _Movement(1.0, 0.25 + 0.6 * (1 - place), slam=True)]
    if style < slam + handling.overshoot:
        beyond = 1 + generator.uniform(0.015, 0.05)
        return [*movements, _Movement(beyond, 0.3 + (1 - place)), _Movement(1.0, 0.25)]
    if style < slam + handling.overshoot + handling.soft_close:
        near = 1 - SOFT_SHARE * generator.uniform(0.5, 1.0)
        return [*movements, _Movement(near, 0.3 + (1 - place)), _Movement(1.0, 0.6)]
    return [*movements, _Movement(1.0, 0.3 + (1 - place))]
