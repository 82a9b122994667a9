"""The hidden Markov model against loops and hmmlearn, and measures of events against loops."""

from functools import cache

import numpy as np
import pytest
from hmmlearn.base import BaseHMM

from detach_core.contracts.recognizer import Smoothing
from detach_core.recognition.smoothing import (
    edit_distance,
    edit_score,
    filter_step,
    filtered,
    fit_smoothing,
    measure,
    segment_counts,
    segment_f1,
)


def draw_model(rng, classes=4):
    rows = [rng.dirichlet(np.ones(classes)) for _ in range(classes + 2)]
    return Smoothing(rows[0], np.array(rows[1:-1]), rows[-1])


class Reference(BaseHMM):  # type: ignore[misc]
    """hmmlearn's model whose observations are the scaled likelihoods themselves."""

    def _compute_log_likelihood(self, values):
        return np.log(values)


@pytest.mark.parametrize("seed", range(5))
def test_the_filter_is_what_hmmlearn_believes_of_the_last_window(seed):
    rng = np.random.default_rng(seed)
    model, probability = draw_model(rng), rng.dirichlet(np.ones(4), size=12)
    reference = Reference(n_components=4)
    reference.startprob_, reference.transmat_ = model.start, model.transition
    found = filtered(probability, np.zeros(12, np.int64), np.ones(12, np.int64), model)
    for end in range(1, 13):
        _, expected = reference.score_samples(probability[:end] / model.prior)
        np.testing.assert_allclose(found[end - 1], expected[-1], rtol=1e-9)


def test_a_step_is_the_formula():
    rng = np.random.default_rng(1)
    model, belief, probability = draw_model(rng), rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))
    for steps in (1, 2, 5):
        moved = list(belief)
        for _ in range(steps):
            moved = [sum(moved[i] * model.transition[i, j] for i in range(4)) for j in range(4)]
        values = [moved[j] * probability[j] / model.prior[j] for j in range(4)]
        expected = [value / sum(values) for value in values]
        np.testing.assert_allclose(filter_step(belief, probability, model, steps=steps), expected, rtol=1e-9)


def test_what_the_model_excludes_begins_anew():
    model = Smoothing(np.array([1.0, 0.0]), np.eye(2), np.array([0.5, 0.5]))
    np.testing.assert_array_equal(filter_step(np.array([1.0, 0.0]), np.array([0.0, 1.0]), model), [0.0, 1.0])


def test_each_recording_begins_anew():
    rng = np.random.default_rng(2)
    model, probability = draw_model(rng), rng.dirichlet(np.ones(4), size=6)
    whole = filtered(probability, np.array([3, 3, 3, 1, 1, 1]), np.ones(6, np.int64), model)
    second = filtered(probability[3:], np.array([1, 1, 1]), np.ones(3, np.int64), model)
    np.testing.assert_array_equal(whole[3:], second)


@pytest.mark.parametrize("balanced", [True, False])
def test_transitions_are_counted_within_recordings(balanced):
    label, sequence = np.array([0, 0, 1, 2, 0, 0]), np.array([0, 0, 0, 5, 5, 5])
    found = fit_smoothing(label, sequence, 3, balanced=balanced)
    counts = np.full((3, 3), 1 / 3)
    for before, after in ((0, 0), (0, 1), (2, 0), (0, 0)):
        counts[before, after] += 1
    np.testing.assert_allclose(found.transition, [row / row.sum() for row in counts])
    shares = np.array([4 + 1 / 3, 1 + 1 / 3, 1 + 1 / 3]) / 7
    np.testing.assert_allclose(found.start, shares)
    np.testing.assert_allclose(found.prior, [1 / 3] * 3 if balanced else shares)


def test_smoothing_mends_windows_between_their_neighbours():
    rng = np.random.default_rng(0)
    label = np.repeat(rng.integers(4, size=60), 12)
    probability = np.full((len(label), 4), 0.15)
    seen = np.where(rng.random(len(label)) < 0.7, label, rng.integers(4, size=len(label)))
    probability[np.arange(len(label)), seen] = 0.55
    one, steps = np.zeros(len(label), np.int64), np.ones(len(label), np.int64)
    model = fit_smoothing(label, one, 4, balanced=True)
    plain = measure(probability.argmax(axis=1), label, one, 4)
    smooth = measure(filtered(probability, one, steps, model).argmax(axis=1), label, one, 4)
    assert smooth.f1_weighted > plain.f1_weighted + 0.05
    assert smooth.edit_score > plain.edit_score + 0.3


def looped_distance(first, second):
    @cache
    def of(i, j):
        if not i or not j:
            return i + j
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (first[i - 1] != second[j - 1]))

    return of(len(first), len(second))


@pytest.mark.parametrize("seed", range(30))
def test_the_edit_distance_is_the_formula(seed):
    rng = np.random.default_rng(seed)
    first, second = (tuple(rng.integers(3, size=rng.integers(0, 9)).tolist()) for _ in range(2))
    assert edit_distance(first, second) == looped_distance(first, second)


@pytest.mark.parametrize(
    ("predicted", "label", "expected"),
    [
        ([1, 1, 2, 2], [1, 2, 2, 2], 1.0),  # lengths do not count
        ([1, 2, 1, 2], [1, 1, 2, 2], 0.5),
        ([3, 3, 3, 3], [1, 1, 2, 2], 0.0),
        ([1, 1, 1, 1], [1, 2, 1, 3], 0.25),
        ([], [], 1.0),
    ],
)
def test_the_edit_score_compares_the_order_of_segments(predicted, label, expected):
    assert edit_score(np.array(predicted, np.int64), np.array(label, np.int64)) == expected


def looped_counts(predicted, label, overlap):
    def parts(values):
        found: list[tuple[int, set[int]]] = []
        for place, value in enumerate(values):
            if not found or values[place - 1] != value:
                found.append((value, set()))
            found[-1][1].add(place)
        return found

    taken: set[int] = set()
    true = 0
    ours, truth = parts(predicted), parts(label)
    for kind, inside in ours:
        best, most = None, 0.0
        for number, (other, places) in enumerate(truth):
            share = len(inside & places) / len(inside | places) if other == kind else 0.0
            if best is None or share > most:
                best, most = number, share
        if best is not None and most >= overlap and best not in taken:
            taken.add(best)
            true += 1
    return true, len(ours) - true, len(truth) - true


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("overlap", [0.1, 0.25, 0.5])
def test_segments_are_counted_as_in_loops(seed, overlap):
    rng = np.random.default_rng(seed)
    label = np.repeat(rng.integers(3, size=8), rng.integers(1, 6, size=8))
    predicted = np.where(rng.random(len(label)) < 0.7, label, rng.integers(3, size=len(label)))
    counts = segment_counts(predicted, label, overlap)
    assert counts == looped_counts(predicted.tolist(), label.tolist(), overlap)
    true, false, missed = counts
    assert segment_f1([(predicted, label)], overlap) == pytest.approx(2 * true / (2 * true + false + missed))


def test_measures_of_right_labels_are_1():
    label, sequence = np.array([0, 0, 1, 2, 2, 1]), np.array([0, 0, 0, 0, 4, 4])
    assert set(vars(measure(label, label, sequence, 3)).values()) == {1.0}
