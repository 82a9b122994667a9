"""What guessing would score on the tested units: the level below which features have nothing to say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The standard error of both figures is then below .003, with 18 units as with 2000.
GUESSES = 2000


@dataclass(frozen=True)
class Chance:
    """Expected weighted F1 and macro average precision, in [0, 1]."""

    f1_weighted: float
    map: float


def chance_level(label: NDArray[np.integer], num_classes: int, rng: np.random.Generator) -> Chance:
    """The mean figures of `GUESSES` random guesses.

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
