"""Retrieval across modalities: at which rank a query finds what belongs to it, and what random order would give.

Rows are queries, columns the gallery, rank 1 is the best. A weighting (B, Q) says how often each of B resamples has
each of Q queries, as in `metrics.py`; ones give the plain figure. The gallery is the same in every resample.
"""

from __future__ import annotations

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
    """Which windows of one recording share some time, (N, N); a window does not count as its own neighbour."""
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
