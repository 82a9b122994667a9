"""Temperature and threshold: the formulas in loops, plain split conformal prediction as crepes has it, and coverage."""

import numpy as np
import pytest
from crepes import ConformalClassifier

from detach_core.recognition.calibration import (
    attainable,
    conformal_quantile,
    enough_groups,
    fit_temperature,
    fit_threshold,
    group_weights,
    left_out_coverage,
    log_loss,
    softened,
    softened_loss,
    wrong_scores,
)


def draw(rng, windows=200, classes=4, scale=3.0):
    """Logits whose probabilities are right, times `scale`."""
    logits = rng.normal(size=(windows, classes)) * 1.5
    probability = softened(logits, 1.0)
    label = np.array([rng.choice(classes, p=row) for row in probability])
    return logits * scale, label


def test_softened_is_the_formula():
    logits = np.array([[1.0, -2.0, 0.5], [1000.0, 0.0, -1000.0]])
    found = softened(logits, 2.0)
    for row, values in zip(found, logits, strict=True):
        shifted = [value / 2.0 - max(values) / 2.0 for value in values]
        total = sum(np.exp(value) for value in shifted)
        np.testing.assert_allclose(row, [np.exp(value) / total for value in shifted], rtol=1e-12)


def test_log_loss_is_the_mean_over_windows():
    logits, label = draw(np.random.default_rng(0), windows=20)
    expected = -np.mean([np.log(softened(logits, 1.7)[n, one]) for n, one in enumerate(label)])
    assert log_loss(logits, label, 1.7) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_factor_of_the_logits(scale):
    logits, label = draw(np.random.default_rng(1), windows=20_000, scale=scale)
    found = fit_temperature(logits, label)
    assert found.temperature == pytest.approx(scale, rel=0.05)
    assert found.log_loss_after <= found.log_loss_before + 1e-4
    losses = [softened_loss(logits, label, t) for t in np.linspace(0.5 * scale, 2.0 * scale, 61)]
    assert softened_loss(logits, label, found.temperature) <= min(losses) + 1e-9


def test_the_softened_loss_is_the_formula():
    logits, label = draw(np.random.default_rng(0), windows=7)
    probability, total = softened(logits, 1.3), 0.0
    for n, one in enumerate(label):
        for k in range(4):
            total -= ((7 / 8 if k == one else 0.0) + 1 / 8 / 4) * np.log(probability[n, k]) / 7
    assert softened_loss(logits, label, 1.3) == pytest.approx(total, rel=1e-12)


def test_few_right_windows_do_not_ask_for_certainty():
    logits = np.array([[3.0, 0.0, -1.0]] * 6)
    found = fit_temperature(logits, np.zeros(6, np.int64))
    assert 0.5 < found.temperature < 3.0
    assert softened(logits, found.temperature).max() < 0.97


def test_without_windows_the_temperature_is_1():
    found = fit_temperature(np.empty((0, 3)), np.empty(0, np.int64))
    assert (found.temperature, found.windows) == (1.0, 0)


def test_scores_are_the_probability_of_a_wrong_name():
    probability = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7]])
    np.testing.assert_array_equal(wrong_scores(probability, np.array([0, 2, 1])), [0.0, 0.4, 0.7])


def test_weights_are_shared_within_a_group():
    np.testing.assert_allclose(group_weights(np.array([5, 5, 7, 5, 9])), [1 / 12, 1 / 12, 1 / 4, 1 / 12, 1 / 4])


def looped_quantile(score, group, coverage):
    groups = sorted(set(group.tolist()))
    for limit in sorted(score):
        total = 0.0
        for one in groups:
            inside = [value for value, name in zip(score, group, strict=True) if name == one]
            total += sum(value <= limit for value in inside) / len(inside) / (len(groups) + 1)
        if total >= coverage - 1e-12:
            return limit
    return np.inf


@pytest.mark.parametrize("seed", range(20))
def test_the_quantile_is_the_formula(seed):
    rng = np.random.default_rng(seed)
    group = rng.integers(6, size=30)
    score = np.round(rng.random(30), 1)  # with ties
    for coverage in (0.5, 0.8, 6 / 7, 0.9):
        assert conformal_quantile(score, group, coverage) == looped_quantile(score, group, coverage)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_with_one_window_a_group_it_is_split_conformal_prediction(seed, coverage):
    rng = np.random.default_rng(seed)
    score, new = np.round(rng.random(39), 2), rng.random(500)
    classifier = ConformalClassifier().fit(score)
    refused = classifier.predict_p(new[:, None], smoothing=False)[:, 0] <= 1.0 - coverage + 1e-12
    limit = conformal_quantile(score, np.arange(39), coverage)
    np.testing.assert_array_equal(new > limit, refused)


def gestures(rng, count, *, longest=12):
    """Windows of gestures: all windows of one are much alike, and long gestures are the difficult ones."""
    size = rng.integers(1, longest + 1, size=count)
    group = np.repeat(np.arange(count), size)
    hard = np.repeat(rng.random(count) < size / longest * 0.5, size)
    probability = np.clip(np.repeat(rng.random(count), size) * 0.9 + 0.1 * rng.random(len(group)), 0, 1)
    return np.where(hard, probability, 0.0), group


def covered(rng, quantile, *, count, coverage):
    """Whether a window of a new gesture is covered by the threshold of `count` gestures."""
    score, group = gestures(rng, count + 1)
    new = score[group == count]
    limit = quantile(score[group < count], group[group < count], coverage)
    return (new <= limit).mean()


@pytest.mark.parametrize("count", [9, 20, 60])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_a_window_of_a_new_gesture_is_covered_as_often_as_is_promised(count, coverage):
    rng = np.random.default_rng(count)
    shares = [covered(rng, conformal_quantile, count=count, coverage=coverage) for _ in range(4000)]
    error = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) >= coverage - 3 * error
    assert np.mean(shares) <= coverage + 1.0 / (count + 1) + 0.05


def test_windows_taken_for_exchangeable_would_break_the_promise():
    """The fault that groups mend: few gestures with many windows each look like much evidence."""

    def by_window(score, group, coverage):
        return conformal_quantile(score, np.arange(len(score)), coverage)

    def one_kind(rng, count):
        size = rng.integers(20, 41, size=count)
        return np.repeat(rng.random(count), size), np.repeat(np.arange(count), size)

    def shares(quantile):
        rng, found = np.random.default_rng(0), []
        for _ in range(3000):
            score, group = one_kind(rng, 10)
            limit = quantile(score[group < 9], group[group < 9], 0.85)
            found.append((score[group == 9] <= limit).mean())
        return np.mean(found)

    assert shares(by_window) < 0.83
    assert shares(conformal_quantile) > 0.85


def test_the_whole_calibration_keeps_its_promise_for_new_recordings():
    """Temperature by some groups and threshold by others, as `build` does it, on drawn recordings."""
    rng, shares = np.random.default_rng(3), []
    for _ in range(400):
        tilt = np.repeat(rng.normal(size=(21, 1)), 8, axis=0)  # some recordings are harder
        logits, label = draw(rng, windows=168, scale=2.0)
        logits = logits * np.exp(0.5 * tilt)
        group = np.repeat(np.arange(21), 8)
        fitted = fit_temperature(logits[group < 5], label[group < 5])
        probability = softened(logits, fitted.temperature)
        rest, new = (group >= 5) & (group < 20), group == 20
        threshold = fit_threshold(probability[rest], label[rest], group[rest], wanted=0.9, kind="recording", exact=True)
        shares.append((wrong_scores(probability[new], label[new]) <= threshold.probability).mean())
    assert np.mean(shares) >= 0.9 - 3 * np.std(shares) / np.sqrt(len(shares))


def test_few_groups_promise_less_and_say_so():
    assert attainable(9, 0.9) == 0.9
    assert attainable(4, 0.9) == 0.8
    assert enough_groups(np.arange(9), 0.9)
    assert not enough_groups(np.array([1, 1, 2, 2, 2]), 0.9)
    rng = np.random.default_rng(0)
    probability = softened(rng.normal(size=(40, 3)), 1.0)
    label, group = rng.integers(3, size=40), np.repeat(np.arange(4), 10)
    found = fit_threshold(probability, label, group, wanted=0.9, kind="gesture", exact=False)
    assert (found.coverage, found.wanted, found.groups, found.windows) == (0.8, 0.9, 4, 40)
    assert found.probability == wrong_scores(probability, label).max()
    empty = np.empty(0, np.int64)
    none = fit_threshold(np.empty((0, 3)), empty, empty, wanted=0.9, kind="gesture", exact=True)
    assert (none.probability, none.coverage, none.groups) == (1.0, 0.0, 0)


def test_measured_coverage_leaves_each_group_out():
    score, group = gestures(np.random.default_rng(5), 30)
    expected = []
    for one in range(30):
        limit = looped_quantile(score[group != one], group[group != one], 0.9)
        expected.append(np.mean([value <= limit for value in score[group == one]]))
    assert left_out_coverage(score, group, 0.9) == pytest.approx(np.mean(expected))


def test_what_is_right_often_enough_is_known_whatever_its_probability():
    probability = np.array([[0.5, 0.3, 0.2]] * 20)
    label, group = np.zeros(20, np.int64), np.arange(20)
    found = fit_threshold(probability, label, group, wanted=0.9, kind="gesture", exact=True)
    assert (found.probability, found.known, found.measured) == (0.0, 1.0, 1.0)
