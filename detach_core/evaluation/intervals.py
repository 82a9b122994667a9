"""Percentile bootstrap over gesture instances or sequences, stratified by class (decisions.md, D5).

Overlapping windows of one gesture are not independent, so the gesture is drawn, with all its windows. Drawing within
each class keeps every class in every resample, so that average precision stays defined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]
Values = NDArray[np.float64]


def resampling_weights(instance: Integers, label: Integers, num_resamples: int, rng: np.random.Generator) -> Values:
    """How often each unit is in each resample, (B, N).

    Args:
        instance: (N,), what is drawn: units of one instance come together. -1 is an instance of its own for each unit.
        label: (N,), the class of each unit; an instance has that of its first unit.
        num_resamples: B.
        rng: draws.

    Raises:
        ValueError: the shapes do not fit, or there is no unit.
    """
    if instance.shape != label.shape or instance.ndim != 1 or not len(instance):
        raise ValueError(f"expected (N,) instances and labels, got {instance.shape} and {label.shape}")
    first, instance_of_unit = instances_of(instance)
    instance_label = label[first]
    counts = np.empty((num_resamples, len(first)))
    for one in np.unique(instance_label):
        members = np.flatnonzero(instance_label == one)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1.0 / len(members)), num_resamples)
    return counts[:, instance_of_unit]


def instances_of(instance: Integers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First unit of each distinct instance, (M,), and the instance, 0 to M - 1, of each unit, (N,); each -1 is one."""
    own = np.where(instance >= 0, instance, instance.max() + 1 + np.arange(len(instance)))
    _, first, instance_of_unit = np.unique(own, return_index=True, return_inverse=True)
    return first, instance_of_unit


def percentile_interval(values: Values, confidence: float) -> tuple[float, float]:
    """The bounds that leave equal shares of `values` outside, (1 - confidence) / 2 on each side.

    Raises:
        ValueError: `confidence` is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
