"""Coverage of bootstrap intervals for the expected and the limiting value of weighted F1 and mAP.

./run python -m studies.interval_coverage
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from detach_core.evaluation.intervals import resampling_weights, shifted_interval
from detach_core.evaluation.metrics import mean_average_precision, weighted_f1
from studies.common import even_labels, plain_weights, write

CONFIDENCE, RESAMPLES, EXPECTATION = 0.95, 500, 4000
FIGURES = ("F1", "mAP")
Values = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A test of `units` units whose true class's score is higher by `signal` standard deviations of the noise."""

    units: int
    classes: int
    signal: float
    tests: int


CASES = (
    Case(18, 5, 0.0, 600),
    Case(18, 5, 1.0, 600),
    Case(18, 5, 2.0, 600),
    Case(60, 5, 1.0, 400),
    Case(200, 5, 1.0, 200),
    Case(203, 14, 0.0, 120),
    Case(203, 14, 1.5, 120),
)


def probabilities(label: Ids, num_classes: int, signal: float, rng: np.random.Generator) -> Values:
    """(N, K) predicted probabilities of a simulated classifier."""
    scores = rng.normal(size=(len(label), num_classes))
    scores[np.arange(len(label)), label] += signal
    odds = np.exp(scores)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def both(label: Ids, said: Values, weight: Values) -> Values:
    """(2, B) weighted F1 and mAP."""
    f1 = weighted_f1(label, said.argmax(axis=1), said.shape[1], weight)
    return np.stack([f1, mean_average_precision(label, said, weight)])


def accelerated(estimate: float, values: Values, left_out: Values) -> tuple[float, float]:
    """Efron's BCa bounds; `left_out` (N,) is the figure without each unit."""
    below = (values < estimate).mean() + 0.5 * (values == estimate).mean()
    bias = ndtri(np.clip(below, 0.5 / len(values), 1.0 - 0.5 / len(values)))
    apart = left_out.mean() - left_out
    spread = float((apart**2).sum()) ** 1.5
    skew = float((apart**3).sum()) / (6.0 * spread) if spread > 0.0 else 0.0
    tails = bias + ndtri(np.array([1.0 - CONFIDENCE, 1.0 + CONFIDENCE]) / 2.0)
    low, high = np.quantile(values, ndtr(bias + tails / (1.0 - skew * tails)))
    return float(low), float(high)


def intervals(label: Ids, said: Values, rng: np.random.Generator) -> Iterator[tuple[str, str, float, float]]:
    """(method, figure, low, high)."""
    estimate = both(label, said, np.ones((1, len(label))))[:, 0]
    left_out = both(label, said, 1.0 - np.eye(len(label)))
    tail = (1.0 - CONFIDENCE) / 2.0
    drawn = {
        "n": both(label, said, plain_weights(label, RESAMPLES, rng)),
        "n-1": both(label, said, resampling_weights(np.arange(len(label)), label, RESAMPLES, rng)),
    }
    for count, values in drawn.items():
        for k, figure in enumerate(FIGURES):
            low, high = np.quantile(values[k], [tail, 1.0 - tail])
            yield f"percentile, {count} drawn", figure, float(low), float(high)
            bounds = shifted_interval(float(estimate[k]), values[k], CONFIDENCE, (0.0, 1.0))
            yield f"shifted, {count} drawn", figure, *bounds
    for k, figure in enumerate(FIGURES):
        yield "BCa, n drawn", figure, *accelerated(float(estimate[k]), drawn["n"][k], left_out[k])


def lines(case: Case) -> Iterator[dict[str, object]]:
    """The table's lines of one case."""
    label, rng = even_labels(case.units, case.classes), np.random.default_rng(1)
    once = np.ones((1, case.units))
    said = (probabilities(label, case.classes, case.signal, rng) for _ in range(EXPECTATION))
    expected = np.mean([both(label, one, once)[:, 0] for one in said], axis=0)
    many = even_labels(2000 * case.classes, case.classes)
    limit = both(many, probabilities(many, case.classes, case.signal, rng), np.ones((1, len(many))))[:, 0]
    held: dict[tuple[str, str], list[tuple[bool, bool, float]]] = {}
    for number in range(case.tests):
        rng = np.random.default_rng([2, number])
        for method, figure, low, high in intervals(label, probabilities(label, case.classes, case.signal, rng), rng):
            k = FIGURES.index(figure)
            inside = [bool(low <= value <= high) for value in (expected[k], limit[k])]
            held.setdefault((figure, method), []).append((inside[0], inside[1], high - low))
    for (figure, method), found in held.items():
        k = FIGURES.index(figure)
        cover, cover_limit, width = np.mean(found, axis=0)
        yield {
            "units": case.units,
            "classes": case.classes,
            "signal": case.signal,
            "figure": figure,
            "interval": method,
            "expected": expected[k],
            "holds_expected": cover,
            "limit": limit[k],
            "holds_limit": cover_limit,
            "width": width,
        }


def main() -> None:
    """Write `docs/statistics/interval_coverage`."""
    frame = pd.DataFrame([line for case in CASES for line in lines(case)])
    frame = frame.sort_values(["units", "classes", "signal", "figure", "interval"], kind="stable")
    caption = (
        f"Share of tests whose {CONFIDENCE:.0%} interval holds the expected value of the figure at this number of"
        f" units, and its limit for a test without end; {RESAMPLES} resamples; tests:"
        f" {', '.join(f'{case.tests} of {case.units} units' for case in CASES)}, so that a share near .95 has a"
        " standard error of .01 to .02. The workflow's is `shifted, n-1 drawn`, the one before it"
        " `percentile, n drawn`."
    )
    write("interval_coverage", frame, title="Coverage of bootstrap intervals", caption=caption)


if __name__ == "__main__":
    main()
