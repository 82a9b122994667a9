"""Position tags on the shoulders: the right place, very noisily, in the room's millimetres."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from detach_core.config.simulation import TagSection
from detach_core.simulation.clocks import hold
from detach_core.simulation.trace import Array, Trace

# The error of a position changes over about this time (s).
ERROR_OVER_S = 1.5
JUMPS_PER_S = 0.02
SHOULDER_M = np.array([[0.06, 0.2], [-0.06, 0.2], [0.06, -0.2], [-0.06, -0.2]])


def tag_positions(trace: Trace, times_s: Array, knobs: TagSection, generator: np.random.Generator) -> Array:
    """(K, 12): x, y, z of the four tags at `times_s` (K,), whole mm, NaN where the system lost one."""
    rate_hz = 1 / float(times_s[1] - times_s[0])
    place, heading = hold(trace.person_xy_m, trace.rate_hz, times_s), hold(trace.heading_rad, trace.rate_hz, times_s)
    height = trace.person.height_m * (0.82 - 0.3 * hold(trace.posture, trace.rate_hz, times_s))
    found = []
    for ahead, left in SHOULDER_M:
        x = place[:, 0] + ahead * np.cos(heading) - left * np.sin(heading)
        y = place[:, 1] + ahead * np.sin(heading) + left * np.cos(heading)
        error = gaussian_filter1d(generator.standard_normal((len(times_s), 3)), ERROR_OVER_S * rate_hz, axis=0)
        error *= knobs.noise_m / max(float(error.std()), 1e-9)
        for start in np.flatnonzero(generator.random(len(times_s)) < JUMPS_PER_S / rate_hz):
            length = round(generator.exponential(0.7) * rate_hz)
            error[start : start + length] += generator.normal(0, 1.0, 3)
        position = np.round(1000 * (np.stack([x, y, height], axis=1) + error))
        position[generator.random(len(times_s)) < knobs.lost] = np.nan
        found.append(position)
    return np.concatenate(found, axis=1)
