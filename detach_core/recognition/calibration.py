"""Calibration of a recogniser: the temperature of its probabilities, and the threshold below which it knows nothing.

Split conformal prediction is valid for exchangeable scores, and the windows of one gesture or recording are not: they
overlap, and show one person in one go. Groups of windows are exchangeable, so each counts once, whatever its number of
windows, as in hierarchical conformal prediction (Lee, Barber and Willett 2023; Dunn, Wasserman and Ramdas 2022). With
one window a group this is plain split conformal prediction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from detach_core.contracts.recognizer import Calibration, Threshold

Floats = NDArray[np.float64]

Ids = NDArray[np.int64]

_LONGEST = 20.0  # temperatures beyond it, or below its inverse, say nothing more about the windows


def softened(logits: Floats, temperature: float) -> Floats:
    """Probabilities (N, K): softmax(logits / temperature) (Guo et al. 2017)."""
    scaled = logits / temperature
    values = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def log_loss(logits: Floats, label: Ids, temperature: float) -> float:
    """Mean negative logarithm of the true class's probability at a temperature."""
    scaled = logits / temperature
    highest = scaled.max(axis=1, keepdims=True)
    log_sum = highest[:, 0] + np.log(np.exp(scaled - highest).sum(axis=1))
    return float((log_sum - scaled[np.arange(len(label)), label]).mean())


def softened_loss(logits: Floats, label: Ids, temperature: float) -> float:
    """Mean cross-entropy to labels of which 1 / (N + 1) is spread over all classes.

    As Platt (1999) has it: one window more, of which nothing is known. Few windows that are all named rightly would
    else ask for certainty.
    """
    spread, certain = 1.0 / (len(label) + 1), log_loss(logits, label, temperature)
    # The mean over all classes differs from the true one's only by the logit that is taken off.
    rows = np.arange(len(label))
    everywhere = certain + float((logits[rows, label] - logits.mean(axis=1)).mean()) / temperature
    return (1.0 - spread) * certain + spread * everywhere


def fit_temperature(logits: Floats, label: Ids) -> Calibration:
    """The temperature of least softened loss on windows (N, K) that fitted nothing; 1 where there are none."""
    if not len(label):
        return Calibration(1.0, 0, 0.0, 0.0)
    bounds = (-np.log(_LONGEST), np.log(_LONGEST))
    found = minimize_scalar(
        lambda log_t: softened_loss(logits, label, float(np.exp(log_t))), bounds=bounds, method="bounded"
    )
    temperature = float(np.exp(found.x))
    before, after = log_loss(logits, label, 1.0), log_loss(logits, label, temperature)
    return Calibration(temperature, len(label), before, after)


def wrong_scores(probability: Floats, label: Ids) -> Floats:
    """Nonconformity (N,) of windows: the highest probability where its class is wrong, else 0.

    A window is named wrongly and known exactly where this lies above the threshold.
    """
    return np.where(probability.argmax(axis=1) == label, 0.0, probability.max(axis=1))


def group_weights(group: Ids) -> Floats:
    """Weight (N,) of each window: 1 / ((G + 1) n) for the n windows of one of G groups; a new group has the rest."""
    _, place, count = np.unique(group, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / ((len(count) + 1) * count[place]))


def conformal_quantile(score: Floats, group: Ids, coverage: float) -> float:
    """The least score t with: the weight of the scores up to t is at least `coverage`; infinity where none has it.

    The score of a window of a new group, exchangeable with the G groups, is at most t with that probability at least.

    Args:
        score: (N,).
        group: (N,).
        coverage: wanted.
    """
    order = np.argsort(score, kind="stable")
    reached = np.cumsum(group_weights(group)[order])
    # A sum of as many fractions as there are windows must not miss the coverage by its rounding.
    place = int(np.searchsorted(reached, coverage - 1e-12))
    return float(score[order[place]]) if place < len(order) else float("inf")


def attainable(num_groups: int, coverage: float) -> float:
    """The coverage that so many groups can guarantee, at most what is wanted: G / (G + 1)."""
    return min(coverage, num_groups / (num_groups + 1))


def enough_groups(group: Ids, coverage: float) -> bool:
    """Whether the groups can guarantee the coverage."""
    count = len(np.unique(group))
    return attainable(count, coverage) == coverage


def left_out_coverage(score: Floats, group: Ids, coverage: float) -> float:
    """Mean share of covered windows of each group, by the threshold of all other groups."""
    shares = []
    for one in np.unique(group):
        others = group != one
        threshold = conformal_quantile(score[others], group[others], coverage)
        shares.append(float((score[~others] <= threshold).mean()))
    return float(np.mean(shares))


def fit_threshold(probability: Floats, label: Ids, group: Ids, *, wanted: float, kind: str, exact: bool) -> Threshold:
    """The threshold with the wanted coverage, or with the highest that the groups can guarantee.

    Args:
        probability: (N, K) of windows that fitted neither probe nor temperature.
        label: (N,).
        group: (N,) the recording or gesture of each.
        wanted: coverage.
        kind: `recording` or `gesture`.
        exact: whether the probe had seen none of the groups.
    """
    count = len(np.unique(group))
    if not count:
        return Threshold(1.0, 0.0, wanted, kind, 0, 0, exact, 0.0, 0.0)
    score, coverage = wrong_scores(probability, label), attainable(count, wanted)
    limit = min(conformal_quantile(score, group, coverage), 1.0)
    # Of one group none is left to set another's threshold.
    measured = left_out_coverage(score, group, coverage) if count > 1 else 1.0
    known = float((probability.max(axis=1) > limit).mean())
    return Threshold(limit, coverage, wanted, kind, count, len(label), exact, measured, known)
