"""Place of each window, for monitoring and for tests; nothing is trained or scored by it.

The simulation's truth if there is one; else the place of the window's class; else the sensor that was most active.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recording import Places
from detach_core.contracts.rows import Rows
from detach_core.signals.labels import most_active_place

NOWHERE = "none"


def locate_windows(
    sensor: Rows,
    label: NDArray[np.int64],
    *,
    truth: NDArray[np.int64] | None,
    truth_names: Sequence[str],
    places: Places,
) -> tuple[NDArray[np.int32], tuple[str, ...], str]:
    """(location (N,), its names, where it comes from). "none" is a place of its own; -1 means that nobody knows.

    Args:
        sensor: (N, C, L) all windows.
        label: (N,) class of each, -1 for none.
        truth: (N,) the simulation's location, -1 where nothing is in use; None for real recordings.
        truth_names: names of the simulation's locations.
        places: the dataset's places.
    """
    if truth is not None:
        return _with_nowhere(truth, truth_names), (*truth_names, NOWHERE), "simulation truth"
    if any(place >= 0 for place in places.of_class):
        return np.array([*places.of_class, -1], dtype=np.int32)[label], places.names, "label"
    if not places.names:
        return np.full(len(label), -1, dtype=np.int32), (), "unknown"
    active = most_active_place(sensor, places.channels)
    return _with_nowhere(active, places.names), (*places.names, NOWHERE), "active switch"


def _with_nowhere(location: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int32]:
    return np.where(location < 0, len(names), location).astype(np.int32)
