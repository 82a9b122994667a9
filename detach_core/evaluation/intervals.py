"""Bootstrap over gesture instances or sequences, stratified by class (decisions.md, D5).

Overlapping windows of one gesture are not independent, so the gesture is drawn, with all its windows. Drawing within
each class keeps every class in every resample, so that average precision stays defined. Of n instances of a class
n - 1 are drawn and weighted n / (n - 1), which makes the variance of a mean the unbiased one (Rao and Wu 1988): with
the plain bootstrap a class of three has two thirds of it.

What an interval covers is the value that the figure has on average over tests of this size, not its limit for a test
without end: average precision is higher on few units (`docs/statistics.md` has the coverage of both).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]
Values = NDArray[np.float64]
Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-np.inf, np.inf)


def resampling_weights(instance: Integers, label: Integers, num_resamples: int, rng: np.random.Generator) -> Values:
    """How much each unit weighs in each resample, (B, N); the weights of a class add up to its units' number.

    Args:
        instance: (N,), what is drawn: units of one instance come together. -1 is an instance of its own for each unit.
        label: (N,), the class of each unit; an instance has that of its first unit. A class with one instance keeps it.
        num_resamples: B.
        rng: draws.

    Raises:
        ValueError: the shapes do not fit, or there is no unit.
    """
    if instance.shape != label.shape or instance.ndim != 1 or not len(instance):
        raise ValueError(f"expected (N,) instances and labels, got {instance.shape} and {label.shape}")
    first, instance_of_unit = instances_of(instance)
    instance_label = label[first]
    weights = np.ones((num_resamples, len(first)))
    for one in np.unique(instance_label):
        members = np.flatnonzero(instance_label == one)
        count = len(members)
        if count > 1:
            drawn = rng.multinomial(count - 1, np.full(count, 1.0 / count), num_resamples)
            weights[:, members] = drawn * (count / (count - 1))
    return weights[:, instance_of_unit]


def instances_of(instance: Integers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First unit of each distinct instance, (M,), and the instance, 0 to M - 1, of each unit, (N,); each -1 is one."""
    own = np.where(instance >= 0, instance, instance.max() + 1 + np.arange(len(instance)))
    _, first, instance_of_unit = np.unique(own, return_index=True, return_inverse=True)
    return first, instance_of_unit


def draw_weights(num_draws: int, num_resamples: int, rng: np.random.Generator) -> Values:
    """How much each draw of folds weighs in each resample, (B, D), rows adding up to 1: draws are drawn like units."""
    ids = np.arange(num_draws)
    return resampling_weights(ids, np.zeros_like(ids), num_resamples, rng) / num_draws


def shifted_interval(estimate: float, values: Values, confidence: float, within: Bounds = UNBOUNDED) -> Bounds:
    """Percentile bounds of a bootstrap without its bias; `estimate` lies between them.

    A resample repeats units, and average precision, for one, gains from repeated positives, so that the resamples'
    mean lies beyond the estimate. All resamples are moved by that difference.

    Args:
        estimate: the figure of the data.
        values: (B,) the figure of each resample.
        confidence: the share of resamples inside.
        within: the range of the figure, to which the bounds are cut.

    Raises:
        ValueError: `confidence` is not between 0 and 1.
    """
    check_confidence(confidence)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail]) + (estimate - np.mean(values))
    return enclosing(estimate, float(low), float(high), within)


def enclosing(estimate: float, low: float, high: float, within: Bounds) -> Bounds:
    """The bounds cut to a range, and moved to `estimate` where it lies outside of them."""
    low, high = max(low, within[0]), min(high, within[1])
    return min(low, estimate), max(high, estimate)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1 with a ValueError."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
