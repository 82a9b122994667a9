"""Coverage of intervals of a mean over seeds and splits.

./run python -m studies.seed_coverage
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detach_core.evaluation.intervals import estimate_of_mean, resampling_weights
from studies.common import even_labels, plain_weights, write

CONFIDENCE, RESAMPLES, EXPERIMENTS = 0.95, 300, 400
NUM_UNITS, NUM_CLASSES = 18, 5
# Of a unit's variance, this share is the unit's own and the same for all seeds.
COMMON = 0.64
Values = NDArray[np.float64]


def drawn_with_replacement(drawn: Sequence[Values], rng: np.random.Generator) -> tuple[float, float]:
    """Percentile bounds when splits and, in them, seeds are drawn with replacement."""
    resamples, num_splits = len(drawn[0]), len(drawn)
    chosen = rng.integers(num_splits, size=(resamples, num_splits))
    means = np.zeros(resamples)
    for place in range(num_splits):
        for split, one in enumerate(drawn):
            rows = np.flatnonzero(chosen[:, place] == split)
            seeds = rng.integers(one.shape[1], size=(len(rows), one.shape[1]))
            means[rows] += one[rows[:, None], seeds].mean(axis=1)
    low, high = np.quantile(means / num_splits, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return float(low), float(high)


def experiment(
    seed_sd: float, split_sd: float, num_splits: int, num_seeds: int, rng: np.random.Generator
) -> tuple[list[Values], list[Values], list[Values]]:
    """Plain figures, those of resamples of n - 1 units a class, and of n; the true mean is 0.

    A figure is a mean over units with a standard deviation of 1 / sqrt(N); `seed_sd` and `split_sd` are multiples of
    it.
    """
    label, unit = even_labels(NUM_UNITS, NUM_CLASSES), np.arange(NUM_UNITS)
    scale = NUM_UNITS**-0.5
    plain, fewer, as_many = [], [], []
    for _ in range(num_splits):
        own = rng.normal(size=(NUM_UNITS, 1)) * COMMON**0.5
        values = own + rng.normal(size=(NUM_UNITS, num_seeds)) * (1.0 - COMMON) ** 0.5
        values = values + (rng.normal(size=num_seeds) * seed_sd + rng.normal() * split_sd) * scale
        plain.append(values.mean(axis=0))
        fewer.append(resampling_weights(unit, label, RESAMPLES, rng) @ values / NUM_UNITS)
        as_many.append(plain_weights(label, RESAMPLES, rng) @ values / NUM_UNITS)
    return plain, fewer, as_many


def line(seed_sd: float, split_sd: float, num_splits: int, num_seeds: int) -> dict[str, object]:
    """One line of the table."""
    held = []
    for number in range(EXPERIMENTS):
        rng = np.random.default_rng([int(10 * seed_sd), int(10 * split_sd), num_splits, num_seeds, number])
        plain, fewer, as_many = experiment(seed_sd, split_sd, num_splits, num_seeds, rng)
        before = drawn_with_replacement(as_many, rng)
        now = estimate_of_mean(plain, fewer, CONFIDENCE)
        held.append(
            (before[0] <= 0.0 <= before[1], now.low <= 0.0 <= now.high, before[1] - before[0], now.high - now.low)
        )
    before_holds, now_holds, before_width, now_width = np.mean(held, axis=0)
    return {
        "splits": num_splits,
        "seeds": num_seeds,
        "seed_sd": seed_sd,
        "split_sd": split_sd,
        "drawn_holds": before_holds,
        "t_holds": now_holds,
        "drawn_width": before_width * NUM_UNITS**0.5,
        "t_width": now_width * NUM_UNITS**0.5,
    }


def main() -> None:
    """Write `docs/statistics/seed_coverage`."""
    lines = [
        line(seed_sd, split_sd, num_splits, num_seeds)
        for num_splits, num_seeds, seed_sd, split_sd in product((1, 4, 9), (1, 3, 5), (0.5, 1.0, 2.0), (0.0, 1.0, 2.0))
        # With one split its own deviation is part of what is estimated.
        if num_splits > 1 or split_sd == 0.0
    ]
    caption = (
        f"{NUM_UNITS} units. Share of {EXPERIMENTS} experiments whose {CONFIDENCE:.0%} interval holds the true mean"
        " (standard error .01 near .95), and its width. Deviations of seeds and splits and the widths are multiples of"
        " the standard error that the units alone give one run. `drawn`: units, seeds and splits drawn with"
        " replacement, the interval before; `t`: the workflow's, `estimate_of_mean`. With one seed and one split it is"
        " the bootstrap of the units, and holds the mean over trainings less often the more trainings differ."
    )
    write("seed_coverage", pd.DataFrame(lines), title="Coverage over seeds and splits", caption=caption)


if __name__ == "__main__":
    main()
