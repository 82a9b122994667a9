from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.evaluation.retrieval import (
    chance_median_rank,
    chance_recall,
    cosine_matrix,
    median_rank,
    overlapping,
    ranks,
    recall_at,
)

ONES = np.ones((1, 3))


def rank_by_loop(similarity, relevant, left_out):
    """Sort the gallery, what is not relevant first among equals, and walk down to the first relevant item."""
    found = []
    for row, wanted, absent in zip(similarity, relevant, left_out, strict=True):
        items = sorted((-value, bool(hit)) for value, hit, out in zip(row, wanted, absent, strict=True) if not out)
        places = [place for place, (_, hit) in enumerate(items, 1) if hit]
        found.append(places[0] if places else np.nan)
    return np.array(found)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 999))
def test_ranks_equal_a_loop_with_many_ties(num_queries, num_items, seed):
    rng = np.random.default_rng(seed)
    similarity = rng.integers(-2, 3, (num_queries, num_items)) / 2.0
    relevant, left_out = rng.random((2, num_queries, num_items)) < np.array([0.3, 0.2])[:, None, None]
    np.testing.assert_array_equal(ranks(similarity, relevant, left_out), rank_by_loop(similarity, relevant, left_out))
    none = np.zeros_like(left_out)
    np.testing.assert_array_equal(ranks(similarity, relevant), rank_by_loop(similarity, relevant, none))


def test_ties_count_against_the_query_unless_what_ties_is_relevant_too():
    similarity = np.array([[0.5, 0.5, 0.5, 0.1]])
    assert ranks(similarity, np.array([[True, False, False, False]])) == 3
    assert ranks(similarity, np.array([[True, True, True, False]])) == 1


def test_a_query_whose_relevant_items_are_all_left_out_has_no_rank():
    relevant = np.array([[True, False]])
    assert np.isnan(ranks(np.zeros((1, 2)), relevant, left_out=relevant)).all()


def test_a_collapsed_embedding_finds_nothing_wherever_the_product_rounds():
    features = np.tile(np.random.default_rng(0).normal(size=(1, 127)), (301, 1)).astype(np.float32)
    similarity = cosine_matrix(features, features[:257])
    assert np.unique(similarity).tolist() == [1.0]
    assert (ranks(similarity[:257], np.eye(257, dtype=bool)) == 257).all()


def test_cosines_are_those_of_the_formula_and_0_for_a_feature_of_zeros():
    rng = np.random.default_rng(1)
    query, gallery = rng.normal(size=(3, 5)), rng.normal(size=(4, 5))
    query[1] = 0.0
    expected = [[q @ g / (np.linalg.norm(q) * np.linalg.norm(g)) if q.any() else 0.0 for g in gallery] for q in query]
    np.testing.assert_allclose(cosine_matrix(query, gallery), expected, atol=1e-11)
    assert np.abs(cosine_matrix(1e-30 * query, gallery) - expected).max() < 1e-11


def test_windows_overlap_within_their_recording_alone():
    near = overlapping(np.array([0, 0, 0, 0, 1]), np.array([0.0, 1.0, 2.0, 2.5, 1.0]), 2.0)
    pairs = {(int(a), int(b)) for a, b in zip(*np.nonzero(near), strict=True)}
    assert pairs == {(a, b) for x, y in [(0, 1), (1, 2), (1, 3), (2, 3)] for a, b in ((x, y), (y, x))}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4)), min_size=1, max_size=8), st.integers(1, 6))
def test_figures_of_a_resample_are_those_of_its_queries_written_out(queries, k):
    rank, count = (np.array(column, float) for column in zip(*queries, strict=True))
    written = np.repeat(rank, count.astype(int))
    weight = np.stack([count, np.ones_like(count)])
    recall, median = recall_at(rank, k, weight), median_rank(rank, weight)
    if len(written):
        assert recall[0] == pytest.approx(np.mean(written <= k))
        assert median[0] == np.median(written)
    else:
        assert np.isnan([recall[0], median[0]]).all()
    assert recall[1] == pytest.approx(np.mean(rank <= k))
    assert median[1] == np.median(rank)


def test_queries_without_a_rank_do_not_count():
    rank = np.array([1.0, np.nan, 4.0])
    assert recall_at(rank, 1, ONES) == 0.5
    assert median_rank(rank, ONES) == 2.5
    nothing = np.full(3, np.nan)
    assert np.isnan([recall_at(nothing, 1, ONES), median_rank(nothing, ONES)]).all()


CASES = [(1, 5), (2, 5), (5, 5), (3, 12), (1, 40), (12, 40)]


@pytest.mark.parametrize("k", [1, 5, 10])
def test_chance_recall_is_the_hypergeometric_one_averaged_over_queries(k):
    expected = [1.0 - comb(size - found, k) / comb(size, k) if k <= size else 1.0 for found, size in CASES]
    num_relevant, gallery = np.array(CASES).T
    assert chance_recall(num_relevant, gallery, k) == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 239])
def test_the_median_rank_of_one_item_by_chance_is_the_middle(size):
    assert chance_median_rank(np.ones(3, int), np.full(3, size)) == (size + 1) / 2


def test_a_random_order_is_at_chance_in_every_figure():
    rng = np.random.default_rng(2)
    label = np.repeat(np.arange(8), rng.integers(3, 30, 8))
    relevant = label[:, None] == label
    rank = np.concatenate([ranks(rng.random(relevant.shape), relevant) for _ in range(40)])
    num_relevant, gallery = relevant.sum(1), np.full(len(label), len(label))
    weight = np.ones((1, len(rank)))
    for k in (1, 5, 10):
        assert recall_at(rank, k, weight)[0] == pytest.approx(chance_recall(num_relevant, gallery, k), abs=0.02)
    assert median_rank(rank, weight)[0] == pytest.approx(chance_median_rank(num_relevant, gallery), abs=0.5)
    # The mean rank is another figure: beside a median it would make random order look good.
    mean = ((gallery + 1) / (num_relevant + 1)).mean()
    assert rank.mean() == pytest.approx(mean, rel=0.05)
    assert mean > 1.2 * chance_median_rank(num_relevant, gallery)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: cosine_matrix(np.zeros((2, 3)), np.zeros((2, 4))),
        lambda: ranks(np.zeros((2, 3)), np.zeros((3, 2), bool)),
        lambda: ranks(np.zeros((2, 3)), np.zeros((2, 3), bool), np.zeros((1, 3), bool)),
        lambda: recall_at(np.ones(2), 1, ONES),
        lambda: median_rank(np.ones(2), ONES),
        lambda: chance_recall(np.array([0]), np.array([3]), 1),
        lambda: chance_recall(np.array([4]), np.array([3]), 1),
        lambda: chance_median_rank(np.array([], int), np.array([], int)),
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        wrong()
