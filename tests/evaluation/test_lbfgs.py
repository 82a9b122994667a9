import torch

from detach_core.evaluation.logistic import minimise

F64 = torch.float64


def quadratics(num_sets=3, num_problems=4, width=6, spread=1e4):
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(num_sets, num_problems, width, width, generator=generator, dtype=F64))[0]
    values = torch.logspace(0, torch.log10(torch.tensor(spread)).item(), width, dtype=F64)
    matrix = turn @ torch.diag(values) @ turn.mT
    target = torch.randn(num_sets, num_problems, width, generator=generator, dtype=F64)

    def evaluate(point, columns):
        away = point - target[:, columns]
        slope = (matrix[:, columns] @ away[..., None])[..., 0]
        return 0.5 * (away * slope).sum(-1), slope

    return evaluate, target


def test_ill_conditioned_quadratics_reach_their_minima():
    evaluate, target = quadratics()
    ones = torch.ones_like(target)
    found, residual = minimise(evaluate, torch.zeros_like(target), ones, tolerance=1e-8, max_steps=500)
    assert float(residual.max()) <= 1e-8
    torch.testing.assert_close(found, target, atol=1e-8, rtol=0)


def test_a_true_diagonal_takes_one_step():
    scale = torch.tensor([[[1.0, 100.0, 1e6]]], dtype=F64)
    calls = []

    def evaluate(point, columns):
        calls.append(len(columns))
        return 0.5 * (scale * (point - 1.0).square()).sum(-1), scale * (point - 1.0)

    minimise(evaluate, torch.zeros_like(scale), scale, tolerance=1e-9, max_steps=50)
    assert len(calls) == 2


def test_problems_that_have_converged_leave_the_computation_and_keep_their_solution():
    evaluate, target = quadratics()
    widths = []

    def watched(point, columns):
        widths.append(len(columns))
        return evaluate(point, columns)

    start = torch.zeros_like(target)
    start[:, :3] = target[:, :3]
    found, _ = minimise(watched, start, torch.ones_like(target), tolerance=1e-8, max_steps=500)
    assert widths[0] == 4
    assert set(widths[1:]) == {1}
    assert torch.equal(found[:, :3], target[:, :3])


def test_a_problem_solved_alone_and_among_others_has_the_same_solution():
    evaluate, target = quadratics()
    ones = torch.ones_like(target)
    together, _ = minimise(evaluate, torch.zeros_like(target), ones, tolerance=1e-10, max_steps=500)
    alone, _ = minimise(
        lambda point, columns: evaluate(point, columns + 2),
        torch.zeros_like(target[:, 2:3]),
        ones[:, 2:3],
        tolerance=1e-10,
        max_steps=500,
    )
    torch.testing.assert_close(alone, together[:, 2:3], atol=1e-9, rtol=0)


def test_a_step_that_is_too_long_is_shortened():
    def evaluate(point, columns):
        return point.cosh().sum(-1), point.sinh()

    # The first step leads to where the value is infinite.
    start = torch.full((1, 1, 2), 5.0, dtype=F64)
    found, residual = minimise(evaluate, start, torch.full_like(start, 1e-2), tolerance=1e-9, max_steps=500)
    assert float(residual.max()) <= 1e-9
    torch.testing.assert_close(found, torch.zeros_like(start), atol=1e-8, rtol=0)


def test_a_search_that_ends_too_early_says_how_far_it_is():
    evaluate, target = quadratics()
    _, residual = minimise(evaluate, torch.zeros_like(target), torch.ones_like(target), tolerance=1e-8, max_steps=3)
    assert float(residual.min()) > 1e-8
