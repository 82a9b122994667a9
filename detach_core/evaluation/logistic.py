"""Multinomial logistic regression with an L2 penalty, solved for many training sets and strengths together.

Minimised is scikit-learn's objective, `C sum_i loss_i + ||W||^2 / 2`, with an intercept that is not penalised. It is
1-strongly convex in W, so the norm of the gradient bounds the distance of W from the solution.
Features are standardised by each training set and turned to its principal axes. Turning does not change the problem;
there the Hessian at the start is diagonal, which makes the search short, and no more axes remain than training units.

Problems lie in a grid (F, Q) and are solved by L-BFGS in float64, each with its own step, memory and stopping. Each
step evaluates all of them once: one that does not go down enough keeps its place and tries half the step next time.
Columns in which every problem has converged leave the computation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

MEMORY = 10

SUFFICIENT_DECREASE = 1e-4


# Near the minimum a real decrease drowns in rounding. Where the value rose by no more than this share of it, the slope
# at the end of the step decides instead, which is exact for longer (Hager and Zhang's approximate Wolfe condition).
ROUNDING = 1e-8

Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def minimise(
    evaluate: Evaluate, start: Tensor, curvature: Tensor, *, tolerance: float, max_steps: int
) -> tuple[Tensor, Tensor]:
    """The minimisers (F, Q, D), and the norm (F, Q) of the gradient there.

    Args:
        evaluate: takes points (F, q, D) and which of the Q columns they are (q,), gives values (F, q) and gradients.
        start: (F, Q, D) float64.
        curvature: (F, Q, D), an estimate of the Hessian's diagonal.
        tolerance: a problem has converged when its gradient's norm is at most this.
        max_steps: evaluations after which the search ends in any case.
    """
    columns = torch.arange(start.shape[1], device=start.device)
    result, residual = start.clone(), start.new_full(start.shape[:2], torch.inf)
    point, scale = start.clone(), 1.0 / curvature
    value, gradient = evaluate(point, columns)
    gamma = torch.ones_like(value)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    direction = -scale * gradient
    step = torch.ones_like(value)
    for _ in range(max_steps):
        active = gradient.norm(dim=-1) > tolerance
        keep = active.any(dim=0)
        result[:, columns], residual[:, columns] = point, gradient.norm(dim=-1)
        if not bool(keep.any()):
            break
        if int(keep.sum()) <= 0.75 * len(columns):
            columns, active = columns[keep], active[:, keep]
            point, scale, value, gradient, gamma, direction, step = (
                state[:, keep] for state in (point, scale, value, gradient, gamma, direction, step)
            )
            pairs = [(moved[:, keep], bent[:, keep], inverse[:, keep]) for moved, bent, inverse in pairs]
        trial = point + (step * active)[..., None] * direction
        trial_value, trial_gradient = evaluate(trial, columns)
        slope = (gradient * direction).sum(dim=-1)
        lower = trial_value <= value + SUFFICIENT_DECREASE * step * slope
        level = trial_value <= value + ROUNDING * value.abs()
        flatter = (trial_gradient * direction).sum(dim=-1) <= (2.0 * SUFFICIENT_DECREASE - 1.0) * slope
        accepted = active & (lower | (level & flatter))
        # `where`, not a product: a refused trial may be infinite.
        moved = torch.where(accepted[..., None], trial - point, 0.0)
        bent = torch.where(accepted[..., None], trial_gradient - gradient, 0.0)
        turn = (moved * bent).sum(dim=-1)
        # A refused step is remembered as a pair of no effect: its inverse is 0.
        inverse = torch.where(turn > 0.0, 1.0 / turn, torch.zeros_like(turn))
        pairs = [*pairs[-(MEMORY - 1) :], (moved, bent, inverse)]
        bend = (bent * scale * bent).sum(dim=-1)
        gamma = torch.where(turn > 0.0, turn / bend, gamma)
        value = torch.where(accepted, trial_value, value)
        point = torch.where(accepted[..., None], trial, point)
        gradient = torch.where(accepted[..., None], trial_gradient, gradient)
        direction = -_inverse_hessian_times(gradient, pairs, gamma[..., None] * scale)
        step = torch.where(accepted, torch.ones_like(step), 0.5 * step)
    return result, residual


def _inverse_hessian_times(vector: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]], scale: Tensor) -> Tensor:
    """The two-loop recursion."""
    amounts = []
    for moved, bent, inverse in reversed(pairs):
        amount = inverse * (moved * vector).sum(dim=-1)
        vector = vector - amount[..., None] * bent
        amounts.append(amount)
    vector = scale * vector
    for (moved, bent, inverse), amount in zip(pairs, reversed(amounts), strict=True):
        change = amount - inverse * (bent * vector).sum(dim=-1)
        vector = vector + change[..., None] * moved
    return vector


MAX_STEPS = 2000

RANK_TOLERANCE = 1e-10


# Stands for "this class does not exist here": finite, because a weight of 0 must make it 0.
ABSENT_LOGIT = -1e9


@dataclass(frozen=True)
class TrainingSets:
    """F training sets side by side, padded with units of weight 0.

    `axes` (F, N, R + 1) holds the turned features and a last column of ones; `turn` (F, D, R) leads there from
    standardised features; `mean` and `std` are (F, D), `label` and `weight` (F, N).
    """

    axes: Tensor
    label: Tensor
    weight: Tensor
    turn: Tensor
    mean: Tensor
    std: Tensor

    def take(self, chosen: Tensor) -> TrainingSets:
        """The sets at the places `chosen`."""
        return TrainingSets(*(getattr(self, field.name)[chosen] for field in fields(self)))


def build_training_sets(features: Tensor, label: Tensor, rows: Sequence[Tensor]) -> TrainingSets:
    """The training sets of the `rows` of `features` (N, D) float64.

    Raises:
        ValueError: no rows, or features that are not (N, D) float64.
    """
    if features.ndim != 2 or features.dtype != torch.float64 or not rows or not all(len(one) for one in rows):
        raise ValueError(f"expected (N, D) float64 features and rows, got {tuple(features.shape)} {features.dtype}")
    turned, turns, means, stds = [], [], [], []
    for one in rows:
        mean, std = moments(features[one])
        standardised = standardise(features[one], mean, std)
        _, singular, axes = torch.linalg.svd(standardised, full_matrices=False)
        turn = axes[singular > RANK_TOLERANCE * singular.max().clamp(min=1.0)].T
        turned.append(standardised @ turn)
        turns.append(turn)
        means.append(mean)
        stds.append(std)
    num_sets, width, rank = len(rows), max(map(len, rows)), max(turn.shape[1] for turn in turns)
    axes = features.new_zeros(num_sets, width, rank + 1)
    turn = features.new_zeros(num_sets, features.shape[1], rank)
    weight = features.new_zeros(num_sets, width)
    padded_label = label.new_zeros(num_sets, width)
    for k, one in enumerate(rows):
        axes[k, : len(one), : turned[k].shape[1]] = turned[k]
        turn[k, :, : turns[k].shape[1]] = turns[k]
        weight[k, : len(one)] = 1.0
        padded_label[k, : len(one)] = label[one]
    axes[..., -1] = 1.0
    return TrainingSets(axes, padded_label, weight, turn, torch.stack(means), torch.stack(stds))


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and standard deviation (D,) of `features` (N, D); exactly 0 for a constant one."""
    std = features.std(dim=0, correction=0)
    # Rounding in the mean gives a constant feature a tiny deviation.
    std = torch.where(features.amax(dim=0) == features.amin(dim=0), 0.0, std)
    return features.mean(dim=0), std


def standardise(features: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """`(features - mean) / std`, and 0 where `std` is 0."""
    return torch.where(std > 0.0, (features - mean) / torch.where(std > 0.0, std, 1.0), 0.0)


def present_classes(sets: TrainingSets, weight: Tensor, num_classes: int) -> Tensor:
    """The classes that have a weighted unit in each problem, (F, Q, K); `weight` is (F, Q, N)."""
    one_hot = torch.nn.functional.one_hot(sets.label, num_classes).to(weight.dtype)
    return torch.einsum("fqn,fnk->fqk", weight, one_hot) > 0.0


def balanced_weights(sets: TrainingSets, weight: Tensor, num_classes: int) -> Tensor:
    """Weights (F, Q, N) under which the classes present in a problem count alike; their sum stays that of `weight`.

    On weights of 0 and 1 this is scikit-learn's `class_weight="balanced"`.
    """
    one_hot = torch.nn.functional.one_hot(sets.label, num_classes).to(weight.dtype)
    of_class = torch.einsum("fqn,fnk->fqk", weight, one_hot)
    present = of_class > 0.0
    share = weight.sum(dim=-1, keepdim=True) / present.sum(dim=-1, keepdim=True).clamp(min=1)
    factor = torch.where(present, share / torch.where(present, of_class, 1.0), 0.0)
    return weight * torch.einsum("fqk,fnk->fqn", factor, one_hot)


def logits(sets: TrainingSets, solution: Tensor, present: Tensor) -> Tensor:
    """Logits (F, N, Q, K) of the sets' own units; `solution` is (F, Q, R + 1, K)."""
    num_sets, num_problems, width, num_classes = solution.shape
    stacked = solution.transpose(1, 2).reshape(num_sets, width, num_problems * num_classes)
    values = torch.bmm(sets.axes, stacked).reshape(num_sets, -1, num_problems, num_classes)
    return values.masked_fill(~present[:, None], ABSENT_LOGIT)


def solve(sets: TrainingSets, weight: Tensor, c: Tensor, num_classes: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """The solutions (F, Q, R + 1, K), intercepts last, and the norm of the gradient (F, Q).

    Args:
        sets: the training sets.
        weight: (F, Q, N), the weight of each unit in each problem.
        c: (F, Q), the inverse strength of the penalty.
        num_classes: K.
        tolerance: how far W may be from the solution.
    """
    num_sets, num_problems, _ = weight.shape
    width = sets.axes.shape[2]
    present = present_classes(sets, weight, num_classes)
    one_hot = torch.nn.functional.one_hot(sets.label, num_classes).to(weight.dtype)
    penalised = torch.ones(width, 1, dtype=weight.dtype, device=weight.device)
    penalised[-1] = 0.0
    scaled = weight * c[..., None]

    def evaluate(point: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        solution = point.reshape(num_sets, len(columns), width, num_classes)
        unit_weight = scaled[:, columns].transpose(1, 2)
        log_p = torch.log_softmax(logits(sets, solution, present[:, columns]), dim=-1)
        loss = -(log_p * one_hot[:, :, None]).sum(dim=-1)
        residual = (log_p.exp() - one_hot[:, :, None]) * unit_weight[..., None]
        slope = torch.bmm(sets.axes.transpose(1, 2), residual.flatten(start_dim=2))
        slope = slope.reshape(num_sets, width, len(columns), num_classes).transpose(1, 2)
        value = (loss * unit_weight).sum(dim=1) + 0.5 * (penalised * solution.square()).sum(dim=(2, 3))
        return value, (slope + penalised * solution).flatten(start_dim=2)

    spread = torch.einsum("fqn,fnr->fqr", scaled, sets.axes.square())
    curvature = penalised[:, 0] + spread / present.sum(dim=-1, keepdim=True)
    # An axis that no unit of positive weight has, or an absent class, does not move: any positive number will do.
    curvature = torch.where(curvature > 0.0, curvature, 1.0)
    curvature = curvature[..., None].expand(-1, -1, -1, num_classes).flatten(start_dim=2)
    start = torch.zeros_like(curvature)
    solution, residual = minimise(evaluate, start, curvature, tolerance=tolerance, max_steps=MAX_STEPS)
    return solution.reshape(num_sets, num_problems, width, num_classes), residual
