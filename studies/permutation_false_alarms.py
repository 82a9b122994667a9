"""False alarms of the permutation test where several splits test the same gestures.

    ./run python -m studies.permutation_false_alarms [--homes 2000] [--seed 0]

Two methods that are equally good are compared on simulated tests, where a gesture that several splits test is answered
much alike in all of them. Counted is how often p falls to .05 or below, once with each gesture swapped in all splits at
once, as `significance.csv` does, and once in each split by itself. The table goes to docs/statistics/.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from detach_core.contracts.metrics import Predictions
from detach_core.evaluation.paired import SplitPair, swap_test
from detach_core.foundation.files import write_text
from detach_core.reports.tables import markdown

PATH = Path(__file__).resolve().parents[1] / "docs" / "statistics" / "permutation_false_alarms.csv"
GESTURES, WINDOWS, CLASSES = 40, 3, 4
# Share of the gestures that a split tests; mean and deviations of the log odds of a right answer.
TESTED, MEAN, OF_GESTURE, OF_METHOD, OF_SPLIT = 0.5, 0.5, 1.0, 1.0, 0.5
LEVEL = 0.05
SWAPS = 999


def simulated_test(num_splits: int, rng: np.random.Generator) -> list[SplitPair]:
    """Two equally good methods on `num_splits` splits, each of which tests about half of the same gestures.

    The log odds of a right answer are those of the gesture, plus the method's own for the gesture, the same in all
    splits, plus a new one for each split. A wrong answer is any other class.
    """
    own = rng.normal(0.0, OF_GESTURE, GESTURES) + rng.normal(0.0, OF_METHOD, (2, GESTURES))
    return [_tested_split(own, rng) for _ in range(num_splits)]


def _tested_split(own: np.ndarray, rng: np.random.Generator) -> SplitPair:
    gesture = np.repeat(np.flatnonzero(rng.random(GESTURES) < TESTED), WINDOWS)
    unit = gesture * WINDOWS + np.tile(np.arange(WINDOWS), len(gesture) // WINDOWS)
    label = gesture % CLASSES
    first, second = (_answers(odds, gesture, unit, label, rng) for odds in own)
    return SplitPair((first,), (second,))


def _answers(
    odds: np.ndarray, gesture: np.ndarray, unit: np.ndarray, label: np.ndarray, rng: np.random.Generator
) -> Predictions:
    here = MEAN + odds + rng.normal(0.0, OF_SPLIT, GESTURES)
    right = rng.random(len(gesture)) < 1.0 / (1.0 + np.exp(-here[gesture]))
    predicted = np.where(right, label, (label + rng.integers(1, CLASSES, len(label))) % CLASSES)
    return Predictions(unit, gesture, label, predicted, np.eye(CLASSES)[predicted])


def swapped_apart(pairs: Sequence[SplitPair]) -> list[SplitPair]:
    """The same answers, with a gesture of several splits counted as one in each of them."""

    def renamed(one: Predictions, split: int) -> Predictions:
        return dataclasses.replace(one, instance=one.instance + split * GESTURES)

    def renamed_all(side: tuple[Predictions, ...], split: int) -> tuple[Predictions, ...]:
        return tuple(renamed(one, split) for one in side)

    return [
        SplitPair(renamed_all(pair.first, split), renamed_all(pair.second, split)) for split, pair in enumerate(pairs)
    ]


def false_alarms(num_splits: int, num_homes: int, seed: int, swaps: int = SWAPS) -> dict[str, float]:
    """Share of p values at or below .05, gestures swapped `together` in all splits and `apart` in each."""
    rng = np.random.default_rng([seed, num_splits])
    found: dict[str, list[bool]] = {"together": [], "apart": []}
    for number in range(num_homes):
        pairs = simulated_test(num_splits, rng)
        for way, tested in (("together", pairs), ("apart", swapped_apart(pairs))):
            found[way].append(swap_test(tested, CLASSES, swaps=swaps, seed=number).p <= LEVEL)
    return {way: float(np.mean(alarms)) for way, alarms in found.items()}


def binomial_error(rate: float, count: int) -> float:
    """Standard error of a share that is `rate` in truth, among `count`."""
    return float(np.sqrt(rate * (1.0 - rate) / count))


def write_rates(rates: Mapping[int, Mapping[str, float]], *, num_homes: int, seed: int, path: Path) -> None:
    """Write the rates by number of splits at `path` and, for readers, beside it as `.md`."""
    frame = pd.DataFrame([{"splits": splits, **found} for splits, found in rates.items()])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, frame.to_csv(index=False, float_format="%.4f", lineterminator="\n"))
    caption = (
        f"Share of p values at or below {LEVEL:g} between two methods that are equally good, by how the gestures that"
        f" several splits test are swapped; {num_homes} simulated tests of {GESTURES} gestures with {WINDOWS} windows"
        f" each, of which a split tests {TESTED:.0%}; standard error of a true {LEVEL:g}:"
        f" {binomial_error(LEVEL, num_homes):.3f}; seed {seed}; written by `studies/{Path(__file__).name}`."
    )
    shown = frame.astype({"splits": str}).rename(
        columns={"splits": "Splits", "together": "In all splits at once", "apart": "In each split by itself"}
    )
    write_text(path.with_suffix(".md"), markdown(shown, "False alarms of the permutation test", caption))


def main(num_splits: Iterable[int], num_homes: int, seed: int) -> None:
    """Measure the rates and write them."""
    rates = {count: false_alarms(count, num_homes, seed) for count in num_splits}
    write_rates(rates, num_homes=num_homes, seed=seed, path=PATH)
    print(PATH.with_suffix(".md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    main((1, 4, 9), given.homes, given.seed)
