"""Agreement of clusters with true places, for many weightings of the windows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Labels = NDArray[np.integer]
Values = NDArray[np.float64]


def contingency(cluster: Labels, place: Labels, weight: Values) -> Values:
    """Weight of the windows of each (cluster, place) pair, (B, K, P).

    Args:
        cluster: (N,) from 0.
        place: (N,) from 0; none unknown.
        weight: (B, N) how often each window is in each resample.

    Raises:
        ValueError: the shapes do not fit, or a place is unknown.
    """
    if cluster.shape != place.shape or cluster.ndim != 1 or weight.shape[1:] != cluster.shape or (place < 0).any():
        raise ValueError(f"expected (N,), (N,) and (B, N), got {cluster.shape}, {place.shape} and {weight.shape}")
    num_clusters, num_places = int(cluster.max()) + 1, int(place.max()) + 1
    pair = cluster * num_places + place
    member = np.zeros((len(pair), num_clusters * num_places))
    member[np.arange(len(pair)), pair] = 1.0
    return (weight @ member).reshape(-1, num_clusters, num_places)


def hungarian_accuracies(counts: Values) -> Values:
    """(B,) share of windows that are right under the best one-to-one naming of clusters; counts (B, K, P)."""
    best = np.empty(len(counts))
    for row, table in enumerate(counts):
        cluster, place = linear_sum_assignment(table, maximize=True)
        best[row] = table[cluster, place].sum() / table.sum()
    return best


def normalised_mutual_information(counts: Values) -> Values:
    """(B,) mutual information over the mean of both entropies; 0 where both are constant; counts (B, K, P)."""
    share = counts / counts.sum(axis=(1, 2), keepdims=True)
    by_cluster, by_place = share.sum(axis=2), share.sum(axis=1)
    mean = (_entropy(by_cluster) + _entropy(by_place)) / 2.0
    joint = _entropy(share.reshape(len(share), -1))
    information = 2.0 * mean - joint
    return np.divide(information, mean, out=np.zeros_like(mean), where=mean > 0.0)


def right_by_majority(cluster: Labels, place: Labels) -> NDArray[np.bool_]:
    """(N,) whether a window's place is the commonest of its cluster, over all windows given; the first of equals."""
    counts = contingency(cluster, place, np.ones((1, len(cluster))))[0]
    return np.asarray(counts.argmax(axis=1)[cluster] == place)


def _entropy(share: Values) -> Values:
    logarithm = np.log(share, out=np.zeros_like(share), where=share > 0.0)
    return np.asarray(-(share * logarithm).sum(axis=-1))
