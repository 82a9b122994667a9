"""Smoothing of labels over time by a hidden Markov model, and measures of events beside those of windows.

States are the activities, and observations the probabilities of a window: divided by the prior they are proportional to
the likelihood. Only the past is used (the forward filter), so that a live label is never revised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recognizer import Measures, Smoothing
from detach_core.evaluation.metrics import weighted_f1
from detach_core.windows.packing import runs

Floats = NDArray[np.float64]

Ids = NDArray[np.int64]


def fit_smoothing(label: Ids, sequence: Ids, num_classes: int, *, balanced: bool) -> Smoothing:
    """Transitions between successive windows and the classes' shares at first, with one count spread over all classes.

    Args:
        label: (N,) of training windows, in the order of time.
        sequence: (N,) the recording of each, those of one side by side.
        num_classes: K.
        balanced: whether the probe counts all classes alike, so that its probabilities contain no class's share.
    """
    counts = np.bincount(label, minlength=num_classes) + 1.0 / num_classes
    follows = sequence[1:] == sequence[:-1]
    moves = np.full((num_classes, num_classes), 1.0 / num_classes)
    np.add.at(moves, (label[:-1][follows], label[1:][follows]), 1.0)
    share = counts / counts.sum()
    prior = np.full(num_classes, 1.0 / num_classes) if balanced else share
    return Smoothing(share, moves / moves.sum(axis=1, keepdims=True), prior)


def filter_step(belief: Floats | None, probability: Floats, model: Smoothing, *, steps: int = 1) -> Floats:
    """The belief (K,) after a window: that of before, moved on by `steps` transitions, times the window's likelihood.

    Args:
        belief: (K,) after the window before; None at the beginning.
        probability: (K,) of this window.
        model: the model.
        steps: strides since the window before, more than 1 behind windows without samples.
    """
    if belief is None:
        expected = model.start
    elif steps == 1:
        expected = belief @ model.transition
    else:
        expected = belief @ np.linalg.matrix_power(model.transition, steps)
    found = expected * probability / model.prior
    total = found.sum()
    # What the model holds for impossible has happened: begin anew with what is seen.
    return np.asarray(found / total if total > 0.0 else probability)


def filtered(probability: Floats, sequence: Ids, steps: Ids, model: Smoothing) -> Floats:
    """Beliefs (N, K) of windows in the order of time, each sequence begun anew.

    Args:
        probability: (N, K).
        sequence: (N,) the recording of each, those of one side by side.
        steps: (N,) strides since the window before; the first of a sequence counts for nothing.
        model: the model.
    """
    beliefs = np.empty_like(probability)
    belief: Floats | None = None
    for row, one in enumerate(probability):
        if row and sequence[row] != sequence[row - 1]:
            belief = None
        belief = filter_step(belief, one, model, steps=int(steps[row]))
        beliefs[row] = belief
    return beliefs


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """The least number of insertions, deletions and exchanges that make `second` of `first` (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def edit_score(predicted: Ids, label: Ids) -> float:
    """1 - d / max(P, T): d between the labels of P predicted and T true segments, whatever their lengths.

    Source: Lea et al. 2016. 1 where both are empty.
    """
    ours, truth = ([one for one, _, _ in runs(values)] for values in (predicted, label))
    longest = max(len(ours), len(truth))
    return 1.0 - edit_distance(ours, truth) / longest if longest else 1.0


def segment_counts(predicted: Ids, label: Ids, overlap: float) -> tuple[int, int, int]:
    """True positive, false positive and false negative segments.

    A predicted segment is true if its intersection over union with the true segment of its label that it meets best is
    at least `overlap`, and no earlier one took that segment (Lea et al. 2017).
    """
    ours, truth = runs(predicted), runs(label)
    taken: set[int] = set()
    true = 0
    for kind, first, end in ours:
        shares = [_shared(first, end, a, b) if other == kind else 0.0 for other, a, b in truth]
        best = int(np.argmax(shares)) if shares else 0
        if shares and shares[best] >= overlap and best not in taken:
            taken.add(best)
            true += 1
    return true, len(ours) - true, len(truth) - true


def _shared(first: int, end: int, other_first: int, other_end: int) -> float:
    """Intersection over union of two intervals."""
    common = max(0, min(end, other_end) - max(first, other_first))
    return common / (max(end, other_end) - min(first, other_first)) if common else 0.0


def segment_f1(pairs: Sequence[tuple[Ids, Ids]], overlap: float) -> float:
    """F1 of segments over all (predicted, true) sequences together: 2 TP / (2 TP + FP + FN)."""
    true, false, missed = (sum(one) for one in zip(*(segment_counts(a, b, overlap) for a, b in pairs), strict=True))
    total = 2 * true + false + missed
    return 2 * true / total if total else 1.0


def measure(predicted: Ids, label: Ids, sequence: Ids, num_classes: int) -> Measures:
    """Measures of labels (N,) in the order of time; the edit score is the mean over sequences."""
    names = list(dict.fromkeys(sequence.tolist()))
    pairs = [(predicted[sequence == one], label[sequence == one]) for one in names]
    f1 = weighted_f1(label, predicted, num_classes, np.ones((1, len(label))))
    overlaps = {f"segment_f1_{share}": segment_f1(pairs, share / 100) for share in (10, 25, 50)}
    return Measures(
        f1_weighted=float(f1[0]),
        accuracy=float((predicted == label).mean()),
        edit_score=float(np.mean([edit_score(*pair) for pair in pairs])),
        **overlaps,
    )
