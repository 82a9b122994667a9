"""Means of a figure over splits and seeds, and their intervals.

One run has a bootstrap over its units alone (`intervals.py`): what another seed would give is not in it. Several runs
have an interval of Student's t around their mean. Its variance adds what units, draws of folds, seeds and splits vary,
its degrees of freedom are those of Satterthwaite (1946). Drawing three seeds with replacement, as a bootstrap would,
leaves a third of their variance out and takes the rest for known (coverages: `docs/statistics.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from detach_core.contracts.metrics import Interval
from detach_core.evaluation.intervals import (
    UNBOUNDED,
    Bounds,
    check_confidence,
    draw_weights,
    enclosing,
    resampling_weights,
    shifted_interval,
)

Values = NDArray[np.float64]
# Weights (B, N) of a split's units -> (B,) figures, or (B, D): one for each draw of folds.
FigureOfWeights = Callable[[Values], Values]


@dataclass(frozen=True)
class SplitFigures:
    """One split's units, and a figure of them for each seed.

    Attributes:
        instance: (N,) gesture instance or sequence of each unit, -1 for one of its own.
        stratum: (N,) class within which instances are drawn.
        figures: for each seed, the figure under weights of the units.
    """

    instance: NDArray[np.int64]
    stratum: NDArray[np.int64]
    figures: tuple[FigureOfWeights, ...]


@dataclass(frozen=True)
class Estimate:
    """The mean of a figure over splits and seeds, and its bounds."""

    value: float
    low: float
    high: float


def estimate(splits: Sequence[SplitFigures], interval: Interval, within: Bounds = UNBOUNDED) -> Estimate:
    """Mean over splits, seeds and draws of folds with its interval.

    All seeds of a split get the same resamples of its units and draws.

    Args:
        splits: units and figures.
        interval: resamples, confidence and seed.
        within: the range of the figure.

    Raises:
        ValueError: no split, or a split without a seed.
    """
    rng = np.random.default_rng([interval.seed, 6])
    plain, drawn = [], []
    for split in splits:
        weight = resampling_weights(split.instance, split.stratum, interval.resamples, rng)
        once = np.ones((1, len(split.instance)))
        plain_of_draws = np.stack([_columns(figure(once))[0] for figure in split.figures])
        drawn_of_draws = np.stack([_columns(figure(weight)) for figure in split.figures], axis=1)
        share = draw_weights(plain_of_draws.shape[1], interval.resamples, rng)
        plain.append(plain_of_draws.mean(axis=1))
        drawn.append(np.einsum("bkd,bd->bk", drawn_of_draws, share))
    return estimate_of_mean(plain, drawn, interval.confidence, within)


def _columns(values: Values) -> Values:
    """(B, D) figures; without draws D is 1."""
    return values if values.ndim == 2 else values[:, None]


def estimate_of_mean(
    plain: Sequence[Values], drawn: Sequence[Values], confidence: float, within: Bounds = UNBOUNDED
) -> Estimate:
    """The mean over splits of the mean over seeds, and its interval.

    Args:
        plain: for each split the figure of each of its K seeds, (K,).
        drawn: for each split (B, K): the same under B resamplings of that split's units.
        confidence: of the interval.
        within: the range of the figure, to which the interval is cut.

    Raises:
        ValueError: no split, a split without a seed, arrays that do not fit each other, or another confidence.
    """
    shapes = [(one.shape, other.shape) for one, other in zip(plain, drawn, strict=False)]
    fits = len(plain) == len(drawn) > 0 and all(len(b) == 2 and b[1:] == a and a[0] > 0 and b[0] > 0 for a, b in shapes)
    if not fits:
        raise ValueError(f"expected (K >= 1,) and (B, K) for each split, got {shapes}")
    check_confidence(confidence)
    value = float(np.mean([one.mean() for one in plain]))
    if sum(map(len, plain)) == 1:
        return Estimate(value, *shifted_interval(value, drawn[0][:, 0], confidence, within))
    variance, freedom = _variance_of_mean(plain, drawn)
    quantile = (1.0 + confidence) / 2.0
    reach = float(np.sqrt(variance) * (stdtrit(freedom, quantile) if np.isfinite(freedom) else ndtri(quantile)))
    return Estimate(value, *enclosing(value, value - reach, value + reach, within))


def _variance_of_mean(plain: Sequence[Values], drawn: Sequence[Values]) -> tuple[float, float]:
    """The variance of the mean over splits and seeds, and its degrees of freedom.

    Splits differ at least by what units and seeds explain. Where their means vary more than that, the surplus is the
    splits' own.
    """
    num_splits = len(plain)
    units = sum(float(np.var(one.mean(axis=1), ddof=1)) if len(one) > 1 else 0.0 for one in drawn) / num_splits**2
    repeats = sum(len(one) - 1 for one in plain)
    of_one_seed = sum(float(((one - one.mean()) ** 2).sum()) for one in plain) / repeats if repeats else 0.0
    seeds = of_one_seed * sum(1.0 / len(one) for one in plain) / num_splits**2
    explained = units + seeds
    if num_splits > 1:
        between = float(np.var([one.mean() for one in plain], ddof=1)) / num_splits
        if between > explained:
            return between, num_splits - 1.0
    # Resamples are many: what units vary counts as known.
    return explained, repeats * (explained / seeds) ** 2 if seeds > 0.0 else np.inf
