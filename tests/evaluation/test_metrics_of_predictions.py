import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from detach_core.contracts.metrics import Predictions
from detach_core.evaluation.intervals import f1_of, map_of, over_draws, split_metrics


def predictions(seed):
    rng = np.random.default_rng(seed)
    label = np.arange(30) % 3
    said = rng.dirichlet(np.ones(3), 30) + 0.5 * np.eye(3)[label]
    return Predictions(np.arange(30), np.arange(30) // 2, label, said.argmax(1), said)


def test_figures_are_scikit_learn_s_draw_by_draw():
    draws = [predictions(seed) for seed in range(3)]
    weight = np.random.default_rng(9).integers(1, 4, size=(2, 30)).astype(float)
    f1, precision = over_draws(draws, f1_of(3))(weight), over_draws(draws, map_of)(weight)
    assert f1.shape == precision.shape == (2, 3)
    for row, one_weight in enumerate(weight):
        for column, one in enumerate(draws):
            expected = f1_score(one.label, one.predicted, average="weighted", sample_weight=one_weight)
            assert f1[row, column] == pytest.approx(expected)
            by_class = [
                average_precision_score(one.label == k, one.probabilities[:, k], sample_weight=one_weight)
                for k in range(3)
            ]
            assert precision[row, column] == pytest.approx(np.mean(by_class))


def test_a_split_has_the_units_of_its_predictions_and_a_figure_for_each_seed():
    seeds = [[predictions(0), predictions(1)], [predictions(2), predictions(3)]]
    found = split_metrics(seeds, map_of)
    assert found.instance.tolist() == predictions(0).instance.tolist()
    assert found.stratum.tolist() == predictions(0).label.tolist()
    values = [metric(np.ones((1, 30))).tolist() for metric in found.metrics]
    assert values == [[[map_of(one, np.ones((1, 30)))[0] for one in draws]] for draws in seeds]
