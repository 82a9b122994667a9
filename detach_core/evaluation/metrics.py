"""Weighted F1, macro one-vs-rest average precision and their chance levels, for many weightings of the same units.

A weighting (B, N) says how often each of B resamples has each of N units; ones give the plain value. Values equal
scikit-learn's `f1_score(average="weighted", zero_division=0)` and `average_precision_score` with sample weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]

Values = NDArray[np.float64]


def confusion_matrix(label: Labels, predicted: Labels, num_classes: int) -> NDArray[np.int64]:
    """Counts (K, K): row the true class, column the predicted one."""
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (label, predicted), 1)
    return counts


def f1_by_class(label: Labels, predicted: Labels, num_classes: int, weight: Values) -> tuple[Values, Values]:
    """F1 of each class, (B, K), in [0, 1], 0 for one neither true nor predicted; and each class's weight, (B, K)."""
    _check(label, predicted, weight)
    classes = np.arange(num_classes)
    is_class = (label[:, None] == classes).astype(np.float64)
    is_predicted = (predicted[:, None] == classes).astype(np.float64)
    support = weight @ is_class
    hits = weight @ (is_class * is_predicted)
    total = support + weight @ is_predicted
    return np.divide(2.0 * hits, total, out=np.zeros_like(hits), where=total > 0.0), support


def weighted_f1(label: Labels, predicted: Labels, num_classes: int, weight: Values) -> Values:
    """The mean of the classes' F1, weighted by their support, (B,), in [0, 1]."""
    f1, support = f1_by_class(label, predicted, num_classes, weight)
    return np.asarray((f1 * support).sum(axis=1) / support.sum(axis=1))


def average_precision(label: Labels, probabilities: Values, weight: Values) -> Values:
    """One-vs-rest average precision of each class, (B, K), in [0, 1]; NaN where a class has no weight.

    Units of equal probability count as found together, as in scikit-learn.
    """
    _check(label, probabilities, weight)
    result = np.full((len(weight), probabilities.shape[1]), np.nan)
    for k in range(probabilities.shape[1]):
        order = np.argsort(-probabilities[:, k], kind="stable")
        score = probabilities[order, k]
        is_positive = label[order] == k
        if not is_positive.any():
            continue
        # The last unit of each run of equal scores: precision is read there for the whole run.
        run_end = np.searchsorted(-score, -score, side="right") - 1
        weight_sorted = weight[:, order]
        found = np.cumsum(weight_sorted, axis=1)[:, run_end[is_positive]]
        hits = np.cumsum(weight_sorted[:, is_positive], axis=1)
        hits_at_end = hits[:, np.cumsum(is_positive)[run_end[is_positive]] - 1]
        precision = np.divide(hits_at_end, found, out=np.zeros_like(found), where=found > 0.0)
        total = hits[:, -1]
        area = (precision * weight_sorted[:, is_positive]).sum(axis=1)
        np.divide(area, total, out=result[:, k], where=total > 0.0)
    return result


def mean_average_precision(label: Labels, probabilities: Values, weight: Values) -> Values:
    """The mean of the average precision over the classes present, (B,), in [0, 1]."""
    return np.asarray(np.nanmean(average_precision(label, probabilities, weight), axis=1))


def _check(label: Labels, other: Labels | Values, weight: Values) -> None:
    if label.ndim != 1 or not len(label) or len(other) != len(label) or weight.shape[1:] != label.shape:
        raise ValueError(f"expected N units, got labels {label.shape}, {other.shape} and weights {weight.shape}")


# The standard error of both metrics is then below .003, with 18 units as with 2000.
GUESSES = 2000


@dataclass(frozen=True)
class Chance:
    """Expected weighted F1 and macro average precision, in [0, 1]."""

    f1_weighted: float
    map: float


def chance_level(label: NDArray[np.integer], num_classes: int, rng: np.random.Generator) -> Chance:
    """The mean metrics of `GUESSES` random guesses.

    Weighted F1 is that of guesses among `num_classes` classes with equal chances, average precision that of a random
    order. It exceeds a class's share where the class has few units: of 18 units and 5 classes, .32 instead of .20.

    Args:
        label: (N,) true classes of the tested units.
        num_classes: K.
        rng: guesses.

    Raises:
        ValueError: no unit.
    """
    if label.ndim != 1 or not len(label):
        raise ValueError(f"expected (N,) labels, got {label.shape}")
    f1, precision = 0.0, []
    guess = rng.integers(num_classes, size=(GUESSES, len(label)), dtype=np.int32)
    order = rng.permuted(np.tile(label, (GUESSES, 1)), axis=1)
    place = np.arange(1, len(label) + 1)
    for k in np.unique(label):
        guessed, true = guess == k, label == k
        hits, support = guessed[:, true].sum(axis=1), int(true.sum())
        f1 += float((2.0 * hits / (support + guessed.sum(axis=1))).mean()) * support / len(label)
        found = order == k
        precision.append(float((np.cumsum(found, axis=1) / place * found).sum(axis=1).mean()) / support)
    return Chance(f1, float(np.mean(precision)))
