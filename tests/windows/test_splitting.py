import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.windows.splitting import rotating_folds, stratified_folds, stratified_split

LABELS = st.lists(st.integers(-1, 4), min_size=12, max_size=80).map(np.array)


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(deadline=None)
@given(LABELS, st.floats(0.1, 0.9), st.integers(0, 5))
def test_a_split_is_disjoint_complete_and_keeps_the_share_of_every_class(labels, share, seed):
    first, rest = stratified_split(labels, share, rng(seed))
    assert sorted([*first, *rest]) == list(range(len(labels)))
    assert len(first) == round(share * len(labels))
    for label in np.unique(labels):
        assert abs((labels[first] == label).sum() - share * (labels == label).sum()) <= 1


def test_the_seed_alone_decides_the_split():
    labels = np.repeat(np.arange(5), 20)
    assert (stratified_split(labels, 0.8, rng(1))[0] == stratified_split(labels, 0.8, rng(1))[0]).all()
    assert (stratified_split(labels, 0.8, rng(1))[0] != stratified_split(labels, 0.8, rng(2))[0]).any()


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2])
def test_a_share_outside_zero_and_one_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        stratified_split(np.zeros(4, int), share, rng())


@settings(deadline=None)
@given(LABELS, st.integers(2, 10), st.integers(0, 5))
def test_folds_are_equal_in_size_and_in_every_class(labels, num_folds, seed):
    folds = stratified_folds(labels, num_folds, rng(seed))
    assert np.ptp(np.bincount(folds, minlength=num_folds)) <= 1
    for label in np.unique(labels):
        assert np.ptp(np.bincount(folds[labels == label], minlength=num_folds)) <= 1


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=8, max_size=30), st.integers(2, 5), st.integers(0, 5))
def test_a_group_lies_in_one_fold(sizes, num_folds, seed):
    groups = np.repeat(np.arange(len(sizes)) * 7, sizes)
    labels = groups // 7 % 3
    folds = stratified_folds(labels, num_folds, rng(seed), groups)
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    assert set(folds) == set(range(num_folds))


def test_grouped_folds_spread_every_class():
    groups = np.repeat(np.arange(40), 3)
    labels = groups % 4
    folds = stratified_folds(labels, 5, rng(), groups)
    for label in range(4):
        assert (np.bincount(folds[labels == label], minlength=5) == 6).all()


def test_folds_that_cannot_be_filled_are_refused():
    with pytest.raises(ValueError, match="3 units or groups cannot make 4 folds"):
        stratified_folds(np.zeros(6, int), 4, rng(), np.array([0, 0, 1, 1, 2, 2]))
    with pytest.raises(ValueError, match="1 folds"):
        stratified_folds(np.zeros(6, int), 1, rng())


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=60).map(np.array),
    st.integers(2, 10),
    st.booleans(),
    st.integers(0, 5),
)
def test_rotating_folds_test_every_unit_once_and_train_on_as_many_of_each_class(labels, num_folds, with_val, seed):
    num_folds = min(num_folds, len(labels))
    folds = rotating_folds(labels, num_folds, np.random.default_rng(seed), with_val=with_val)
    train, val, test = (np.stack(role) for role in zip(*folds, strict=True))
    assert (test.sum(0) == 1).all()
    assert (val.sum(0) == with_val).all()
    assert not (train & (test | val)).any()
    could = ~test & ~val
    for one in np.unique(labels):
        assert len(set(train[:, labels == one].sum(1))) == 1
        # No unit is idle without need.
        assert train[0, labels == one].sum() == could[:, labels == one].sum(1).min()
