"""What really happened, at the sensors' rate on the video's clock: for tests and monitoring, never for results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.clocks import hold
from detach_core.simulation.home import Home
from detach_core.simulation.motion_sensors import in_view, moving
from detach_core.simulation.trace import Array, Trace

Location = NDArray[np.int16]


def handled_fixture(trace: Trace, times_s: Array, names: Sequence[str]) -> Location:
    """(K,) which of `names` is being handled at `times_s` (K,), -1 for none."""
    found = np.full(len(times_s), -1, dtype=np.int16)
    for action in trace.actions:
        if action.fixture in names:
            found[(times_s >= action.start_s) & (times_s < action.end_s)] = names.index(action.fixture)
    return found


def active_sensor(trace: Trace, home: Home, times_s: Array, channels: Sequence[str]) -> Location:
    """(K,) which of `channels` has reason to be active at `times_s` (K,), -1 for none.

    A cupboard in use comes first; else the motion sensor whose field the moving person is in, the nearer of two.
    """
    prefix = "Ktch_"
    cupboards = [channel.removeprefix(prefix) for channel in channels]
    found = handled_fixture(trace, times_s, cupboards)
    distances = np.full((len(times_s), len(channels)), np.inf)
    stirring = hold(moving(trace), trace.rate_hz, times_s)
    place = hold(trace.person_xy_m, trace.rate_hz, times_s)
    for index, channel in enumerate(channels):
        if channel in home.motion_sensors:
            x, y, _ = home.motion_sensors[channel]
            seen = hold(in_view(trace, home.motion_sensors[channel]), trace.rate_hz, times_s) & stirring
            distances[seen, index] = np.hypot(place[seen, 0] - x, place[seen, 1] - y)
    watched = np.where(np.isfinite(distances.min(axis=1)), distances.argmin(axis=1), -1)
    return np.where(found >= 0, found, watched).astype(np.int16)


def truth_arrays(trace: Trace, times_s: Array) -> dict[str, NDArray[Any]]:
    """Further truth by name: `opening_<fixture>` (K,), `person_xy_m` (K, 2), and the actions as columns."""
    found: dict[str, NDArray[Any]] = {
        f"opening_{name}": hold(signal, trace.rate_hz, times_s).astype(np.float32)
        for name, signal in trace.opening.items()
    }
    found["person_xy_m"] = hold(trace.person_xy_m, trace.rate_hz, times_s).astype(np.float32)
    names = list(trace.opening)
    found["action_start_s"] = np.array([action.start_s for action in trace.actions], dtype=np.float64)
    found["action_end_s"] = np.array([action.end_s for action in trace.actions], dtype=np.float64)
    found["action_fixture"] = np.array([names.index(action.fixture) for action in trace.actions], dtype=np.int16)
    found["action_opening"] = np.array([action.opening for action in trace.actions], dtype=np.int8)
    return found
