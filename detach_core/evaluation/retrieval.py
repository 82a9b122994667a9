"""Retrieval across modalities: tasks, ranks, recall, chance level, and upper bound for any embedding.

Rows are queries, columns the gallery, rank 1 is the best. A weighting (B, Q) says how often each of B resamples has
each of Q queries, as in `metrics.py`; ones give the plain value. The gallery is the same in every resample.

Every window is a query, and the part's windows are the gallery. At level `window` only the query's own window in the
other modality is relevant. At level `class` any window of the query's class is, its own among them; windows without a
class are neither queries nor in the gallery. Neighbours overlap the query in time and show nearly the same: they are
kept in the gallery, or left out of it. Where windows have equal sensors, no embedding can find all of them:
`best_ranks` gives the best possible ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]

Values = NDArray[np.float64]

Flags = NDArray[np.bool_]


# Far below what float32 features tell apart, far above the rounding of a float64 product.
_DECIMALS = 12

_EPSILON = 1e-9


def cosine_matrix(query: NDArray[np.floating], gallery: NDArray[np.floating]) -> Values:
    """The cosine of every query and gallery feature, (Q, D) and (G, D) -> (Q, G) in [-1, 1]; 0 for a feature of zeros.

    Raises:
        ValueError: the features are not of one length.
    """
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ValueError(f"expected (Q, D) and (G, D), got {query.shape} and {gallery.shape}")
    cosine = _unit_rows(query) @ _unit_rows(gallery).T
    # Equal features must tie; a matrix product may sum in another order at another place and so break ties by chance.
    return np.asarray(np.round(cosine, _DECIMALS))


def _unit_rows(features: NDArray[np.floating]) -> Values:
    rows = features.astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0.0))


def overlapping(recording: Integers, start_s: Values, window_s: float) -> Flags:
    """Pairs of windows of one recording that share some time, (N, N); a window is not its own neighbour."""
    near = np.abs(start_s[:, None] - start_s) < window_s - _EPSILON
    return np.asarray(near & (recording[:, None] == recording) & ~np.eye(len(recording), dtype=np.bool_))


def ranks(similarity: Values, relevant: Flags, left_out: Flags | None = None) -> Values:
    """The rank of each query's best-ranked relevant item, (Q,); NaN for a query without one.

    Ties count against the query: an item as similar as the best relevant one, not relevant itself, stands before it.

    Args:
        similarity: (Q, G).
        relevant: (Q, G), what a query looks for.
        left_out: (Q, G), what is not in a query's gallery, whether relevant or not; nothing if not given.

    Raises:
        ValueError: the shapes do not fit.
    """
    gallery = np.ones_like(relevant) if left_out is None else ~left_out
    if similarity.ndim != 2 or relevant.shape != similarity.shape or gallery.shape != similarity.shape:
        raise ValueError(f"expected (Q, G) each, got {similarity.shape}, {relevant.shape} and {gallery.shape}")
    wanted = relevant & gallery
    best = np.where(wanted, similarity, -np.inf).max(axis=1, initial=-np.inf)
    before = ((similarity >= best[:, None]) & gallery & ~relevant).sum(axis=1)
    return np.where(wanted.any(axis=1), 1.0 + before, np.nan)


def recall_at(rank: Values, k: int, weight: Values) -> Values:
    """The share of queries whose rank is at most `k`, (B,) in [0, 1]; NaN where no query has weight.

    Queries without a rank do not count.
    """
    rank, weight = _ranked(rank, weight)
    total = weight.sum(axis=1)
    return np.asarray(np.divide(weight @ (rank <= k), total, out=np.full(len(weight), np.nan), where=total > 0.0))


def median_rank(rank: Values, weight: Values) -> Values:
    """The weighted median of the ranks, (B,); NaN where no query has weight.

    It is the median of the list in which each query's rank stands as often as the resample has the query: the mean of
    the smallest rank that at least half of the weight does not exceed, and the smallest that more than half does not.
    Queries without a rank do not count.
    """
    rank, weight = _ranked(rank, weight)
    order = np.argsort(rank, kind="stable")
    reached = np.cumsum(weight[:, order], axis=1)
    median = np.full(len(weight), np.nan)
    known = reached[:, -1] > 0.0 if len(rank) else np.zeros(len(weight), dtype=np.bool_)
    reached = reached[known]
    half = reached[:, -1:] / 2.0
    lower, upper = (reached < half).sum(axis=1), (reached <= half).sum(axis=1)
    median[known] = (rank[order[lower]] + rank[order[upper]]) / 2.0
    return median


def _ranked(rank: Values, weight: Values) -> tuple[Values, Values]:
    if rank.ndim != 1 or weight.shape[1:] != rank.shape:
        raise ValueError(f"expected (Q,) ranks and (B, Q) weights, got {rank.shape} and {weight.shape}")
    known = ~np.isnan(rank)
    return (rank, weight) if known.all() else (rank[known], weight[:, known])


def chance_recall(num_relevant: Integers, gallery: Integers, k: int) -> float:
    """The expected recall at `k` of a random order: 1 - C(G - R, k) / C(G, k), averaged over the queries.

    Args:
        num_relevant: (Q,), R: how many items of its gallery are relevant to a query.
        gallery: (Q,), G: how many items its gallery has.
        k: at least 1.

    Raises:
        ValueError: a query has no relevant item, or more of them than items.
    """
    return float(_chance_recalls(num_relevant, gallery, k)[-1])


def chance_median_rank(num_relevant: Integers, gallery: Integers) -> float:
    """The median rank of a random order, defined as in `median_rank`; (G + 1) / 2 where each query has one item.

    With several, the mean rank of a random order is (G + 1) / (R + 1); its median is lower, and is compared here.

    Raises:
        ValueError: a query has no relevant item, or more of them than items.
    """
    found = _chance_recalls(num_relevant, gallery, int(gallery.max(initial=1)))
    lower, upper = (found < 0.5 - _EPSILON).sum(), (found <= 0.5 + _EPSILON).sum()
    return float(1.0 + (lower + upper) / 2.0)


def _chance_recalls(num_relevant: Integers, gallery: Integers, last: int) -> Values:
    """Expected recalls at 1 to `last`, (last,)."""
    if num_relevant.shape != gallery.shape or not gallery.size or (num_relevant < 1).any():
        raise ValueError("expected at least one query, and for each at least one relevant item")
    if (num_relevant > gallery).any():
        raise ValueError("expected no more relevant items than items")
    cases, count = np.unique(np.stack([num_relevant, gallery], axis=1), axis=0, return_counts=True)
    relevant, size, passed = cases[:, :1], cases[:, 1:], np.arange(last)
    # Of the items that are left after `passed` wrong ones, this share is wrong again.
    missed = np.maximum(size - relevant - passed, 0) / np.maximum(size - passed, 1)
    return np.asarray(np.average(1.0 - np.cumprod(missed, axis=1), axis=0, weights=count))


BY_SENSOR, BY_VIDEO = "sensor->video", "video->sensor"

RECALLS = {"r1": 1, "r5": 5, "r10": 10}

METRICS = (*RECALLS, "median_rank")

WINDOW, CLASS = "window", "class"

KEPT, LEFT_OUT = "kept", "left out"


@dataclass(frozen=True, eq=False)
class Task:
    """One level, with or without neighbours.

    Attributes:
        level: `window` or `class`.
        neighbours: `kept` or `left out`.
        place: (M,), which of the part's windows are queries and gallery.
        relevant: (M, M), what each query looks for in its gallery.
        left_out: (M, M), what is not in a query's gallery.
    """

    level: str
    neighbours: str
    place: NDArray[np.int64]
    relevant: Flags
    left_out: Flags

    @cached_property
    def gallery(self) -> NDArray[np.int64]:
        """(M,) number of windows in each query's gallery."""
        return np.asarray((~self.left_out).sum(axis=1))

    @cached_property
    def chance(self) -> dict[str, float]:
        """Metric -> its expectation under a random order, the same in both directions."""
        num_relevant = (self.relevant & ~self.left_out).sum(axis=1)
        recalls = {name: chance_recall(num_relevant, self.gallery, k) for name, k in RECALLS.items()}
        return recalls | {"median_rank": chance_median_rank(num_relevant, self.gallery)}


def tasks_of(label: Integers, recording: Integers, start_s: Values, window_s: float) -> list[Task]:
    """Both levels, each with and without neighbours; level `window` alone where no window has a class.

    Args:
        label: (N,), the class of each of the part's windows; -1 is none.
        recording: (N,), which recording it is of.
        start_s: (N,), where it begins there.
        window_s: how long it is.
    """
    own, near = np.eye(len(label), dtype=np.bool_), overlapping(recording, start_s, window_s)
    all_windows, labelled = np.arange(len(label)), np.flatnonzero(label >= 0)
    levels = [(WINDOW, all_windows, own)]
    if labelled.size:
        levels.append((CLASS, labelled, label[:, None] == label))
    return [
        Task(level, neighbours, place, relevant[np.ix_(place, place)], left_out[np.ix_(place, place)])
        for level, place, relevant in levels
        for neighbours, left_out in ((KEPT, np.zeros_like(near)), (LEFT_OUT, near))
    ]


def best_ranks(task: Task, equal: NDArray[np.integer], direction: str) -> Values:
    """(M,) best possible rank of each query, given that some windows have equal sensors.

    By the sensors, equal windows order the videos alike, so only one of their videos comes first, one second and so on;
    at level `class` it is best to begin with a video of their commonest class. By the video, the sensors of equal
    windows tie, and ties count against the query, as in `ranks`.

    Args:
        task: with neighbours kept: without them equal windows have different galleries, and the best order is unknown.
        equal: (N,) for each of the part's windows a number that it shares with those of equal sensors.
        direction: `BY_SENSOR` or `BY_VIDEO`.

    Raises:
        ValueError: a task with neighbours left out.
    """
    if task.left_out.any():
        raise ValueError("the best ranks are known with neighbours kept only")
    group = np.unique(equal[task.place], return_inverse=True)[1]
    wanted = task.relevant.argmax(axis=1)  # the first relevant window stands for its class
    kinds, kind, count = np.unique(np.stack([group, wanted]), axis=1, return_inverse=True, return_counts=True)
    size = np.bincount(group)
    if direction == BY_VIDEO:
        wrong = (size[kinds[0]] - count).astype(np.float64)
        fewest = np.full(len(wanted), np.inf)
        np.minimum.at(fewest, kinds[1], wrong)
        return np.asarray(1.0 + fewest[wanted])
    order = np.lexsort((-count, kinds[0]))
    starts = np.searchsorted(kinds[0][order], kinds[0][order])
    rank = np.empty(len(count))
    rank[order] = 1.0 + np.arange(len(count)) - starts
    return np.asarray(rank[kind.ravel()])


def ceiling(task: Task, equal: NDArray[np.integer], direction: str) -> dict[str, float]:
    """Metric -> upper bound for any embedding, from `best_ranks`."""
    rank = best_ranks(task, equal, direction)
    once = np.ones((1, len(rank)))
    recalls = {name: float(recall_at(rank, k, once)[0]) for name, k in RECALLS.items()}
    return recalls | {"median_rank": float(median_rank(rank, once)[0])}


def task_values(task: Task, similarity: Values, weight: Values) -> Values:
    """The `METRICS` of a run on a task, (B, 4).

    Args:
        task: what is searched.
        similarity: (N, N) over all of the part's windows; a row is a query.
        weight: (B, N), how often each of B resamples has each of the part's windows as a query.
    """
    rank = ranks(similarity[np.ix_(task.place, task.place)], task.relevant, task.left_out)
    drawn = weight[:, task.place]
    return np.stack([*(recall_at(rank, k, drawn) for k in RECALLS.values()), median_rank(rank, drawn)], axis=1)
