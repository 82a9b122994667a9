import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from detach_core.evaluation.logistic import build_training_sets
from detach_core.evaluation.probes import inner_losses, select

F64 = torch.float64
GRID = [0.001, 0.01, 0.1, 1.0, 10.0]


def make_sets(noise, seed=0, count=60):
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 3
    features = rng.normal(size=(3, 8))[label] * 2 + rng.normal(size=(count, 8)) * noise
    sets = build_training_sets(torch.tensor(features, dtype=F64), torch.tensor(label), [torch.arange(count)])
    return sets, torch.tensor(rng.permutation(np.arange(count) % 4))[None]


def select_c(sets, inner, strengths, num_classes, balanced=False):
    """The chosen C of one candidate."""
    losses, _ = inner_losses(sets, inner, strengths, num_classes, balanced=balanced)
    return torch.tensor(sorted(strengths), dtype=F64)[select([losses])[1]]


def test_the_choice_is_that_of_a_loop_over_folds_with_scikit_learn():
    for noise in (0.5, 2.0, 8.0):
        sets, inner = make_sets(noise)
        inputs, label = sets.axes[0, :, :-1].numpy(), sets.label[0].numpy()
        losses = []
        for c in GRID:
            total = 0.0
            for fold in range(4):
                out = (inner[0] == fold).numpy()
                model = LogisticRegression(C=c, tol=1e-8, max_iter=10_000).fit(inputs[~out], label[~out])
                total -= model.predict_log_proba(inputs[out])[np.arange(out.sum()), label[out]].sum()
            losses.append(total)
        assert float(select_c(sets, inner, GRID, 3)) == GRID[int(np.argmin(losses))]


def test_noise_calls_for_a_stronger_penalty():
    chosen = []
    for noise in (0.3, 20.0):
        sets, inner = make_sets(noise)
        chosen.append(float(select_c(sets, inner, GRID, 3)))
    clean, noisy = chosen
    assert clean > noisy


def test_one_strength_needs_no_choice():
    sets, inner = make_sets(1.0)
    assert select_c(sets, inner, [0.5], 3).tolist() == [0.5]


def test_one_inner_fold_gives_the_strongest_penalty():
    sets, inner = make_sets(1.0)
    assert select_c(sets, torch.zeros_like(inner), GRID, 3).tolist() == [0.001]


def test_a_class_that_only_the_left_out_fold_has_does_not_decide():
    sets, inner = make_sets(1.0)
    sets.label[0, :1] = 3
    assert float(select_c(sets, inner, GRID, 4)) in GRID


def test_the_loss_is_that_of_the_units_left_out():
    sets, inner = make_sets(2.0)
    losses, count = inner_losses(sets, inner, [1.0], 3, balanced=False)
    inputs, label = sets.axes[0, :, :-1].numpy(), sets.label[0].numpy()
    total = 0.0
    for fold in range(4):
        out = (inner[0] == fold).numpy()
        model = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(inputs[~out], label[~out])
        total -= model.predict_log_proba(inputs[out])[np.arange(out.sum()), label[out]].sum()
    np.testing.assert_allclose(float(losses[0, 0]), total, rtol=0.02)  # the search stops early
    assert count.tolist() == [60.0]
    assert inner_losses(sets, torch.zeros_like(inner), [1.0, 2.0], 3, balanced=False)[1].tolist() == [0.0]


def test_classes_that_count_alike_do_so_in_the_inner_fits_and_in_their_loss():
    rng = np.random.default_rng(3)
    label = np.repeat([0, 1, 2], [30, 12, 6])
    features = rng.normal(size=(3, 8))[label] + rng.normal(size=(48, 8)) * 2
    sets = build_training_sets(torch.tensor(features, dtype=F64), torch.tensor(label), [torch.arange(48)])
    inner = torch.tensor(rng.permutation(48) % 3)[None]
    losses, weight = inner_losses(sets, inner, [0.01, 1.0], 3, balanced=True)
    inputs, unit_weight = sets.axes[0, :, :-1].numpy(), 48 / (3 * np.bincount(label))[label]
    for c, found in zip([0.01, 1.0], losses[0], strict=True):
        total = 0.0
        for fold in range(3):
            out = (inner[0] == fold).numpy()
            model = LogisticRegression(C=c, tol=1e-8, max_iter=10_000, class_weight="balanced")
            log_p = model.fit(inputs[~out], label[~out]).predict_log_proba(inputs[out])
            total -= (log_p[np.arange(out.sum()), label[out]] * unit_weight[out]).sum()
        np.testing.assert_allclose(float(found), total, rtol=0.02)
    np.testing.assert_allclose(weight, [48.0])


def test_of_equal_losses_the_first_candidate_and_the_smaller_strength_are_taken():
    tied = torch.tensor([[3.0, 2.0, 2.0], [1.0, 1.0, 5.0]], dtype=F64)
    better = torch.tensor([[2.5, 2.0, 1.0], [1.0, 0.5, 0.5]], dtype=F64)
    for losses, candidate, place in (([tied, tied], [0, 0], [1, 0]), ([tied, better], [1, 1], [2, 1])):
        chosen = select(losses)
        assert (chosen[0].tolist(), chosen[1].tolist()) == (candidate, place)
