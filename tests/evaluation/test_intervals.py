import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.evaluation.intervals import percentile_interval, resampling_weights


def weights(instance, label, resamples=200, seed=0):
    return resampling_weights(np.array(instance), np.array(label), resamples, np.random.default_rng(seed))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), min_size=1, max_size=10), st.integers(0, 9))
def test_every_resample_has_as_many_instances_of_each_class_and_windows_stay_together(gestures, seed):
    instance = np.repeat(np.arange(len(gestures)), [count for _, count in gestures])
    label = np.repeat([label for label, _ in gestures], [count for _, count in gestures])
    drawn = weights(instance, label, 20, seed)
    first = np.unique(instance, return_index=True)[1]
    assert (drawn == drawn[:, first][:, instance]).all()
    for one in np.unique(label):
        assert (drawn[:, first][:, label[first] == one].sum(1) == (label[first] == one).sum()).all()


def test_a_unit_without_an_instance_is_drawn_alone():
    drawn = weights([-1, -1, 5, 5], [0, 0, 1, 1])
    assert (drawn[:, 0] != drawn[:, 1]).any()
    assert (drawn[:, 2:] == 1).all()


def test_the_generator_alone_decides():
    assert (weights([0, 1, 2], [0, 0, 0], seed=3) == weights([0, 1, 2], [0, 0, 0], seed=3)).all()
    assert (weights([0, 1, 2], [0, 0, 0], seed=3) != weights([0, 1, 2], [0, 0, 0], seed=4)).any()


def test_the_interval_of_a_mean_over_clusters_has_the_textbook_width():
    values = np.repeat(np.random.default_rng(1).normal(size=100), 4)
    drawn = weights(np.repeat(np.arange(100), 4), np.zeros(400, int), 4000)
    low, high = percentile_interval(drawn @ values / drawn.sum(1), 0.95)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.08)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.03)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="instances and labels"):
        weights([0, 1], [0])
    with pytest.raises(ValueError, match="confidence"):
        percentile_interval(np.zeros(3), 1.0)
