import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from detach_core.contracts.metrics import Interval
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import ChannelStatistics, Fold, Normalisation, Split
from detach_core.evaluation.label_curve import LabelCurve
from detach_core.evaluation.settings import LabelCurveSettings
from detach_core.evaluation.suggestion import (
    Pool,
    cluster_centres,
    entropy,
    fit_few,
    suggest,
    suggestion_curve,
    uncertain_windows,
)
from tests.fixtures.artifacts import make_windows

pytestmark = pytest.mark.usefixtures("one_seeded_thread")


def make_pool(count=40, recordings=4, seed=0, group=None):
    """Windows of four recordings around four centres, ten seconds apart."""
    rng = np.random.default_rng(seed)
    centre = np.arange(count) % 4
    values = np.eye(4)[centre] * 10 + rng.normal(scale=0.5, size=(count, 4))
    recording = np.arange(count) * recordings // count
    group = np.full(count, -1) if group is None else np.asarray(group)
    return Pool(values, recording, np.arange(count) * 10.0, group, 2.0), centre


def all_rows(pool):
    return np.arange(len(pool.values))


@pytest.mark.parametrize(
    "row", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.7, 0.2, 0.1], [0.0, 0.999, 0.001]]
)
def test_entropy_is_the_printed_sum(row):
    printed = -sum(p * math.log(p) / math.log(2) for p in row if p > 0)
    assert entropy(np.array([row]))[0] == pytest.approx(printed, abs=1e-12)


def test_each_cluster_has_one_suggestion_and_it_is_the_nearest_to_the_centre():
    pool, centre = make_pool()
    free = np.ones(40, bool)
    found = cluster_centres(pool, all_rows(pool), 4, seed=0, free=free)
    assert sorted(centre[one.row] for one in found) == [0, 1, 2, 3]
    for one in found:
        own = np.flatnonzero(centre == centre[one.row])
        middle = pool.values[own].mean(axis=0)
        assert one.row == own[np.linalg.norm(pool.values[own] - middle, axis=1).argmin()]
        assert "cluster of 10 windows" in one.why
        assert not free[one.row]


def test_the_most_uncertain_windows_come_next_spread_over_the_recordings():
    pool, _ = make_pool()
    sure = np.linspace(0.99, 0.5, 40)  # the last recording's are the least certain

    def probabilities(rows):
        return np.stack([sure[rows], 1 - sure[rows]], axis=1)

    free = np.ones(40, bool)
    found = uncertain_windows(pool, all_rows(pool), 8, known=[], probabilities=probabilities, free=free)
    rows = [one.row for one in found]
    assert rows[:4] == [39, 29, 19, 9]
    assert np.bincount(pool.recording[rows]).tolist() == [2, 2, 2, 2]
    assert found[0].why == "uncertain: 1.00 bits"


def test_without_a_probe_the_farthest_from_all_that_is_known_comes_next():
    values = np.array([[0.0], [1.0], [5.0], [9.0]])
    pool = Pool(values, np.zeros(4, int), 10 * np.arange(4, dtype=np.float64), np.full(4, -1), 2.0)
    found = uncertain_windows(
        pool, all_rows(pool), 2, known=[0], probabilities=None, free=np.array([False, *[True] * 3])
    )
    assert [one.row for one in found] == [3, 2]
    assert "distance 9.0" in found[0].why


@pytest.mark.parametrize("seed", range(5))
def test_no_two_suggestions_share_time_or_a_gesture_and_none_is_of_a_labelled_one(seed):
    rng = np.random.default_rng(seed)
    group = np.arange(60) // 3
    pool = Pool(rng.normal(size=(60, 3)), np.arange(60) // 30, (np.arange(60) % 30).astype(np.float64), group, 2.0)
    labelled = [0, 31]
    found = suggest(pool, np.arange(5, 60), 12, num_clusters=5, seed=seed, labelled=labelled)
    rows = [one.row for one in found]
    assert len(rows) == 12
    assert min(rows) >= 5
    for k, row in enumerate(rows):
        assert not any(pool.related(other)[row] for other in [*rows[:k], *labelled])


def test_no_more_are_suggested_than_there_are():
    pool, _ = make_pool(6)
    assert len(suggest(pool, all_rows(pool), 50, num_clusters=20, seed=0)) == 6
    with pytest.raises(ValueError, match="at least one candidate"):
        suggest(pool, all_rows(pool)[:0], 5, num_clusters=2, seed=0)


def test_the_same_seed_suggests_the_same():
    pool, _ = make_pool()
    first, second = (suggest(pool, all_rows(pool), 9, num_clusters=6, seed=3) for _ in range(2))
    assert first == second


def test_a_probe_of_few_labels_tells_the_classes_apart():
    pool, centre = make_pool()
    rows = np.arange(8)
    probe = fit_few(pool.values[rows], centre[rows], 4, c=1.0, class_weights="fit")
    assert (probe.probabilities(pool.values).argmax(axis=1) == centre).all()


@pytest.fixture(scope="module")
def curve():
    windows = make_windows()
    last = windows.recording.max()
    train, test = np.flatnonzero(windows.recording < last), np.flatnonzero(windows.recording == last)
    zeros, empty = np.zeros(4), np.array([], np.int64)
    statistics = ChannelStatistics(zeros, zeros)
    split = Split(
        dataset=windows.dataset,
        name="default",
        seed=0,
        parts={"pretrain": empty, "downstream": train, "held_out": test},
        normalisation=Normalisation(zeros, zeros, {"centred": statistics, "z": statistics}),
        protocols={"by_recording": (Fold(train, empty, test),)},
        overlap=(),
        provenance=make_provenance(stage="split", source="simulated", settings={}),
    )
    settings = replace(LabelCurveSettings(), draws=3)
    return LabelCurve(windows, split, settings, "fit_and_choice", Interval(50, 0.95, 0), torch.device("cpu"))


def features_of(windows, *, told):
    """Features that tell the class, with one rare direction, or noise."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(windows.num_windows, 5)).astype(np.float32)
    values[:, :3] += 6 * np.eye(3, dtype=np.float32)[windows.label] * told
    return values


def test_suggested_labels_of_features_that_tell_the_class_find_every_class(curve):
    """Three random gestures of three classes rarely are of all three; one of each cluster is."""
    found = suggestion_curve(curve, features_of(curve.windows, told=1), [3, 6])
    assert set(found) == {("by_recording", kind, count) for kind in ("suggested", "random") for count in (3, 6)}
    assert found["by_recording", "suggested", 3].f1_weighted > 0.95
    assert found["by_recording", "suggested", 3].f1_weighted > found["by_recording", "random", 3].f1_weighted
    assert found["by_recording", "suggested", 3].n_test == found["by_recording", "random", 3].n_test


def test_suggestions_know_no_label_of_the_tested_part_nor_of_what_was_not_suggested(curve):
    """With other labels there, the suggestions of the first round and so its predictions are the same."""
    features = features_of(curve.windows, told=1)
    label = curve.windows.label.copy()
    tested = curve.split.held_out
    label[tested] = (label[tested] + 1) % 3
    other = replace(curve, windows=replace(curve.windows, label=label))
    first, second = (suggestion_curve(one, features, [3])["by_recording", "suggested", 3] for one in (curve, other))
    assert np.array_equal(first.predictions[0].predicted, second.predictions[0].predicted)
    assert second.f1_weighted < 0.1
