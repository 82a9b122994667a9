"""Runs with several seeds and splits -> one row: mean and standard deviation over runs, and an interval of the mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detach_core.contracts.metrics import Metrics
from detach_core.evaluation.hierarchy import hierarchical_means
from detach_core.evaluation.intervals import percentile_interval, resampling_weights
from detach_core.evaluation.metrics import mean_average_precision, weighted_f1

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """Mean over splits and seeds, its interval, and the standard deviation over the runs (None with one run)."""

    mean: float
    low: float
    high: float
    sd: float | None


@dataclass(frozen=True)
class Row:
    """One dataset, variant and protocol; `run` is the first split's run of the lowest seed and stands for all.

    `n_test` counts tested windows or sequences, `n_units` the gesture instances or sequences that are resampled, both
    over all splits. A subject who is held out by one split only is counted once.
    """

    run: Metrics
    protocol: str
    seeds: tuple[int, ...]
    splits: tuple[str, ...]
    n_test: int
    n_units: int
    f1_weighted: Figure
    map: Figure
    absent_classes: tuple[str, ...]
    commits: tuple[str, ...]


def aggregate(runs: Iterable[Metrics]) -> list[Row]:
    """A row for each dataset, variant and protocol, in the order in which they first come.

    Raises:
        ValueError: two runs of one split and seed, splits with other seeds, or seeds of a split that were not tested on
            the same units.
    """
    groups: dict[tuple[str, str], list[Metrics]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.variant), []).append(run)
    return [
        _row(group, protocol)
        for group in groups.values()
        for protocol in dict.fromkeys(name for run in group for name in run.protocols)
    ]


def by_split(runs: Sequence[Metrics], protocol: str) -> dict[str, list[Metrics]]:
    """Split -> its runs in the order of their seeds, for the splits that have `protocol`.

    Raises:
        ValueError: as `aggregate`.
    """
    found: dict[str, list[Metrics]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        if protocol in run.protocols:
            found.setdefault(run.split, []).append(run)
    name = f"{runs[0].variant} on {runs[0].dataset}"
    seeds = [tuple(run.seed for run in group) for group in found.values()]
    for split, group in found.items():
        tested = [run.protocols[protocol].predictions.unit for run in group]
        if len({run.seed for run in group}) < len(group):
            raise ValueError(f"{name}: two runs of split {split} have one seed in {[run.seed for run in group]}")
        if any(not np.array_equal(one, tested[0]) for one in tested):
            raise ValueError(f"{name}: the seeds of split {split} were tested on different units")
    if len(set(seeds)) > 1:
        raise ValueError(f"{name}: splits with different seeds: {sorted(set(seeds))}")
    return found


def _row(runs: Sequence[Metrics], protocol: str) -> Row:
    order = list(dict.fromkeys(run.split for run in runs))
    splits = by_split(runs, protocol)
    groups = [splits[split] for split in order if split in splits]
    first = groups[0][0]
    results = [run.protocols[protocol] for group in groups for run in group]
    f1_bounds = (results[0].f1_weighted_low, results[0].f1_weighted_high)
    map_bounds = (results[0].map_low, results[0].map_high)
    if len(results) > 1:
        f1_bounds, map_bounds = _bounds(groups, protocol)
    each = [group[0].protocols[protocol] for group in groups]
    return Row(
        run=first,
        protocol=protocol,
        seeds=tuple(run.seed for run in groups[0]),
        splits=tuple(group[0].split for group in groups),
        n_test=sum(one.n_test for one in each),
        n_units=sum(one.n_units for one in each),
        f1_weighted=_figure([one.f1_weighted for one in results], f1_bounds),
        map=_figure([one.map for one in results], map_bounds),
        absent_classes=tuple(dict.fromkeys(name for one in each for name in one.absent_classes)),
        commits=tuple(sorted({run.provenance.commit for run in runs})),
    )


def _figure(values: Sequence[float], bounds: Bounds) -> Figure:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Figure(float(np.mean(values)), *bounds, sd)


def _bounds(groups: Sequence[Sequence[Metrics]], protocol: str) -> tuple[Bounds, Bounds]:
    """Bounds of the means, when splits, seeds and tested instances are drawn anew."""
    interval, num_classes = groups[0][0].interval, len(groups[0][0].class_names)
    rng = np.random.default_rng([interval.seed, 5])
    f1, precision = [], []
    for group in groups:
        tested = [run.protocols[protocol].predictions for run in group]
        weight = resampling_weights(tested[0].instance, tested[0].label, interval.resamples, rng)
        f1.append(np.stack([weighted_f1(one.label, one.predicted, num_classes, weight) for one in tested], axis=1))
        values = [mean_average_precision(one.label, one.probabilities, weight) for one in tested]
        precision.append(np.stack(values, axis=1))
    f1_bounds, map_bounds = (
        percentile_interval(hierarchical_means(values, rng), interval.confidence) for values in (f1, precision)
    )
    return f1_bounds, map_bounds
