import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from detach_core.evaluation.metrics import (
    average_precision,
    confusion_matrix,
    f1_by_class,
    mean_average_precision,
    weighted_f1,
)

CLASSES = 4


@st.composite
def results(draw):
    count = draw(st.integers(2, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    label = rng.integers(CLASSES - draw(st.integers(0, 1)), size=count)
    # Coarse scores, so that ties are many.
    probabilities = rng.integers(1, draw(st.integers(2, 9)), size=(count, CLASSES)).astype(float)
    weight = rng.integers(0, 4, size=(3, count)).astype(float)
    weight[:, 0] = 1.0
    return label, probabilities / probabilities.sum(1, keepdims=True), weight


@settings(deadline=None, max_examples=40)
@given(results())
def test_weighted_f1_is_that_of_scikit_learn(result):
    label, probabilities, weight = result
    predicted = probabilities.argmax(1)
    for ours, weights in zip(weighted_f1(label, predicted, CLASSES, weight), weight, strict=True):
        theirs = f1_score(label, predicted, average="weighted", sample_weight=weights, zero_division=0)
        assert ours == pytest.approx(theirs, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(results())
def test_average_precision_is_that_of_scikit_learn_and_undefined_for_an_absent_class(result):
    label, probabilities, weight = result
    ours = average_precision(label, probabilities, weight)
    for b, weights in enumerate(weight):
        for k in range(CLASSES):
            if weights[label == k].sum() == 0:
                assert np.isnan(ours[b, k])
            else:
                theirs = average_precision_score(label == k, probabilities[:, k], sample_weight=weights)
                assert ours[b, k] == pytest.approx(theirs, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(results())
def test_a_weight_of_two_is_the_unit_twice(result):
    label, probabilities, weight = result
    times = weight[0].astype(int)
    repeated = np.repeat(np.arange(len(label)), times)
    once = np.ones((1, len(repeated)))
    expected = mean_average_precision(label[repeated], probabilities[repeated], once)
    assert mean_average_precision(label, probabilities, weight[:1]) == pytest.approx(expected, abs=1e-12)


def test_a_class_absent_from_the_test_is_left_out_of_the_mean():
    label = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.0, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.3, 0.6, 0.1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = mean_average_precision(label, probabilities, np.ones((1, 4)))[0]
    first = (1.0 + 2.0 / 3.0) / 2.0
    assert value == pytest.approx((first + 1.0) / 2.0)


def test_the_confusion_matrix_has_the_truth_in_its_rows():
    expected = [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 2]), 3).tolist() == expected


def test_a_class_neither_true_nor_predicted_has_f1_zero():
    f1, support = f1_by_class(np.array([0, 0]), np.array([0, 1]), 3, np.ones((1, 2)))
    assert f1.tolist() == [[pytest.approx(2 / 3), 0.0, 0.0]]
    assert support.tolist() == [[2.0, 0.0, 0.0]]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected N units"):
        weighted_f1(np.zeros(3, int), np.zeros(2, int), 2, np.ones((1, 3)))
    with pytest.raises(ValueError, match="expected N units"):
        average_precision(np.zeros(3, int), np.zeros((3, 2)), np.ones((1, 2)))
