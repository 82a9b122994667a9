"""How well clusters agree with something known (a fixture, a switch): monitoring only, never used for training.

All figures are within [0, 1] and unchanged by renaming the clusters. A reference of -1 is unknown and left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[Any]


def purity(cluster: Labels, reference: Labels) -> float:
    """Share of windows that belong to the commonest reference of their cluster; NaN if no reference is known."""
    counts = _counts(cluster, reference)
    return float(counts.max(axis=1).sum() / counts.sum()) if counts.sum() else float("nan")


def hungarian_accuracy(cluster: Labels, reference: Labels) -> float:
    """Share of windows that are right under the best one-to-one naming of clusters; NaN if no reference is known.

    With unequal numbers of clusters and references, what has no partner counts as wrong.
    """
    counts = _counts(cluster, reference)
    if not counts.sum():
        return float("nan")
    from scipy.optimize import linear_sum_assignment  # late: see kmeans.py

    row, column = linear_sum_assignment(counts, maximize=True)
    return float(counts[row, column].sum() / counts.sum())


def mutual_information(cluster: Labels, reference: Labels) -> float:
    """Normalised mutual information (arithmetic mean of the entropies); NaN if no reference is known."""
    known = np.asarray(reference) >= 0
    if not known.any():
        return float("nan")
    from sklearn.metrics import normalized_mutual_info_score  # late: see kmeans.py

    return float(normalized_mutual_info_score(np.asarray(reference)[known], np.asarray(cluster)[known]))


def largest_share(label: Labels) -> float:
    """Share of the commonest label: near 1 when a classifier has collapsed to one class."""
    return float(_shares(label).max())


def entropy(label: Labels) -> float:
    """Entropy of the labels in nats: 0 when all are equal."""
    share = _shares(label)
    return float(-(share * np.log(share)).sum())


def _shares(label: Labels) -> NDArray[np.float64]:
    if np.size(label) == 0:
        raise ValueError("there is no label")
    counts = np.unique(np.asarray(label), return_counts=True)[1]
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _counts(cluster: Labels, reference: Labels) -> NDArray[np.int64]:
    """Windows of each (cluster, reference) pair."""
    cluster, reference = np.asarray(cluster), np.asarray(reference)
    if cluster.ndim != 1 or cluster.shape != reference.shape:
        raise ValueError(f"expected two (N,) arrays, got {cluster.shape} and {reference.shape}")
    known = reference >= 0
    if not known.any():
        return np.zeros((1, 1), dtype=np.int64)
    rows, row = np.unique(cluster[known], return_inverse=True)
    columns, column = np.unique(reference[known], return_inverse=True)
    counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    return counts
