import numpy as np
import pytest

from detach_core.evaluation.retrieval import cosine_matrix
from detach_core.evaluation.retrieval_tasks import FIGURES, task_figures, tasks_of

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
        figures = task_figures(task, cosine_matrix(features, features), np.ones((1, 6)))
        assert dict(zip(FIGURES, figures[0], strict=True)) == {"r1": 1.0, "r5": 1.0, "r10": 1.0, "median_rank": 1.0}
        if key == ("window", "kept"):
            assert task_figures(task, shuffled, np.ones((1, 6)))[0, 0] == 0.0


def test_leaving_neighbours_out_helps_an_embedding_that_confuses_them():
    similarity = np.eye(6) + np.where(np.abs(START_S[:, None] - START_S) <= 1.0, 1.0, 0.0)
    similarity[np.arange(6), np.arange(6)] = 0.9
    found = tasks()
    kept, left_out = (
        task_figures(found["window", neighbours], similarity, np.ones((1, 6)))[0, 0]
        for neighbours in ("kept", "left out")
    )
    assert kept < left_out


def test_resamples_weight_the_queries_of_the_level():
    similarity = np.random.default_rng(1).normal(size=(6, 6))
    weight = np.zeros((1, 6))
    weight[0, 4] = 3.0
    task = tasks()["class", "kept"]
    rank = 1 + (similarity[4, [0, 1, 5]] >= similarity[4, [2, 4]].max()).sum()
    assert task_figures(task, similarity, weight)[0, -1] == rank
