"""Windows whose labels would help most, and the label curve of labels given to them.

Labels are costly, so a person should give few. First comes one window of each cluster of the embedding, the nearest to
its centre; then the windows about which the current probe is least certain or, without a probe, those farthest from
all that is chosen or labelled. They are spread over the recordings, and no two belong to one gesture or share time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.clustering import kmeans
from detach_core.contracts.metrics import ProtocolResult
from detach_core.contracts.split import Fold
from detach_core.contracts.windows import Windows
from detach_core.evaluation.evaluate import Units
from detach_core.evaluation.label_curve import LabelCurve, looked_at_rows
from detach_core.evaluation.logistic import moments, standardise
from detach_core.evaluation.probes import ClassWeights, Probe, fit_logistic_probes

Ids = NDArray[np.int64]

Values = NDArray[np.float64]

Probabilities = Callable[[Ids], Values]

STARTS = 10
"""starts of k-means, of which the best is taken"""

# Tells its draws from others of the same seed.
_SUGGESTED, _RANDOM = 31, 32


@dataclass(frozen=True)
class Suggestion:
    """A window to label, as a row of the candidates' features, and the reason in words."""

    row: int
    why: str


@dataclass(frozen=True, eq=False)
class Pool:
    """N windows of which some may be suggested.

    Attributes:
        values: (N, D) standardised features.
        recording: (N,) the recording of each.
        start_s: (N,) its start.
        group: (N,) what is labelled with it, such as its gesture; -1 for itself alone.
        window_s: length of a window.
    """

    values: Values
    recording: NDArray[np.integer]
    start_s: Values
    group: NDArray[np.integer]
    window_s: float

    def related(self, row: int) -> NDArray[np.bool_]:
        """(N,) whether a window is labelled with `row`, or shares time with it."""
        near = (self.recording == self.recording[row]) & (np.abs(self.start_s - self.start_s[row]) < self.window_s)
        return np.asarray(near | ((self.group == self.group[row]) & (self.group[row] >= 0)))


def standardised(features: NDArray[np.floating], rows: Ids) -> Values:
    """`features` (N, D) standardised by those of `rows`."""
    values = torch.from_numpy(np.asarray(features, dtype=np.float64))
    return np.asarray(standardise(values, *moments(values[rows])).numpy())


def entropy(probabilities: Values) -> Values:
    """(N,) Shannon entropy in bits of each row (N, K), -sum p log2 p, where 0 log 0 is 0."""
    logarithm = np.log2(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0.0)
    return np.asarray(-(probabilities * logarithm).sum(axis=1))


def cluster_centres(pool: Pool, rows: Ids, count: int, *, seed: int, free: NDArray[np.bool_]) -> list[Suggestion]:
    """The free window nearest to the centre of each of `count` clusters of `rows`, those of large clusters first.

    Args:
        pool: the windows.
        rows: (M,) the candidates.
        count: clusters, at most M.
        seed: of k-means.
        free: (N,) which may still be suggested; changed: a suggestion takes itself and its relatives.
    """
    if count < 1:
        return []
    found = kmeans(pool.values[rows], min(count, len(rows)), num_starts=STARTS, seed=seed)
    distance = found.transform(pool.values[rows])
    chosen = []
    sizes = np.bincount(found.labels_, minlength=distance.shape[1])
    for cluster in np.argsort(-sizes, kind="stable").tolist():
        own = rows[found.labels_ == cluster]
        own = own[free[own]]
        if len(own):
            row = int(own[np.argmin(distance[np.searchsorted(rows, own), cluster])])
            free &= ~pool.related(row)
            chosen.append(Suggestion(row, f"nearest the centre of a cluster of {sizes[cluster]} windows"))
    return chosen


def uncertain_windows(
    pool: Pool,
    rows: Ids,
    count: int,
    *,
    known: Sequence[int],
    probabilities: Probabilities | None,
    free: NDArray[np.bool_],
) -> list[Suggestion]:
    """`count` free windows of which least is known, each from a recording that has the fewest so far.

    Args:
        pool: the windows.
        rows: (M,) the candidates, rising.
        count: how many, fewer where no more are free.
        known: rows that are chosen or labelled already; they count for the spread over recordings.
        probabilities: those of rows (M,) by the current probe, (M, K); None to go by the distance to what is known.
        free: (N,) which may still be suggested; changed as by `cluster_centres`.
    """
    chosen: list[Suggestion] = []
    doubt = None if probabilities is None else entropy(probabilities(rows))
    distance = np.full(len(rows), np.inf)
    for row in known:
        distance = np.minimum(distance, np.linalg.norm(pool.values[rows] - pool.values[row], axis=1))
    taken = np.bincount(pool.recording[list(known)], minlength=int(pool.recording.max()) + 1)
    while len(chosen) < count and free[rows].any():
        may = free[rows] & (taken[pool.recording[rows]] == taken[pool.recording[rows[free[rows]]]].min())
        score = distance if doubt is None else doubt
        place = int(np.where(may, score, -np.inf).argmax())
        row = int(rows[place])
        words = f"distance {distance[place]:.1f} from all that is known" if doubt is None else ""
        chosen.append(Suggestion(row, words or f"uncertain: {score[place]:.2f} bits"))
        free &= ~pool.related(row)
        taken[pool.recording[row]] += 1
        distance = np.minimum(distance, np.linalg.norm(pool.values[rows] - pool.values[row], axis=1))
    return chosen


def suggest(
    pool: Pool,
    rows: Ids,
    count: int,
    *,
    num_clusters: int,
    seed: int,
    labelled: Sequence[int] = (),
    probabilities: Probabilities | None = None,
) -> list[Suggestion]:
    """Up to `count` windows of `rows` to label: one of each cluster, then those of which least is known.

    Args:
        pool: the windows.
        rows: (M,) the candidates, rising.
        count: how many.
        num_clusters: of the candidates' embeddings.
        seed: of k-means.
        labelled: rows with a label already, which with their relatives are not suggested.
        probabilities: of the current probe, as for `uncertain_windows`.

    Raises:
        ValueError: no candidate.
    """
    if not len(rows):
        raise ValueError("expected at least one candidate")
    free = np.zeros(len(pool.values), dtype=np.bool_)
    free[rows] = True
    for row in labelled:
        free &= ~pool.related(row)
    chosen = cluster_centres(pool, rows, num_clusters, seed=seed, free=free)[:count]
    known = [*labelled, *(one.row for one in chosen)]
    more = count - len(chosen)
    return chosen + uncertain_windows(pool, rows, more, known=known, probabilities=probabilities, free=free)


def fit_few(
    values: NDArray[np.floating], label: Ids, num_classes: int, *, c: float, class_weights: ClassWeights
) -> Probe:
    """The probe of a few labelled windows with the fixed strength `c` of the label curves; too few to choose it by.

    Args:
        values: (N, D) their features.
        label: (N,) class of each, all of 0..K-1 among them.
        num_classes: K.
        c: inverse penalty.
        class_weights: whether the classes count alike.
    """
    rows = np.arange(len(label))
    (probe,) = fit_logistic_probes(
        [np.asarray(values, dtype=np.float64)],
        label,
        [rows],
        [np.zeros_like(rows)],
        strengths=[c],
        num_classes=num_classes,
        class_weights=class_weights,
        device=torch.device("cpu"),
    )
    return probe


def suggestion_curve(
    curve: LabelCurve, features: NDArray[np.float32], rounds: Sequence[int]
) -> dict[tuple[str, str, int], ProtocolResult]:
    """Metrics of the probe after labels of suggested gestures and of as many random ones: (protocol, kind, count).

    Each fold's training part is what may be looked at. The first round has one suggestion of each of as many clusters
    as it has labels; each further one is by the entropy of a probe fitted on those before.

    Args:
        curve: windows with labels, split, number of draws and strength of the fits.
        features: (N, D) of the sensors, one row a window.
        rounds: numbers of labelled gestures, rising.
    """
    units = Units(curve.windows, features)
    points: dict[str, list[Fold]] = {}
    for protocol, folds in curve.split.protocols.items():
        for draw in range(curve.settings.draws):
            for number, fold in enumerate(one for one in folds if one.draw == 0):
                rows = units.rows(fold.train)
                rng = np.random.default_rng([curve.split.seed, _SUGGESTED, draw, number])
                chosen = _suggested_rounds(curve, units, rows, rounds, seed=int(rng.integers(2**31)))
                for count, suggested in zip(rounds, chosen, strict=True):
                    drawn = looked_at_rows(
                        units, rows, count, np.random.default_rng([curve.split.seed, _RANDOM, draw, number])
                    )
                    for kind, own in (("suggested", suggested), ("random", drawn)):
                        train = fold.train[np.isin(units.of_window[fold.train], units.ids[own])]
                        name = f"{protocol}|{kind}|{count}"
                        points.setdefault(name, []).append(Fold(train, fold.val, fold.test, draw))
    results = curve.of_folds(features, points)
    named = {tuple(name.split("|")): result for name, result in results.items()}
    return {(protocol, kind, int(count)): result for (protocol, kind, count), result in named.items()}


def _suggested_rounds(curve: LabelCurve, units: Units, rows: Ids, rounds: Sequence[int], *, seed: int) -> list[Ids]:
    """Labelled units after each round: those of the gestures of what is suggested."""
    first = np.unique(units.of_window, return_index=True)[1]
    pool = unit_pool(curve.windows, units, first, rows)
    chosen: list[int] = []
    labelled, found = rows[:0], []
    for count in rounds:
        probabilities = None
        if chosen:
            names, label = np.unique(units.label[labelled], return_inverse=True)
            if len(names) > 1:
                own, c, weights = units.features[labelled], curve.settings.c, curve.class_weights
                probe = fit_few(own, label, len(names), c=c, class_weights=weights)
                probabilities = _of_rows(probe, units.features)
        more = suggest(
            pool,
            rows,
            count - len(chosen),
            num_clusters=0 if chosen else count,
            seed=seed,
            labelled=chosen,
            probabilities=probabilities,
        )
        chosen += [one.row for one in more]
        labelled = rows[np.isin(units.instance[rows], units.instance[chosen])]
        found.append(labelled)
    return found


def _of_rows(probe: Probe, features: Values) -> Probabilities:
    return lambda rows: probe.probabilities(features[rows])


def unit_pool(windows: Windows, units: Units, first: Ids, rows: Ids) -> Pool:
    """The classified units as a pool, standardised by `rows`; `first` (U,) is the first window of each."""
    return Pool(
        standardised(units.features, rows),
        windows.recording[first].astype(np.int64),
        windows.start_s[first],
        units.instance,
        windows.window_s,
    )
