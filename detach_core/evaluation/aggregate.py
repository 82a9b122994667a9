"""Runs with several seeds and splits -> one row: mean and standard deviation over runs, and an interval of the mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detach_core.contracts.metrics import Metrics, ProtocolResult
from detach_core.evaluation.intervals import FRACTION, Estimate, estimate, f1_of, map_of, split_metrics


@dataclass(frozen=True)
class MetricSummary:
    """Mean over splits and seeds, its interval, and the standard deviation over the runs (None with one run).

    `chance` is the score of random guesses on the same units, the mean over the splits.
    """

    mean: float
    low: float
    high: float
    sd: float | None
    chance: float


@dataclass(frozen=True)
class Row:
    """One dataset, variant and protocol; `run` is the first split's run of the lowest seed and stands for all.

    `n_test` counts tested windows or sequences, `n_units` the gesture instances or sequences that are resampled, both
    over all splits. A subject who is held out by one split only is counted once. `fold_draws` is how many draws
    of folds a run's metric is a mean over, the most of any run.
    """

    run: Metrics
    protocol: str
    seeds: tuple[int, ...]
    splits: tuple[str, ...]
    n_test: int
    n_units: int
    fold_draws: int
    f1_weighted: MetricSummary
    map: MetricSummary
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
        tested = [run.protocols[protocol].predictions[0].unit for run in group]
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
    each = [group[0].protocols[protocol] for group in groups]
    return Row(
        run=first,
        protocol=protocol,
        seeds=tuple(run.seed for run in groups[0]),
        splits=tuple(group[0].split for group in groups),
        n_test=sum(one.n_test for one in each),
        n_units=sum(one.n_units for one in each),
        fold_draws=max(len(one.predictions) for one in results),
        f1_weighted=_summary("f1_weighted", groups, protocol),
        map=_summary("map", groups, protocol),
        absent_classes=tuple(dict.fromkeys(name for one in each for name in one.absent_classes)),
        commits=tuple(sorted({run.provenance.commit for run in runs})),
    )


def _summary(name: str, groups: Sequence[Sequence[Metrics]], protocol: str) -> MetricSummary:
    """The metric called `name` over the runs of each split."""
    splits = [[run.protocols[protocol] for run in group] for group in groups]
    values = [getattr(one, name) for split in splits for one in split]
    chance = float(np.mean([getattr(split[0], f"chance_{name}") for split in splits]))
    if len(values) == 1:
        one = splits[0][0]
        return MetricSummary(values[0], getattr(one, f"{name}_low"), getattr(one, f"{name}_high"), None, chance)
    found = _estimate(name, splits, groups[0][0])
    return MetricSummary(float(np.mean(values)), found.low, found.high, float(np.std(values, ddof=1)), chance)


def _estimate(name: str, splits: Sequence[Sequence[ProtocolResult]], run: Metrics) -> Estimate:
    metric = map_of if name == "map" else f1_of(len(run.class_names))
    metrics = [split_metrics([one.predictions for one in split], metric) for split in splits]
    return estimate(metrics, run.interval, FRACTION)
