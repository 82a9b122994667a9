import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from detach_core.evaluation.logistic import build_training_sets, logits, present_classes, solve, standardise

F64 = torch.float64


def toy(count, width, num_classes, seed=0, separation=1.0):
    rng = np.random.default_rng(seed)
    label = np.arange(count) % num_classes
    centres = rng.normal(size=(num_classes, width)) * separation
    return torch.tensor(centres[label] + rng.normal(size=(count, width)) * 3 + 5, dtype=F64), torch.tensor(label)


def reference(features, label, c, weight=None):
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=c, tol=1e-10, max_iter=20_000).fit(scaler.transform(features), label, weight)
    return model.coef_.T, model.intercept_


@pytest.mark.parametrize(("count", "width", "num_classes"), [(60, 5, 3), (40, 90, 4)])
@pytest.mark.parametrize("c", [0.01, 1.0, 30.0])
def test_the_solution_is_that_of_scikit_learn(count, width, num_classes, c):
    features, label = toy(count, width, num_classes)
    sets = build_training_sets(features, label, [torch.arange(count)])
    solution, residual = solve(sets, sets.weight[:, None], torch.tensor([[c]], dtype=F64), num_classes, 1e-7)
    coefficients, intercept = reference(features.numpy(), label.numpy(), c)
    assert float(residual.max()) <= 1e-7
    np.testing.assert_allclose((sets.turn[0] @ solution[0, 0, :-1]).numpy(), coefficients, atol=1e-4)
    np.testing.assert_allclose(solution[0, 0, -1].numpy(), intercept, atol=1e-4)


def test_separable_features_more_than_units_and_a_weak_penalty_still_converge():
    features, label = toy(30, 400, 5, separation=10.0)
    sets = build_training_sets(features, label, [torch.arange(30)])
    _, residual = solve(sets, sets.weight[:, None], torch.tensor([[1e4]], dtype=F64), 5, 1e-6)
    assert float(residual.max()) <= 1e-6


def test_many_problems_solved_together_are_the_same_solved_alone():
    features, label = toy(50, 6, 3)
    rows = [torch.arange(0, 40), torch.arange(10, 50), torch.arange(5, 30)]
    sets = build_training_sets(features, label, rows)
    rng = torch.Generator().manual_seed(0)
    keep = (torch.rand(3, 4, 40, generator=rng) > 0.3).to(F64) * sets.weight[:, None]
    c = torch.tensor([0.01, 0.1, 1.0, 10.0], dtype=F64).expand(3, -1)
    together, _ = solve(sets, keep, c, 3, 1e-8)
    for f in range(3):
        for q in range(4):
            alone_set = build_training_sets(features, label, [rows[f]])
            width = len(rows[f])
            alone, _ = solve(alone_set, keep[f : f + 1, q : q + 1, :width], c[f : f + 1, q : q + 1], 3, 1e-8)
            a = sets.turn[f] @ together[f, q, :-1]
            b = alone_set.turn[0] @ alone[0, 0, :-1]
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_a_unit_of_weight_zero_and_padding_change_nothing():
    features, label = toy(40, 4, 3)
    sets = build_training_sets(features, label, [torch.arange(40), torch.arange(20)])
    weight = sets.weight[:, None].clone()
    weight[0, 0, 20:] = 0.0
    solution, _ = solve(sets, weight, torch.ones(2, 1, dtype=F64), 3, 1e-9)
    scaled = standardise(features[:20], sets.mean[0], sets.std[0]).numpy()
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=20_000).fit(scaled, label[:20].numpy())
    np.testing.assert_allclose((sets.turn[0] @ solution[0, 0, :-1]).numpy(), model.coef_.T, atol=1e-4)


def test_a_class_without_a_weighted_unit_gets_no_probability_and_no_coefficients():
    features, label = toy(30, 4, 3)
    sets = build_training_sets(features, label, [torch.arange(30)])
    weight = (label != 2).to(F64)[None, None]
    assert present_classes(sets, weight, 3).tolist() == [[[True, True, False]]]
    solution, residual = solve(sets, weight, torch.ones(1, 1, dtype=F64), 3, 1e-8)
    assert float(residual.max()) <= 1e-8
    assert (solution[..., 2] == 0).all()
    scores = logits(sets, solution, present_classes(sets, weight, 3))
    assert (torch.softmax(scores, -1)[..., 2] == 0).all()


def test_constant_features_are_ignored():
    features, label = toy(30, 4, 3)
    wider = torch.cat([features, torch.full((30, 2), 0.1, dtype=F64)], dim=1)
    plain, padded = (build_training_sets(x, label, [torch.arange(30)]) for x in (features, wider))
    one, _ = solve(plain, plain.weight[:, None], torch.ones(1, 1, dtype=F64), 3, 1e-9)
    two, _ = solve(padded, padded.weight[:, None], torch.ones(1, 1, dtype=F64), 3, 1e-9)
    both = padded.turn[0] @ two[0, 0, :-1]
    torch.testing.assert_close(both[:4], plain.turn[0] @ one[0, 0, :-1], atol=1e-7, rtol=0)
    assert (both[4:] == 0).all()


def test_wrong_features_are_refused():
    with pytest.raises(ValueError, match="float64"):
        build_training_sets(torch.zeros(3, 2), torch.zeros(3, dtype=torch.long), [torch.arange(3)])


def test_sets_that_are_taken_out_are_solved_alike():
    features, label = toy(60, 5, 3)
    sets = build_training_sets(features, label, [torch.arange(40), torch.arange(10, 60), torch.arange(5, 50)])
    c = torch.tensor([[1.0], [0.1], [10.0]], dtype=F64)
    chosen = torch.tensor([2, 0])
    part = sets.take(chosen)
    assert torch.equal(part.turn, sets.turn[chosen])
    whole, _ = solve(sets, sets.weight[:, None], c, 3, 1e-7)
    alone, _ = solve(part, part.weight[:, None], c[chosen], 3, 1e-7)
    torch.testing.assert_close(alone, whole[chosen], atol=1e-6, rtol=0)
