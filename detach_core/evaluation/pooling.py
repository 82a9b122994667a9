"""Window features -> one feature for each sequence: the mean over its windows (paper, Sec. 4, "temporally pooled")."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32] | NDArray[np.float64]


def mean_by_unit(features: Features, unit: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The mean feature (U, D) of each unit, and the units (U,) in ascending order.

    Args:
        features: (N, D), one row a window.
        unit: (N,), the unit that each window belongs to.

    Raises:
        ValueError: the shapes do not fit, or there is no window.
    """
    if features.ndim != 2 or unit.shape != features.shape[:1] or not len(unit):
        raise ValueError(f"expected (N, D) features and (N,) units, got {features.shape} and {unit.shape}")
    order = np.argsort(unit, kind="stable")
    units, first, count = np.unique(unit[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(features[order].astype(np.float64), first, axis=0)
    return sums / count[:, None], units.astype(np.int64)
