"""What is wrong with a real accelerometer's numbers: offset, drift, noise, whole milli-g, lost samples."""

from __future__ import annotations

import numpy as np

from detach_core.config.simulation import AccelerometerSection
from detach_core.simulation.trace import Array

LOST_S = (0.1, 0.8)
DRIFT_S = (90.0, 400.0)


def with_faults(felt: Array, *, rate_hz: float, knobs: AccelerometerSection, generator: np.random.Generator) -> Array:
    """`felt` (T, 3), milli-g, as the sensor reports it: whole numbers, NaN where samples were lost."""
    count = len(felt)
    time_s = np.arange(count) / rate_hz
    wave = 2 * np.pi * (time_s[:, None] / generator.uniform(*DRIFT_S, 3) + generator.random(3))
    read = felt + generator.normal(0, knobs.bias_mg, 3) + knobs.drift_mg * generator.uniform(0.3, 1, 3) * np.sin(wave)
    read = np.round(read + generator.normal(0, knobs.noise_mg, felt.shape))
    for start in np.flatnonzero(generator.random(count) < knobs.lost_bursts_per_h / 3600 / rate_hz):
        read[start : start + max(round(generator.uniform(*LOST_S) * rate_hz), 1)] = np.nan
    return np.asarray(read)


def deckchair_force(posture: Array, near: Array, rate_hz: float, generator: np.random.Generator) -> Array:
    """What a sensor on the deckchair feels (T, 3), milli-g: it tilts under a person and creaks while they move."""
    weight = posture * near
    angle = 0.25 + 0.12 * weight
    moving = np.abs(np.diff(weight, prepend=weight[0])) * rate_hz
    creak = generator.standard_normal((len(posture), 3)) * (15 * weight + 60 * np.minimum(moving, 1))[:, None]
    still = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    return np.asarray(1000 * still + creak)
