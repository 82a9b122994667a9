"""Runs with several seeds -> one row: mean, standard deviation over seeds, and an interval of the mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detach_core.contracts.metrics import Metrics
from detach_core.evaluation.intervals import percentile_interval, resampling_weights
from detach_core.evaluation.metrics import mean_average_precision, weighted_f1

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """Mean over seeds, its interval, and the standard deviation over seeds (None with one seed)."""

    mean: float
    low: float
    high: float
    sd: float | None


@dataclass(frozen=True)
class Row:
    """One dataset, variant and protocol; `run` is the run of the lowest seed and stands for what all have in common."""

    run: Metrics
    protocol: str
    seeds: tuple[int, ...]
    n_test: int
    f1_weighted: Figure
    map: Figure
    absent_classes: tuple[str, ...]
    commits: tuple[str, ...]


def aggregate(runs: Iterable[Metrics]) -> list[Row]:
    """A row for each dataset, variant and protocol, in the order in which they first come.

    Raises:
        ValueError: two runs of one seed, or seeds that were not tested on the same units.
    """
    groups: dict[tuple[str, str], list[Metrics]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.variant), []).append(run)
    return [
        _row(sorted(group, key=lambda run: run.seed), protocol)
        for group in groups.values()
        for protocol in group[0].protocols
    ]


def _row(group: Sequence[Metrics], protocol: str) -> Row:
    seeds = tuple(run.seed for run in group)
    results = [run.protocols[protocol] for run in group]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"{group[0].variant} on {group[0].dataset}: two runs have one seed in {seeds}")
    if any(not np.array_equal(one.predictions.unit, results[0].predictions.unit) for one in results):
        raise ValueError(f"{group[0].variant} on {group[0].dataset}: the seeds were tested on different units")
    first = results[0]
    f1_bounds = (first.f1_weighted_low, first.f1_weighted_high)
    map_bounds = (first.map_low, first.map_high)
    if len(group) > 1:
        f1_bounds, map_bounds = _bounds_over_seeds(group, protocol)
    return Row(
        run=group[0],
        protocol=protocol,
        seeds=seeds,
        n_test=first.n_test,
        f1_weighted=_figure([one.f1_weighted for one in results], f1_bounds),
        map=_figure([one.map for one in results], map_bounds),
        absent_classes=first.absent_classes,
        commits=tuple(sorted({run.provenance.commit for run in group})),
    )


def _figure(values: Sequence[float], bounds: Bounds) -> Figure:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Figure(float(np.mean(values)), *bounds, sd)


def _bounds_over_seeds(group: Sequence[Metrics], protocol: str) -> tuple[Bounds, Bounds]:
    """Bounds of the mean over seeds, when both the tested instances and the seeds are drawn anew."""
    interval, num_classes = group[0].interval, len(group[0].class_names)
    first = group[0].protocols[protocol].predictions
    rng = np.random.default_rng([interval.seed, 5])
    weight = resampling_weights(first.instance, first.label, interval.resamples, rng)
    drawn = rng.integers(len(group), size=(interval.resamples, len(group)))
    by_seed = [run.protocols[protocol].predictions for run in group]
    f1 = np.stack([weighted_f1(one.label, one.predicted, num_classes, weight) for one in by_seed], axis=1)
    precision = np.stack([mean_average_precision(one.label, one.probabilities, weight) for one in by_seed], axis=1)
    f1_bounds, map_bounds = (
        percentile_interval(np.take_along_axis(values, drawn, axis=1).mean(axis=1), interval.confidence)
        for values in (f1, precision)
    )
    return f1_bounds, map_bounds
