import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.evaluation.retrieval import (
    BY_SENSOR,
    BY_VIDEO,
    METRICS,
    best_ranks,
    ceiling,
    cosine_matrix,
    median_rank,
    ranks,
    recall_at,
    task_values,
    tasks_of,
)

LABEL = np.array([0, 0, 1, -1, 1, 0])
RECORDING = np.array([0, 0, 0, 0, 0, 1])
START_S = np.array([0.0, 1.0, 2.0, 3.0, 10.0, 0.0])


def tasks(label=LABEL):
    return {(task.level, task.neighbours): task for task in tasks_of(label, RECORDING, START_S, 2.0)}


def test_only_the_own_window_is_right_at_level_window_and_its_class_at_level_class():
    found = tasks()
    assert list(found) == [("window", "kept"), ("window", "left out"), ("class", "kept"), ("class", "left out")]
    assert (found["window", "kept"].relevant == np.eye(6, dtype=bool)).all()
    by_class = found["class", "kept"]
    assert by_class.place.tolist() == [0, 1, 2, 4, 5]
    expected = [[1, 1, 0, 0, 1], [1, 1, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [1, 1, 0, 0, 1]]
    assert by_class.relevant.astype(int).tolist() == expected


def test_neighbours_leave_the_gallery_and_the_own_window_stays():
    found = tasks()
    assert found["window", "kept"].gallery.tolist() == [6] * 6
    assert found["window", "left out"].gallery.tolist() == [5, 4, 4, 5, 6, 6]
    assert found["class", "left out"].gallery.tolist() == [4, 3, 4, 5, 5]
    assert not found["window", "left out"].left_out.diagonal().any()


def test_chance_counts_what_is_left_of_gallery_and_class():
    found = tasks()
    assert found["window", "kept"].chance == pytest.approx({"r1": 1 / 6, "r5": 5 / 6, "r10": 1.0, "median_rank": 3.5})
    # Relevant and gallery of each query: 2 of 4, 2 of 3, 2 of 4, 2 of 5, 3 of 5.
    chance = found["class", "left out"].chance["r1"]
    assert chance == pytest.approx(np.mean([2 / 4, 2 / 3, 2 / 4, 2 / 5, 3 / 5]))


def test_without_a_class_there_is_no_level_class():
    assert list(tasks(np.full(6, -1))) == [("window", "kept"), ("window", "left out")]


def test_a_perfect_embedding_finds_every_window_first_and_a_shuffled_video_does_not():
    features = np.random.default_rng(0).normal(size=(6, 8))
    shuffled = cosine_matrix(features, features[[1, 2, 3, 4, 5, 0]])
    for key, task in tasks().items():
        metrics = task_values(task, cosine_matrix(features, features), np.ones((1, 6)))
        assert dict(zip(METRICS, metrics[0], strict=True)) == {"r1": 1.0, "r5": 1.0, "r10": 1.0, "median_rank": 1.0}
        if key == ("window", "kept"):
            assert task_values(task, shuffled, np.ones((1, 6)))[0, 0] == 0.0


def test_leaving_neighbours_out_helps_an_embedding_that_confuses_them():
    similarity = np.eye(6) + np.where(np.abs(START_S[:, None] - START_S) <= 1.0, 1.0, 0.0)
    similarity[np.arange(6), np.arange(6)] = 0.9
    found = tasks()
    kept, left_out = (
        task_values(found["window", neighbours], similarity, np.ones((1, 6)))[0, 0]
        for neighbours in ("kept", "left out")
    )
    assert kept < left_out


def test_resamples_weight_the_queries_of_the_level():
    similarity = np.random.default_rng(1).normal(size=(6, 6))
    weight = np.zeros((1, 6))
    weight[0, 4] = 3.0
    task = tasks()["class", "kept"]
    rank = 1 + (similarity[4, [0, 1, 5]] >= similarity[4, [2, 4]].max()).sum()
    assert task_values(task, similarity, weight)[0, -1] == rank


def kept_task(level, label):
    far_apart = np.arange(len(label), dtype=np.float64) * 10.0
    found = {(task.level, task.neighbours): task for task in tasks_of(label, np.zeros(len(label), int), far_apart, 2.0)}
    return found[level, "kept"]


def figures_of(rank):
    once = np.ones((1, len(rank)))
    return [recall_at(rank, 1, once)[0], recall_at(rank, 2, once)[0], -median_rank(rank, once)[0]]


def by_hand(task, group, direction):
    """The best of each metric over every order of the gallery that a search without more than the groups can give."""
    orders = [np.array(order) for order in itertools.permutations(range(len(group)))]
    if direction == BY_VIDEO:
        # Each query by itself: any order of the sensors in which those of a group tie.
        by_order = np.stack([ranks(np.tile(-order[group], (len(group), 1)), task.relevant) for order in orders])
        return figures_of(by_order.min(axis=0))
    found = []
    members = [np.flatnonzero(group == one) for one in np.unique(group)]
    for choice in itertools.product(*({tuple(order) for order in orders} for _ in members)):
        similarity = np.empty((len(group), len(group)))
        for its, order in zip(members, choice, strict=True):
            similarity[its] = -np.array(order)
        found.append(figures_of(ranks(similarity, task.relevant)))
    return np.array(found).max(axis=0)


@pytest.mark.parametrize("direction", [BY_SENSOR, BY_VIDEO])
@pytest.mark.parametrize("level", ["window", "class"])
@pytest.mark.parametrize(
    ("group", "label"),
    [
        ([0, 0, 0, 0], [0, 1, 1, 2]),
        ([0, 0, 1, 1], [0, 1, 0, 0]),
        ([0, 1, 0, 1], [1, 1, 1, 1]),
        ([0, 0, 1, 1], [0, 1, 0, 1]),
        ([1, 1, 1, 0], [0, 0, 1, 1]),
    ],
)
def test_the_ceiling_is_the_best_of_all_searches(group, label, level, direction):
    task = kept_task(level, np.array(label))
    rank = best_ranks(task, np.array(group), direction)
    assert figures_of(rank) == pytest.approx(by_hand(task, np.array(group), direction))


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(1, 4), st.sampled_from(["window", "class"]), st.integers(0, 999))
def test_no_embedding_that_cannot_tell_equal_windows_exceeds_the_ceiling(count, num_groups, level, seed):
    rng = np.random.default_rng(seed)
    group, label = rng.integers(num_groups, size=count), rng.integers(3, size=count)
    task = kept_task(level, label)
    sensor, video = rng.normal(size=(num_groups, 3))[group], rng.normal(size=(count, 3))
    by_sensor = cosine_matrix(sensor, video)
    for direction, similarity in ((BY_SENSOR, by_sensor), (BY_VIDEO, by_sensor.T)):
        found = dict(zip(METRICS, task_values(task, similarity, np.ones((1, count)))[0], strict=True))
        best = ceiling(task, group, direction)
        assert all(found[name] <= best[name] + 1e-12 for name in ("r1", "r5", "r10"))
        assert found["median_rank"] >= best["median_rank"]


def test_windows_that_all_differ_have_no_ceiling():
    best = ceiling(kept_task("window", np.zeros(5, int)), np.array([4, 7, 2, 0, 9]), BY_SENSOR)
    assert best == {"r1": 1.0, "r5": 1.0, "r10": 1.0, "median_rank": 1.0}


def test_a_group_of_twelve_of_which_one_can_come_first():
    task, equal = kept_task("window", np.zeros(12, int)), np.zeros(12, int)
    by_sensor = {"r1": 1 / 12, "r5": 5 / 12, "r10": 10 / 12, "median_rank": 6.5}
    assert ceiling(task, equal, BY_SENSOR) == pytest.approx(by_sensor)
    assert ceiling(task, equal, BY_VIDEO) == {"r1": 0.0, "r5": 0.0, "r10": 0.0, "median_rank": 12.0}


def test_without_neighbours_the_ceiling_is_unknown():
    with pytest.raises(ValueError, match="neighbours kept only"):
        best_ranks(tasks()["window", "left out"], np.zeros(6, int), BY_SENSOR)
