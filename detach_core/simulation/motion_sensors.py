"""Passive infrared sensors: on while somebody moves in their field of view and for a while after, with misses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detach_core.config.simulation import MotionSensorSection
from detach_core.simulation.contacts import Levels
from detach_core.simulation.home import Home
from detach_core.simulation.trace import Array, Trace

# Movement is looked for in pulses of this length (s), as such sensors count them.
PULSE_S = 0.5


def moving(trace: Trace) -> NDArray[np.bool_]:
    """Whether the person moves (T,): walks, handles something or gestures."""
    handling = np.isfinite(trace.hand_m).all(axis=1)
    return np.asarray((trace.walking > 0.2) | handling | (trace.gesture > 0.4))


def in_view(trace: Trace, field: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Whether the person is in the round field (x, y, radius in m) of a sensor (T,)."""
    distance: Array = np.linalg.norm(trace.person_xy_m - np.array(field[:2]), axis=1)
    return np.asarray(distance <= field[2])


def motion_levels(
    trace: Trace, home: Home, knobs: MotionSensorSection, generator: np.random.Generator
) -> dict[str, Levels]:
    """Each motion sensor's levels (T,): 1 reports movement."""
    count, rate_hz = len(trace.time_s), trace.rate_hz
    pulse = round(PULSE_S * rate_hz)
    found = {}
    for name, field in home.motion_sensors.items():
        seen = moving(trace) & in_view(trace, field)
        level = np.zeros(count, dtype=np.int8)
        delay = round(knobs.delay_s * rate_hz)
        # Holds differ from time to time: the timer runs in the sensor's own steps.
        for start in range(0, count, pulse):
            noticed = seen[start : start + pulse].any() and generator.random() >= knobs.missed
            false = generator.random() < knobs.false_hz * PULSE_S
            hold = round(knobs.hold_s * generator.uniform(0.8, 1.2) * rate_hz)
            if noticed or false:
                level[start + delay : start + delay + pulse + hold] = 1
        found[name] = level
    return found
