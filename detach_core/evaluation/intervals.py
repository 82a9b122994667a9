"""Intervals of metrics: stratified bootstrap over gesture instances, and Student's t over seeds and splits.

Overlapping windows of one gesture are not independent, so the gesture is drawn, with all its windows. Drawing within
each class keeps every class in every resample, so that average precision stays defined. Of n instances of a class
n - 1 are drawn and weighted n / (n - 1), which makes the variance of a mean the unbiased one (Rao and Wu 1988): with
the plain bootstrap a class of three has two thirds of it.

An interval covers the value that the metric has on average over tests of this size, not its limit for a test without
end: average precision is higher on few units (`docs/statistics.md` has the coverage of both).

One run has a bootstrap over its units alone: the variation between seeds is not in it. Several runs have an interval
of Student's t around their mean. Its variance adds what units, draws of folds, seeds and splits vary, its degrees of
freedom are those of Satterthwaite (1946). Drawing three seeds with replacement, as a bootstrap would, leaves a third of
their variance out and takes the rest for known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from detach_core.contracts.metrics import Interval, Metrics, Predictions, ProtocolResult
from detach_core.evaluation.metrics import mean_average_precision, weighted_f1

Integers = NDArray[np.integer]

Values = NDArray[np.float64]

Bounds = tuple[float, float]

UNBOUNDED: Bounds = (-np.inf, np.inf)


def resampling_weights(instance: Integers, label: Integers, num_resamples: int, rng: np.random.Generator) -> Values:
    """Weight of each unit in each resample, (B, N); the weights of a class add up to its units' number.

    Args:
        instance: (N,), what is drawn: units of one instance come together. -1 is an instance of its own for each unit.
        label: (N,), the class of each unit; an instance has that of its first unit. A class with one instance keeps it.
        num_resamples: B.
        rng: draws.

    Raises:
        ValueError: the shapes do not fit, or there is no unit.
    """
    if instance.shape != label.shape or instance.ndim != 1 or not len(instance):
        raise ValueError(f"expected (N,) instances and labels, got {instance.shape} and {label.shape}")
    first, instance_of_unit = instances_of(instance)
    instance_label = label[first]
    weights = np.ones((num_resamples, len(first)))
    for one in np.unique(instance_label):
        members = np.flatnonzero(instance_label == one)
        count = len(members)
        if count > 1:
            drawn = rng.multinomial(count - 1, np.full(count, 1.0 / count), num_resamples)
            weights[:, members] = drawn * (count / (count - 1))
    return weights[:, instance_of_unit]


def instances_of(instance: Integers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First unit of each instance, (M,), and the instance, 0 to M - 1, of each unit, (N,); each -1 is an instance."""
    own = np.where(instance >= 0, instance, instance.max() + 1 + np.arange(len(instance)))
    _, first, instance_of_unit = np.unique(own, return_index=True, return_inverse=True)
    return first, instance_of_unit


def draw_weights(num_draws: int, num_resamples: int, rng: np.random.Generator) -> Values:
    """Weight of each draw of folds in each resample, (B, D), rows adding up to 1: draws are drawn like units."""
    ids = np.arange(num_draws)
    return resampling_weights(ids, np.zeros_like(ids), num_resamples, rng) / num_draws


def shifted_interval(estimate: float, values: Values, confidence: float, within: Bounds = UNBOUNDED) -> Bounds:
    """Percentile bounds of a bootstrap without its bias; `estimate` lies between them.

    A resample repeats units, and average precision, for one, gains from repeated positives, so that the resamples'
    mean lies beyond the estimate. All resamples are moved by that difference.

    Args:
        estimate: the metric of the data.
        values: (B,) the metric of each resample.
        confidence: the share of resamples inside.
        within: the range of the metric, to which the bounds are cut.

    Raises:
        ValueError: `confidence` is not between 0 and 1.
    """
    check_confidence(confidence)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail]) + (estimate - np.mean(values))
    return enclosing(estimate, float(low), float(high), within)


def enclosing(estimate: float, low: float, high: float, within: Bounds) -> Bounds:
    """The bounds cut to a range, and moved to `estimate` where it lies outside of them."""
    low, high = max(low, within[0]), min(high, within[1])
    return min(low, estimate), max(high, estimate)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1 with a ValueError."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")


# Weights (B, N) of a split's units -> (B,) metrics, or (B, D): one for each draw of folds.
MetricOfWeights = Callable[[Values], Values]


@dataclass(frozen=True)
class SplitMetrics:
    """One split's units, and a metric of them for each seed.

    Attributes:
        instance: (N,) gesture instance or sequence of each unit, -1 for one of its own.
        stratum: (N,) class within which instances are drawn.
        metrics: for each seed, the metric under weights of the units.
    """

    instance: NDArray[np.int64]
    stratum: NDArray[np.int64]
    metrics: tuple[MetricOfWeights, ...]


@dataclass(frozen=True)
class Estimate:
    """The mean of a metric over splits and seeds, and its bounds."""

    value: float
    low: float
    high: float


def estimate(splits: Sequence[SplitMetrics], interval: Interval, within: Bounds = UNBOUNDED) -> Estimate:
    """Mean over splits, seeds and draws of folds with its interval.

    All seeds of a split get the same resamples of its units and draws.

    Args:
        splits: units and metrics.
        interval: resamples, confidence and seed.
        within: the range of the metric.

    Raises:
        ValueError: no split, or a split without a seed.
    """
    rng = np.random.default_rng([interval.seed, 6])
    plain, drawn = [], []
    for split in splits:
        weight = resampling_weights(split.instance, split.stratum, interval.resamples, rng)
        once = np.ones((1, len(split.instance)))
        plain_of_draws = np.stack([_columns(metric(once))[0] for metric in split.metrics])
        drawn_of_draws = np.stack([_columns(metric(weight)) for metric in split.metrics], axis=1)
        share = draw_weights(plain_of_draws.shape[1], interval.resamples, rng)
        plain.append(plain_of_draws.mean(axis=1))
        drawn.append(np.einsum("bkd,bd->bk", drawn_of_draws, share))
    return estimate_of_mean(plain, drawn, interval.confidence, within)


def _columns(values: Values) -> Values:
    """(B, D) metrics; without draws D is 1."""
    return values if values.ndim == 2 else values[:, None]


def estimate_of_mean(
    plain: Sequence[Values], drawn: Sequence[Values], confidence: float, within: Bounds = UNBOUNDED
) -> Estimate:
    """The mean over splits of the mean over seeds, and its interval.

    Args:
        plain: for each split the metric of each of its K seeds, (K,).
        drawn: for each split (B, K): the same under B resamplings of that split's units.
        confidence: of the interval.
        within: the range of the metric, to which the interval is cut.

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


# A metric of predictions under B weightings of their units: (predictions, (B, N) weights) -> (B,).
MetricOf = Callable[[Predictions, Values], Values]

FRACTION = (0.0, 1.0)


def f1_of(num_classes: int) -> MetricOf:
    """Weighted F1 of `num_classes` classes as a `MetricOf`."""
    return lambda one, weight: weighted_f1(one.label, one.predicted, num_classes, weight)


def map_of(one: Predictions, weight: Values) -> Values:
    """Macro average precision as a `MetricOf`."""
    return mean_average_precision(one.label, one.probabilities, weight)


def over_draws(draws: Sequence[Predictions], metric: MetricOf) -> MetricOfWeights:
    """The metric of each draw of folds, (B, D), under weights of the units, which all draws share."""
    return lambda weight: np.stack([metric(one, weight) for one in draws], axis=1)


def split_metrics(seeds: Sequence[Sequence[Predictions]], metric: MetricOf) -> SplitMetrics:
    """One split's units, and the metric of each seed's draws."""
    units = seeds[0][0]
    return SplitMetrics(units.instance, units.label, tuple(over_draws(draws, metric) for draws in seeds))


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
    """One dataset, variant and protocol, and all its `runs`; `run`, the first split's of the lowest seed, names them.

    `n_test` counts tested windows or sequences, `n_units` the gesture instances or sequences that are resampled, both
    over all splits. A subject who is held out by one split only is counted once. `fold_draws` is how many draws
    of folds a run's metric is a mean over, the most of any run. `collapse` says how each training that the probe took
    in some fold has collapsed; none of it where none has.
    """

    run: Metrics
    runs: tuple[Metrics, ...]
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
    collapse: tuple[str, ...]


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
        runs=tuple(run for group in groups for run in group),
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
        collapse=tuple(words for group in groups for run in group for words in _collapse(run, protocol)),
    )


def _collapse(run: Metrics, protocol: str) -> list[str]:
    """Of each candidate that some fold took, the unchanged one where a probe chooses nothing; then of the protocol."""
    result = run.protocols[protocol]
    taken = {choice.candidate for choice in result.choices} or {0}
    found = [*(run.collapse[place] for place in sorted(taken)), result.collapse]
    return [words for words in found if words]


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
