import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from detach_core.evaluation.embedding_map import (
    alike_neighbours,
    bounded_perplexity,
    embedding_map,
    num_equal,
    spread_ids,
)


def three_groups(per_group=15, noise=0.05):
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(3), per_group)
    return np.eye(6)[group] + noise * rng.normal(size=(len(group), 6)), group


def test_groups_of_features_stay_together_in_the_plane():
    features, group = three_groups()
    plane = embedding_map(features, perplexity=10)
    centres = np.stack([plane[group == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(plane[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == group).all()


def test_the_map_fills_the_square_from_minus_one_to_one():
    plane = embedding_map(three_groups()[0], perplexity=10)
    assert plane.shape == (45, 2)
    np.testing.assert_allclose(np.abs(plane).max(), 1.0)
    np.testing.assert_allclose(plane.max(axis=0), -plane.min(axis=0))


def test_equal_features_give_equal_bits_whatever_the_number_of_threads():
    features = three_groups(noise=0.3)[0]
    with threadpool_limits(limits=1):
        first = embedding_map(features, perplexity=10)
    with threadpool_limits(limits=2):
        second = embedding_map(features, perplexity=10)
    assert first.tobytes() == second.tobytes()


def test_only_the_direction_of_a_feature_matters():
    features = three_groups()[0]
    longer = features * np.exp2(np.arange(45) % 3)[:, None]  # powers of two, so that unit rows keep their bits
    np.testing.assert_array_equal(embedding_map(features, perplexity=8), embedding_map(longer, perplexity=8))


def test_few_windows_bound_the_perplexity():
    assert bounded_perplexity(30.0, 1000) == 30.0
    assert bounded_perplexity(30.0, 10) == 3.0
    assert np.isfinite(embedding_map(three_groups(2)[0], perplexity=30)).all()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.eye(4), "at least 5 windows, got 4"),
        (np.ones((9, 3)) * np.arange(1, 10)[:, None], "all 9 windows have the same feature"),
        (np.vstack([np.eye(6), np.zeros((1, 6))]), "row 6 of the features is zero"),
    ],
)
def test_features_that_cannot_be_laid_out_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        embedding_map(features, perplexity=5)


def test_neighbours_in_clear_groups_are_all_alike_and_chance_is_the_groups_share():
    features, group = three_groups()
    share, expected = alike_neighbours(features, group, np.arange(45), neighbours=10)
    np.testing.assert_array_equal(share, 1.0)
    np.testing.assert_allclose(expected, 14 / 44)


def test_windows_of_one_gesture_are_no_neighbours():
    features = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.01, 1.0]])
    group = np.array([0, 0, 1, 1])
    share, _ = alike_neighbours(features, group, np.arange(4), neighbours=1)
    np.testing.assert_array_equal(share, 1.0)
    share, expected = alike_neighbours(features, group, np.array([0, 0, 1, 1]), neighbours=1)
    np.testing.assert_array_equal(share, 0.0)
    np.testing.assert_array_equal(expected, 0.0)


def test_equally_near_windows_count_equally_whatever_their_order():
    features = np.tile([[1.0, 0.0]], (9, 1))
    group = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    share, expected = alike_neighbours(features, group, np.arange(9), neighbours=2)
    np.testing.assert_allclose(share, np.where(group == 0, 3 / 8, 4 / 8))
    np.testing.assert_allclose(share, expected)


def test_a_window_without_neighbours_has_no_share():
    share, expected = alike_neighbours(np.eye(3), np.arange(3), np.zeros(3, int), neighbours=2)
    assert np.isnan(share).all()
    assert np.isnan(expected).all()


def test_equal_features_are_counted_by_direction():
    features = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(num_equal(features), [2, 2, 1, 1])


def test_ids_are_thinned_evenly_and_keep_their_order():
    ids = np.arange(100, 200)
    np.testing.assert_array_equal(spread_ids(ids, max_windows=4), [100, 133, 166, 199])
    assert spread_ids(ids, max_windows=100) is ids
    assert len(np.unique(spread_ids(ids, max_windows=99))) == 99
