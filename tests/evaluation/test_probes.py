from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from detach_core.evaluation import probes
from detach_core.evaluation.probes import fit_authors_probes, fit_logistic_probes

CPU = torch.device("cpu")


def toy(count=80, width=12, num_classes=4):
    rng = np.random.default_rng(5)
    label = np.arange(count) % num_classes
    return rng.normal(size=(num_classes, width))[label] * 2 + rng.normal(size=(count, width)) * 2, label


def fit(features, label, rows, **changes):
    inner = [np.arange(len(one)) % 3 for one in rows]
    options: dict[str, Any] = {"strengths": [1.0], "num_classes": 4, "class_weights": "fit_and_choice", "device": CPU}
    return fit_logistic_probes([features], label, rows, inner, **(options | changes))


@pytest.mark.parametrize(
    ("class_weights", "theirs"), [("none", None), ("fit", "balanced"), ("fit_and_choice", "balanced")]
)
def test_probabilities_on_unseen_units_are_those_of_a_scikit_learn_pipeline(class_weights, theirs):
    features, label = toy()
    # Of one class two units in three, and a set of nearly one class.
    label = np.where((label == 3) & (np.arange(80) % 3 > 0), 0, label)
    rows = [np.arange(0, 60), np.arange(30, 80), np.arange(10, 33), np.r_[np.flatnonzero(label == 0), 1, 2, 3, 15]]
    for one, probe in zip(rows, fit(features, label, rows, class_weights=class_weights), strict=True):
        regression = LogisticRegression(C=1.0, tol=1e-10, max_iter=20_000, class_weight=theirs)
        model = make_pipeline(StandardScaler(), regression)
        model.fit(features[one], label[one])
        rest = np.setdiff1d(np.arange(80), one)
        np.testing.assert_allclose(probe.probabilities(features[rest]), model.predict_proba(features[rest]), atol=1e-4)
        np.testing.assert_allclose(probe.coefficients.numpy(), model[-1].coef_.T, atol=1e-4)


def test_the_same_input_gives_the_same_bits():
    features, label = toy()
    rows = [np.arange(60), np.arange(20, 80)]
    one, again = (fit(features, label, rows, strengths=[0.1, 1.0])[1].probabilities(features) for _ in range(2))
    assert (one == again).all()


def test_the_chosen_strength_is_one_of_the_grid_and_kept():
    features, label = toy()
    assert fit(features, label, [np.arange(80)], strengths=[0.03, 3.0])[0].c in (0.03, 3.0)


def test_inner_folds_that_do_not_fit_are_refused():
    features, label = toy()
    with pytest.raises(ValueError, match="one inner fold"):
        fit_logistic_probes(
            [features],
            label,
            [np.arange(9)],
            [np.arange(8)],
            strengths=[1.0],
            num_classes=4,
            class_weights="none",
            device=CPU,
        )


def test_a_search_that_does_not_converge_is_an_error(monkeypatch):
    monkeypatch.setattr("detach_core.evaluation.logistic.MAX_STEPS", 2)
    features, label = toy()
    with pytest.raises(RuntimeError, match="did not converge"):
        fit(features, label, [np.arange(80)])


def test_the_authors_probe_does_not_standardise_and_underfits_small_features():
    features, label = toy()
    rows = [np.arange(80)]
    authors = fit_authors_probes(features * 1e-3, label, rows, num_classes=4, seed=0, device=CPU)[0]
    ours = fit(features * 1e-3, label, rows)[0]
    assert authors.c is None
    accuracy = [np.mean(probe.probabilities(features * 1e-3).argmax(1) == label) for probe in (authors, ours)]
    assert accuracy[0] < accuracy[1] - 0.2
    assert probes.FIT_TOLERANCE < 1e-4


def test_each_probe_takes_the_features_and_the_strength_of_least_inner_loss():
    features, label = toy()
    rows = [np.arange(0, 60), np.arange(20, 80)]
    inner = [np.arange(len(one)) % 3 for one in rows]
    blurred = features + np.random.default_rng(1).normal(size=features.shape) * 3
    # In the second set the first candidate is the blurred one.
    mixed = [np.where(np.arange(80)[:, None] < 20, features, blurred), blurred.copy()]
    mixed[1][60:] = features[60:]
    options: dict[str, Any] = {"strengths": [1.0, 0.01, 0.1], "num_classes": 4, "class_weights": "none", "device": CPU}
    for k, probe in enumerate(fit_logistic_probes(mixed, label, rows, inner, **options)):
        alone = [fit_logistic_probes([one], label, rows, inner, **options)[k] for one in mixed]
        assert probe.inner_loss == tuple(one.inner_loss[0] for one in alone)
        best = min(range(2), key=lambda place: min(probe.inner_loss[place]))
        assert probe.candidate == best == k
        assert probe.c == alone[best].c == [0.01, 0.1, 1.0][int(np.argmin(probe.inner_loss[best]))]
        torch.testing.assert_close(probe.coefficients, alone[best].coefficients, atol=1e-4, rtol=0)


def test_the_inner_loss_is_a_mean_over_units_and_absent_where_there_is_no_choice():
    features, label = toy()
    (probe,) = fit(features, label, [np.arange(80)], strengths=[1e-8, 1e-9])
    # The penalty leaves nothing but the classes' shares.
    np.testing.assert_allclose(probe.inner_loss, np.log(4) * np.ones((1, 2)), atol=0.02)
    (probe,) = fit(features, label, [np.arange(80)])
    assert (probe.inner_loss, probe.candidate) == ((), 0)
