"""t-SNE of features (Figs. 7 and 9), and the share of alike neighbours in the features themselves.

Rows are brought to unit length first, because cosine similarity is what every method contrasts. t-SNE keeps who is near
whom; distances between groups, their sizes and the axes mean nothing, so the share of alike neighbours is taken from
the features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

MIN_WINDOWS = 5

TIE = 1e-9

Features = NDArray[np.floating[Any]]

Plane = NDArray[np.float64]


def spread_ids(ids: NDArray[np.int64], *, max_windows: int) -> NDArray[np.int64]:
    """At most `max_windows` of `ids`, in order and evenly spread over them."""
    if len(ids) <= max_windows:
        return ids
    return ids[np.linspace(0, len(ids) - 1, max_windows).round().astype(np.int64)]


def bounded_perplexity(perplexity: float, num_windows: int) -> float:
    """`perplexity`, but at most a third of the other windows."""
    return min(perplexity, (num_windows - 1) / 3.0)


def embedding_map(features: Features, *, perplexity: float) -> Plane:
    """t-SNE of the rows of `features` (N, D), started from their PCA: (N, 2), in the square from -1 to 1.

    Equal features and perplexity give equal bits, whatever the number of threads.

    Args:
        features: (N, D), no row zero.
        perplexity: how many neighbours a row has, roughly; see `bounded_perplexity`.

    Raises:
        ValueError: fewer than five rows, a row without direction, or rows that all point in one direction.
    """
    rows = _unit_rows(features)
    if len(rows) < MIN_WINDOWS:
        raise ValueError(f"a map needs at least {MIN_WINDOWS} windows, got {len(rows)}")
    if np.ptp(rows, axis=0).max() < 1e-6:
        raise ValueError(f"all {len(rows)} windows have the same feature: there is nothing to lay out")
    # One thread: sums in another order change last digits, and t-SNE makes another picture of them.
    with threadpool_limits(limits=1):
        start = PCA(n_components=2, svd_solver="full").fit_transform(rows)
        tsne = TSNE(
            perplexity=bounded_perplexity(perplexity, len(rows)),
            # As large as t-SNE expects a start to be: forces between far points vanish.
            init=(start / start[:, 0].std() * 1e-4).astype(np.float32),
            learning_rate="auto",
            random_state=0,  # from a given start nothing is drawn at random today
            n_jobs=1,
        )
        plane: Plane = tsne.fit_transform(rows).astype(np.float64)
    plane -= (plane.max(axis=0) + plane.min(axis=0)) / 2.0
    plane /= np.abs(plane).max()
    return plane


def alike_neighbours(
    features: Features, group: NDArray[np.integer[Any]], apart: NDArray[np.integer[Any]], *, neighbours: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) share of each row's nearest neighbours that are of its group, and the share expected of any neighbours.

    Args:
        features: (N, D).
        group: (N,) what must be alike.
        apart: (N,) rows with the same number are no neighbours: windows of one gesture overlap, and would find each
            other in any features.
        neighbours: how many are asked, and all that are as near as the last; fewer where there are fewer, NaN where
            there are none.
    """
    rows = _unit_rows(features)
    similarity = rows @ rows.T
    other = apart[:, None] != apart
    similarity[~other] = -np.inf
    count = min(neighbours, len(rows))
    # Equal features (windows in which nothing changes) are equally near, whatever their order.
    last = np.partition(similarity, len(rows) - count, axis=1)[:, len(rows) - count]
    near = other & (similarity >= last[:, None] - TIE)
    alike = group[:, None] == group
    with np.errstate(invalid="ignore"):
        share = (alike & near).sum(axis=1) / near.sum(axis=1)
        expected = (alike & other).sum(axis=1) / other.sum(axis=1)
    return share, expected


def num_equal(features: Features) -> NDArray[np.int64]:
    """(N,) how many windows have a row's feature, itself among them."""
    _, kind, count = np.unique(_unit_rows(features).round(6), axis=0, return_inverse=True, return_counts=True)
    return np.asarray(count, dtype=np.int64)[kind.reshape(-1)]


def _unit_rows(features: Features) -> NDArray[np.float64]:
    rows = np.asarray(features, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (length > 0.0).all():
        raise ValueError(f"row {int(np.argmin(length))} of the features is zero and has no direction")
    unit: NDArray[np.float64] = rows / length
    return unit
