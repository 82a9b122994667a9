"""Weighted F1 and mAP of predictions as functions of their units' weights, one column for each draw of folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.metrics import Predictions
from detach_core.evaluation.hierarchy import FigureOfWeights, SplitFigures
from detach_core.evaluation.metrics import mean_average_precision, weighted_f1

Values = NDArray[np.float64]
# A figure of predictions under B weightings of their units: (predictions, (B, N) weights) -> (B,).
FigureOf = Callable[[Predictions, Values], Values]
FRACTION = (0.0, 1.0)


def f1_of(num_classes: int) -> FigureOf:
    """Weighted F1 of `num_classes` classes as a `FigureOf`."""
    return lambda one, weight: weighted_f1(one.label, one.predicted, num_classes, weight)


def map_of(one: Predictions, weight: Values) -> Values:
    """Macro average precision as a `FigureOf`."""
    return mean_average_precision(one.label, one.probabilities, weight)


def over_draws(draws: Sequence[Predictions], figure: FigureOf) -> FigureOfWeights:
    """The figure of each draw of folds, (B, D), under weights of the units, which all draws share."""
    return lambda weight: np.stack([figure(one, weight) for one in draws], axis=1)


def split_figures(seeds: Sequence[Sequence[Predictions]], figure: FigureOf) -> SplitFigures:
    """One split's units, and the figure of each seed's draws."""
    units = seeds[0][0]
    return SplitFigures(units.instance, units.label, tuple(over_draws(draws, figure) for draws in seeds))
